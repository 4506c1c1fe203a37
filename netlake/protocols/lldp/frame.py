"""LLDP frames: the mandatory TLVs in columns, and all TLVs as sent.

Decided here:
- A frame starts with chassis ID, port ID and TTL; another order is `bad_value`. If a mandatory TLV is repeated, the
  first one has the columns.
- Reading ends at the TLV of type 0, so that padding after it is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

ON = ("ether.type=0x88cc",)
END = 0
CHASSIS_ID = 1
PORT_ID = 2
TIME_TO_LIVE = 3
BEGINNING = (CHASSIS_ID, PORT_ID, TIME_TO_LIVE)

TLV = Struct(
    (
        Column("type", "u8", "TLV type, 0 to 127; 127 is organizationally specific.", wireshark="lldp.tlv.type"),
        Column("length", "u16", "Bytes of the value, 0 to 511.", wireshark="lldp.tlv.len"),
        Column("value", "bytes", "Value, as sent.", why="one tshark field for each type"),
    )
)

TABLES = (
    Table(
        "lldp",
        "One row for each LLDP frame; its optional TLVs are in `lldp_info`.",
        spec="IEEE 802.1AB",
        on=ON,
        context="record",
        columns=(
            Column("chassis_subtype", "u8", "Chassis ID subtype: 4 MAC address, 5 network address, 7 locally assigned.",
                   wireshark="lldp.chassis.subtype"),
            Column("chassis_id", "bytes", "Chassis ID, as sent.", wireshark="lldp.chassis.id"),
            Column("port_subtype", "u8",
                   "Port ID subtype: 1 alias, 3 MAC address, 4 network address, 5 interface name, 7 local.",
                   wireshark="lldp.port.subtype"),
            Column("port_id", "bytes", "Port ID, as sent.", wireshark="lldp.port.id"),
            Column("ttl", "u16", "Time to live, seconds; 0 removes the sender.", wireshark="lldp.time_to_live"),
            Column("tlvs", List(TLV), "TLVs in wire order, the end TLV included."),
        ),
    ),
)  # fmt: skip


def tlvs(message: Cursor) -> Iterator[tuple[int, bytes]]:
    """Type and value of each TLV up to and including the end TLV; `bad_value` if the mandatory ones are not first."""
    expected = list(BEGINNING)
    while message.promised:
        head = message.number(2)
        kind, size = head >> 9, head & 0x1FF
        if size > message.promised:
            raise Malformed("bad_length")
        if expected and kind != expected.pop(0):
            message.fault("bad_value")
        yield kind, message.take(size)
        if kind == END:
            return


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one frame; of a repeated mandatory TLV the first is used."""
    items: list[dict[str, Any]] = []
    yield "tlvs", items
    seen: set[int] = set()
    for kind, value in tlvs(message):
        items.append({"type": kind, "length": len(value), "value": value})
        if kind not in seen:
            seen.add(kind)
            yield from _mandatory(kind, value, message)


def _mandatory(kind: int, value: bytes, message: Cursor) -> Iterator[tuple[str, Any]]:
    if kind in (CHASSIS_ID, PORT_ID):
        name = "chassis" if kind == CHASSIS_ID else "port"
        if value:
            yield f"{name}_subtype", value[0]
            yield f"{name}_id", value[1:]
        if len(value) < 2:
            message.fault("bad_length")
    elif kind == TIME_TO_LIVE:
        if len(value) < 2:
            message.fault("bad_length")
        else:
            yield "ttl", int.from_bytes(value[:2], "big")
