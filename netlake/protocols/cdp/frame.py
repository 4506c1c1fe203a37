"""CDP frames: the header, and every TLV as sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items
from netlake.packets import Cursor
from netlake.schema import Column, List, Struct, Table

ON = ("snap.cisco=0x2000", "ether.type=0x2000")
HEADER = 4
TLV_HEADER = 4

TLV = Struct(
    (
        Column("type", "u16", "TLV type: 1 device ID, 3 port ID, 5 software version; others by Cisco.",
               wireshark="cdp.tlv.type"),
        Column("length", "u16", "Length of the TLV, header included, bytes.", wireshark="cdp.tlv.len"),
        Column("value", "bytes", "TLV value as sent.", why="one tshark field per TLV type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "cdp",
        "One row for each CDP frame; `cdp_info` has the contents of its TLVs.",
        spec="Cisco Discovery Protocol, versions 1 and 2",
        on=ON,
        context="record",
        columns=(
            Column("version", "u8", "Protocol version, 1 or 2.", wireshark="cdp.version"),
            Column("ttl", "u8", "Time to live: how long the receiver keeps the information, seconds.",
                   wireshark="cdp.ttl"),
            Column("checksum", "u16", "Checksum of the frame.", wireshark="cdp.checksum"),
            Column("tlvs", List(TLV), "TLVs in wire order."),
        ),
    ),
)  # fmt: skip


def tlvs(message: Cursor) -> Iterator[tuple[int, bytes]]:
    """Type and value of each TLV after the header."""
    yield from items(message, code=2, size=2, header=TLV_HEADER)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one frame."""
    yield "version", message.number(1)
    yield "ttl", message.number(1)
    yield "checksum", message.number(2)
    values: list[dict[str, Any]] = []
    yield "tlvs", values
    for kind, value in tlvs(message):
        values.append({"type": kind, "length": len(value) + TLV_HEADER, "value": value})
