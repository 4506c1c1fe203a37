"""ESP (RFC 4303), and on port 4500 what RFC 3948 leaves to it: neither ISAKMP, after four zeros, nor a keep-alive."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row

HEADER = 8


def rows(message: Message) -> list[Row]:
    """The row of one packet, none for one that is not ESP."""
    if 4500 in message.ports:
        isakmp = message.length > 4 and not any(message.data[:4])
        keep_alive = message.length == 1 and message.data == b"\xff"
        if isakmp or keep_alive:
            return []
    row = fixed(tables.table("ipsec_esp"), message)
    if len(message.data) >= HEADER:
        row["encrypted_length"] = message.length - HEADER
    return [row]


# the four zeros of ISAKMP with nothing after them
MESSAGES = [Message(bytes(4), 0, (4500, 4500))]
