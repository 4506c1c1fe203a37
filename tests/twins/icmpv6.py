"""ICMPv6 (RFC 4443): a header of 4 bytes; types 1 to 4 are errors, which quote a packet from byte 8 on."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark_short
from tests.twins.quoted import quoted

HEADER, QUOTED = 4, 8
COLUMN_OF = {2: "mtu", 4: "pointer"}


def rows(message: Message) -> list[Row]:
    """The row of one message."""
    row = fixed(tables.table("icmpv6"), message)
    if message.length >= HEADER:
        row["payload_length"] = message.length - HEADER
    if row.get("type") in (1, 2, 3, 4):
        if len(message.data) < QUOTED:
            mark_short(row, message)
        if row["type"] in COLUMN_OF:
            row[COLUMN_OF[row["type"]]] = message.number(HEADER, 4)
        quoted(message, QUOTED, row)
    return [row]


def fragment(offset_and_more: int) -> Message:
    """Time exceeded, of a fragment of a UDP datagram."""
    ports = b"\x12\x34\x00\x35\x00\x08\x00\x00"
    header = b"\x11\x00" + offset_and_more.to_bytes(2) + b"\x00\x00\x00\x07"
    packet = b"\x60\x00\x00\x00\x00\x10\x2c\x40" + bytes(15) + b"\x01" + bytes(15) + b"\x02" + header + ports
    return Message(b"\x03\x00\x00\x00\x00\x00\x00\x00" + packet)


# the first fragment, also with a reserved bit; a later one
MESSAGES = [fragment(1), fragment(7), fragment(8), fragment(0x100)]
