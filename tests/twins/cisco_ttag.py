"""Cisco's time stamp tag: a time stamp of 48 bits, or of 32, and an EtherType, which decides between both forms."""

from __future__ import annotations

from tests.twins.message import Message, Row, mark_short
from tests.twins.tag import typed

# IPv4, ARP, IPv6, tags of IEEE 802.1Q and 802.1ad, MPLS, PPPoE sessions
COMMON = (0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8, 0x8847, 0x8864)
SIZE = 8


def rows(message: Message) -> list[Row]:
    """The row of one tag; one of 32 bits is recognized with the two bytes after it only."""
    row: Row = {"fault": None}
    if len(message.data) < SIZE:
        mark_short(row, message)
        return [row]
    after_32, after_48 = message.number(4, 2), message.number(6, 2)
    size = 4 if after_32 in COMMON and after_48 not in COMMON else 6
    row["timestamp"], row["bits"] = message.number(0, size), 8 * size
    return [row | typed(message.number(size, 2))]
