"""PPP over Ethernet: discovery messages, and the headers of session frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items, part, text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Struct, Table

VERSION_AND_TYPE = 0x11
SESSION = 0
END_OF_LIST = 0
TEXTS = {0x0101: "service_name", 0x0102: "ac_name"}
BYTES = {0x0103: "host_uniq", 0x0104: "ac_cookie"}

TAG = Struct(
    (
        Column("type", "u16", "Tag type.", why="pppoed.tag exists for unknown tags only"),
        Column("value", "bytes", "Tag value, as sent.", why="one tshark field for each type"),
    )
)

TABLES = (
    Table(
        "pppoe",
        "One row for each PPPoE header: discovery messages and session frames.",
        spec="RFC 2516",
        on=("ether.type=0x8863", "ether.type=0x8864"),
        context="record",
        message=Message(
            "PPPoE {code:0=session,9=PADI,7=PADO,25=PADR,101=PADS,167=PADT}[ {ac_name}][ {service_name}]",
            "remote", only="{code?!0}",
        ),
        columns=(
            Column("version", "u8", "PPPoE version, 1.", wireshark="pppoe.version"),
            Column("type", "u8", "PPPoE type, 1.", wireshark="pppoe.type"),
            Column("code", "u8", "Code: 0 session; discovery: 9 PADI, 7 PADO, 25 PADR, 101 PADS, 167 PADT.",
                   wireshark="pppoe.code"),
            Column("session_id", "u16", "Session ID; 0 until it is assigned.", wireshark="pppoe.session_id"),
            Column("length", "u16", "Bytes of the payload, Ethernet padding not included.",
                   wireshark="pppoe.payload_length"),
            Column("service_name", "text", "Discovery: service name, requested or offered.",
                   wireshark="pppoed.tags.service_name"),
            Column("ac_name", "text", "Discovery: name of the access concentrator.", wireshark="pppoed.tags.ac_name"),
            Column("host_uniq", "bytes", "Discovery: Host-Uniq, matches replies to the host's requests.",
                   wireshark="pppoed.tags.host_uniq"),
            Column("ac_cookie", "bytes", "Discovery: AC cookie, repeated by the host.",
                   wireshark="pppoed.tags.ac_cookie"),
            Column("tags", List(TAG), "Discovery: tags in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header, and of the tags of discovery messages."""
    first = message.number(1)
    yield "version", first >> 4
    yield "type", first & 15
    code = message.number(1)
    yield "code", code
    yield "session_id", message.number(2)
    length = message.number(2)
    yield "length", length
    if first != VERSION_AND_TYPE:
        raise Malformed("bad_version")
    if length > message.promised:
        raise Malformed("bad_length")
    if code == SESSION:
        return
    tags: list[dict[str, Any]] = []
    yield "tags", tags
    for kind, value in items(part(message, length), code=2, size=2):
        tags.append({"type": kind, "value": value})
        if kind in TEXTS:
            yield TEXTS[kind], text(value)
        elif kind in BYTES:
            yield BYTES[kind], value
        elif kind == END_OF_LIST:
            return
