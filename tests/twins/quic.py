"""QUIC (RFC 9000 section 17): datagrams that start with a long header, or with neither form's fixed bit.

Only the selection of datagrams is columnar; each of them is read by the same parser here.
"""

from __future__ import annotations

from netlake import tables
from netlake.protocols import quic
from tests.twins import parsed
from tests.twins.message import Message, Row

LONG, FIXED = 0x80, 0x40


def rows(message: Message) -> list[Row]:
    """The rows of one datagram: one for each packet with a long header."""
    if not message.data or message.data[0] & (LONG | FIXED) == FIXED:
        return []
    return parsed.run(tables.table("quic"), quic.datagram, message)
