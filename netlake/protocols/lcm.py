"""Lightweight Communications and Marshalling: messages on named channels, as robots send them by multicast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder, text
from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, Table

SHORT_MESSAGE = 0x4C433032
FRAGMENT = 0x4C433033

TABLES = (
    Table(
        "lcm",
        "One row for each LCM message or fragment of one.",
        spec="LCM UDP multicast protocol",
        on=("udp.port=7667",),
        columns=(
            Column("magic", "u32", "1279471666 (LC02) a message, 1279471667 (LC03) a fragment.",
                   why="tshark 4.0 has no dissector"),
            Column("sequence", "u32", "Number of the message.", why="tshark 4.0 has no dissector"),
            Column("fragmented", "bool", "Whether it is a fragment.", why="told by the magic number"),
            Column("payload_size", "u32", "Fragment: bytes of the whole message.", why="no dissector"),
            Column("fragment_offset", "u32", "Fragment: where it stands in the message, bytes.", why="no dissector"),
            Column("fragment_number", "u16", "Fragment: its number, from 0.", why="no dissector"),
            Column("total_fragments", "u16", "Fragment: how many there are.", why="no dissector"),
            Column("channel", "text", "Name of the channel; of fragments the first has it.", why="no dissector"),
            Column("data", "bytes", "What is sent; its first 8 bytes tell its type.", why="no dissector"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message or fragment."""
    magic = message.number(4)
    yield "magic", magic
    if magic not in (SHORT_MESSAGE, FRAGMENT):
        raise Malformed("bad_value")
    yield "sequence", message.number(4)
    yield "fragmented", magic == FRAGMENT
    number = 0
    if magic == FRAGMENT:
        yield "payload_size", message.number(4)
        yield "fragment_offset", message.number(4)
        number = message.number(2)
        yield "fragment_number", number
        yield "total_fragments", message.number(2)
    if number == 0:
        end = message.data.find(b"\0", message.at, message.end)
        if end < 0:
            raise Short
        yield "channel", text(message.take(end - message.at))
        message.skip(1)
    yield from remainder(message, "data")
