"""The frame of the Link Layer Discovery Protocol: who sends it, from which port, and every TLV as it lies."""

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
        Column("type", "u8", "Type, 0 to 127; 127 is an organisation's own.", wireshark="lldp.tlv.type"),
        Column("length", "u16", "Bytes of the value, 0 to 511.", wireshark="lldp.tlv.len"),
        Column("value", "bytes", "The value as it lies.", why="many fields, one for each type"),
    )
)

TABLES = (
    Table(
        "lldp",
        "One row for each LLDP frame; what its optional TLVs say stands in `lldp_info`.",
        spec="IEEE 802.1AB",
        on=ON,
        context="record",
        columns=(
            Column("chassis_subtype", "u8",
                   "What the chassis is called by: 4 MAC address, 5 network address, 7 a local name.",
                   wireshark="lldp.chassis.subtype"),
            Column("chassis_id", "bytes", "Id of the chassis, as it lies.", wireshark="lldp.chassis.id"),
            Column("port_subtype", "u8",
                   "What the port is called by: 1 alias, 3 MAC address, 4 network address, 5 interface name, 7 local.",
                   wireshark="lldp.port.subtype"),
            Column("port_id", "bytes", "Id of the port, as it lies.", wireshark="lldp.port.id"),
            Column("ttl", "u16", "Seconds for which this is to be believed; 0 takes it back.",
                   wireshark="lldp.time_to_live"),
            Column("tlvs", List(TLV), "Every TLV in wire order, its end too."),
        ),
    ),
)  # fmt: skip


def tlvs(message: Cursor) -> Iterator[tuple[int, bytes]]:
    """Type and value of each TLV, up to and with the one that ends the frame; the first three are always the same."""
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
    """One frame; of an id that stands twice the first counts."""
    found: list[dict[str, Any]] = []
    yield "tlvs", found
    seen: set[int] = set()
    for kind, value in tlvs(message):
        found.append({"type": kind, "length": len(value), "value": value})
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
