"""ICMPv6 echo (RFC 4443 section 4)."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row

HEADER = 8


def rows(message: Message) -> list[Row]:
    """The row of one message."""
    row = fixed(tables.table("icmpv6_echo"), message)
    if message.length >= HEADER:
        row["payload_length"] = message.length - HEADER
    return [row]
