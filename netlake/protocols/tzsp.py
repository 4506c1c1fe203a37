"""TaZmen Sniffer Protocol: packets that access points and routers mirror to an analyzer over UDP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

PADDING, END = 0, 1
MOST_FIELDS = 64
# types without tagged fields: keepalive, port opener
WITHOUT_FIELDS = (4, 5)
# fields with a column: number, bytes
NUMBERS = {10: ("signal", 1), 12: ("rate", 1), 18: ("channel", 1), 40: ("packet_id", 4), 41: ("original_length", 2)}
SENSOR = 60

FIELD = Struct(
    (
        Column("tag", "u8", "Tag of the field.", why="tshark shows padding and end too"),
        Column("value", "bytes", "Value, as sent.", why="one tshark field for each tag"),
    )
)

TABLES = (
    Table(
        "tzsp",
        "One row for each TZSP message; the packet that it mirrors is decoded further.",
        spec="TaZmen Sniffer Protocol",
        on=("udp.port=37008",),
        columns=(
            Column("version", "u8", "Version, 1.", wireshark="tzsp.version"),
            Column("type", "u8",
                   "Type: 0 received packet, 1 packet to send, 3 configuration, 4 keepalive, 5 port opener.",
                   wireshark="tzsp.type"),
            Column("encapsulation", "u16",
                   "Encapsulation of the packet: 1 Ethernet, 7 IP, 18 IEEE 802.11, 119 with Prism, 127 with AVS.",
                   wireshark="tzsp.encap"),
            Column("signal", "i8", "Signal strength, dBm.", wireshark="tzsp.wlan.signal"),
            Column("rate", "u8", "Data rate, 500 kbit/s.", wireshark="tzsp.wlan.rate"),
            Column("channel", "u8", "Channel of IEEE 802.11.", why="tshark reads other bytes"),
            Column("packet_id", "u32", "Number of the packet.", wireshark="tzsp.packet_id"),
            Column("original_length", "u16", "Bytes of the packet before the sensor truncated it.",
                   wireshark="tzsp.original_length"),
            Column("sensor", "mac", "Address of the sensor.", wireshark="tzsp.sensormac"),
            Column("fields", List(FIELD), "Tagged fields in wire order, without padding and end."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header; a typed column has the first field of its tag with the right length."""
    version = message.number(1)
    yield "version", version
    kind = message.number(1)
    yield "type", kind
    yield "encapsulation", message.number(2)
    if version != 1:
        raise Malformed("bad_version")
    if kind in WITHOUT_FIELDS:
        return
    fields: list[dict[str, Any]] = []
    yield "fields", fields
    seen: set[int] = set()
    for _ in range(MOST_FIELDS):
        tag = message.number(1)
        if tag == END:
            return
        if tag == PADDING:
            continue
        value = message.take(message.number(1))
        fields.append({"tag": tag, "value": value})
        if tag in seen:
            continue
        name, size = NUMBERS.get(tag, ("sensor", 6))
        if len(value) == size and (tag == SENSOR or tag in NUMBERS):
            seen.add(tag)
            yield name, value if tag == SENSOR else int.from_bytes(value, "big", signed=name == "signal")
    raise Malformed("bad_options")
