"""ISAKMP: on port 4500 messages after four zero bytes (RFC 3948 section 2.2).

Only the selection of messages is columnar; each of them is read by the same parser here.
"""

from __future__ import annotations

from netlake import tables
from netlake.protocols import isakmp
from tests.twins import parsed
from tests.twins.message import Message, Row


def rows(message: Message) -> list[Row]:
    """The row of one message, none for one that is not ISAKMP."""
    if 4500 in message.ports and (any(message.data[:4]) or message.length <= 4):
        return []
    return parsed.run(tables.table("isakmp"), isakmp.message, message)


# the four zeros of ISAKMP with nothing after them
MESSAGES = [Message(bytes(4), 0, (4500, 4500))]
