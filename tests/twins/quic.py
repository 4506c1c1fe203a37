"""QUIC (RFC 9000 section 17): datagrams that start with a long header, or with neither form's fixed bit.

Only the selection of datagrams is columnar; each of them is read by the same parser here.
"""

from __future__ import annotations

from functools import partial

from netlake import tables
from netlake.protocols import quic
from tests.twins import parsed
from tests.twins.message import Message, Row

LONG, FIXED = 0x80, 0x40


def batch(messages: list[Message]) -> list[list[Row]]:
    """The rows of each datagram: one for each packet with a long header; connections are remembered."""
    parse = partial(quic.datagram, memory=quic.memory())
    short = [not message.data or message.data[0] & (LONG | FIXED) == FIXED for message in messages]
    table = tables.table("quic")
    return [
        [] if skipped else parsed.run(table, parse, message) for message, skipped in zip(messages, short, strict=True)
    ]
