"""The frame of the Cisco Discovery Protocol: its header, and every TLV as it lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items
from netlake.packets import Cursor
from netlake.schema import Column, List, Struct, Table

ON = ("snap.cisco=0x2000",)
HEADER = 4
TLV_HEADER = 4

TLV = Struct(
    (
        Column("type", "u16", "Type, such as 1 device id, 3 port id, 5 software version.", wireshark="cdp.tlv.type"),
        Column("length", "u16", "Bytes of it, its own header included.", wireshark="cdp.tlv.len"),
        Column("value", "bytes", "The value as it lies.", why="many fields, one for each type"),
    )
)

TABLES = (
    Table(
        "cdp",
        "One row for each CDP frame; what its TLVs say stands in `cdp_info`.",
        spec="Cisco Discovery Protocol, versions 1 and 2",
        on=ON,
        context="record",
        columns=(
            Column("version", "u8", "Version of the protocol, 1 or 2.", wireshark="cdp.version"),
            Column("ttl", "u8", "Seconds for which this is to be believed.", wireshark="cdp.ttl"),
            Column("checksum", "u16", "Checksum of the frame.", wireshark="cdp.checksum"),
            Column("tlvs", List(TLV), "Every TLV in wire order."),
        ),
    ),
)


def tlvs(message: Cursor) -> Iterator[tuple[int, bytes]]:
    """Type and value of each TLV behind the header."""
    yield from items(message, code=2, size=2, header=TLV_HEADER)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One frame."""
    yield "version", message.number(1)
    yield "ttl", message.number(1)
    yield "checksum", message.number(2)
    found: list[dict[str, Any]] = []
    yield "tlvs", found
    for kind, value in tlvs(message):
        found.append({"type": kind, "length": len(value) + TLV_HEADER, "value": value})
