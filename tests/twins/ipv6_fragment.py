"""The IPv6 fragment header (RFC 8200 section 4.5): the offset counts words of 64 bits."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row


def rows(message: Message) -> list[Row]:
    """The row of one header."""
    row = fixed(tables.table("ipv6_fragment"), message)
    if "fragment_offset" in row:
        row["fragment_offset"] *= 8
    return [row]
