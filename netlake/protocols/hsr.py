"""High-availability Seamless Redundancy: the tag of the two copies of a frame in a ring, and the supervision frames.

Supervision frames are those of PRP too (Parallel Redundancy Protocol); in an HSR ring they are behind a tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items
from netlake.layers.read import fixed, split_length
from netlake.packets import Columns, Cursor, Messages
from netlake.schema import Column, List, Struct, Table

MAC_SIZE = 6
# TLVs with addresses: PRP duplicate discard, PRP duplicate accept, HSR; RedBox; virtual node
NODES = (20, 21, 22, 23)
REDBOX = 30
VIRTUAL_NODE = 31

TLV = Struct(
    (
        Column("type", "u8", "TLV type: 20 and 21 PRP node, 23 HSR node, 30 RedBox, 31 virtual node.",
               why="tshark shows the end too"),
        Column("value", "bytes", "Value, as sent.", why="one tshark field for each type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "hsr",
        "One row for each HSR tag.",
        spec="IEC 62439-3",
        on=("ether.type=0x892f",),
        size=6,
        context="record",
        columns=(
            Column("path", "u8", "Path: network (upper three bits) and lane, 0 A or 1 B.", at=0, bits=(12, 4),
                   wireshark="hsr.path"),
            Column("lsdu_size", "u16", "Bytes from the tag to the end of the payload, the tag included, 0 to 4095.",
                   at=0, bits=(0, 12), wireshark="hsr.lsdu_size"),
            Column("sequence", "u16", "Sequence number; both copies of a frame have the same.", at=2,
                   wireshark="hsr.sequence_nr"),
            Column("ethertype", "u16", "EtherType of the payload, from 1536; null where the tag has a length instead.",
                   at=4, wireshark="hsr.type", encoding="dictionary"),
            Column("length", "u16", "Length of the LLC payload, 0 to 1535 bytes; null where the tag has an EtherType.",
                   why="tshark shows it as hsr.type", encoding="dictionary"),
        ),
    ),
    Table(
        "hsr_supervision",
        "One row for each supervision frame of HSR or PRP.",
        spec="IEC 62439-3",
        on=("ether.type=0x88fb",),
        context="record",
        columns=(
            Column("path", "u8", "Path, 0.", wireshark="hsr_prp_supervision.path"),
            Column("version", "u16", "Version of the supervision frame, 0 or 1.",
                   wireshark="hsr_prp_supervision.version"),
            Column("sequence", "u16", "Sequence number of supervision frames.",
                   wireshark="hsr_prp_supervision.supervision_seqno"),
            Column("node", "mac", "Address of the node that is announced.",
                   wireshark="hsr_prp_supervision.source_mac_address_A"),
            Column("redbox", "mac", "Address of the RedBox that announces a node behind it.",
                   wireshark="hsr_prp_supervision.red_box_mac_address"),
            Column("virtual_node", "mac", "Address of the announced node behind a RedBox.",
                   wireshark="hsr_prp_supervision.vdan_mac_address"),
            Column("tlvs", List(TLV), "TLVs in wire order, without the end."),
        ),
    ),
)  # fmt: skip


def read_hsr(messages: Messages) -> Columns:
    """Columns of the tag."""
    return split_length(fixed(TABLES[0], messages))


def parse_hsr_supervision(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one frame; bytes behind the end of the TLVs are padding."""
    bits = message.number(2)
    yield "path", bits >> 12
    yield "version", bits & 0xFFF
    yield "sequence", message.number(2)
    tlvs: list[dict[str, Any]] = []
    yield "tlvs", tlvs
    for kind, value in items(message):
        if kind == 0:
            return
        tlvs.append({"type": kind, "value": value})
        if len(value) >= MAC_SIZE:
            name = "node" if kind in NODES else {REDBOX: "redbox", VIRTUAL_NODE: "virtual_node"}.get(kind)
            if name:
                yield name, value[:MAC_SIZE]
