"""IPv6 (RFC 8200 section 3): a fixed header, whose version is 6."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark


def rows(message: Message) -> list[Row]:
    """The row of one header."""
    row = fixed(tables.table("ipv6"), message)
    if message.data and message.data[0] >> 4 != 6:
        mark(row, "bad_version")
    return [row]
