"""UDP (RFC 768): the length is of header and payload; 0 in jumbograms (RFC 2675)."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark

HEADER = 8


def rows(message: Message) -> list[Row]:
    """The row of one datagram."""
    row = fixed(tables.table("udp"), message)
    if len(message.data) >= HEADER:
        length = row["length"]
        if not HEADER <= length <= message.length:
            if length:
                mark(row, "bad_length")
            length = message.length
        row["payload_length"] = length - HEADER
    return [row]
