"""Lightweight Communications and Marshalling: messages on named channels over UDP multicast, used in robotics."""

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
        "One row for each LCM message or fragment.",
        spec="LCM UDP multicast protocol",
        on=("udp.port=7667",),
        why="tshark 4.0 has no dissector",
        columns=(
            Column("magic", "u32", "Magic number: 1279471666 (LC02) message, 1279471667 (LC03) fragment."),
            Column("sequence", "u32", "Sequence number of the message."),
            Column("fragmented", "bool", "The message is a fragment."),
            Column("payload_size", "u32", "Fragment: bytes of the whole message."),
            Column("fragment_offset", "u32", "Fragment: offset in the message, bytes."),
            Column("fragment_number", "u16", "Fragment: number of the fragment, from 0."),
            Column("total_fragments", "u16", "Fragment: number of fragments of the message."),
            Column("channel", "text", "Channel name; null for fragments after the first."),
            Column("data", "bytes", "Payload; its first 8 bytes are the fingerprint of its type."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message or fragment."""
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
