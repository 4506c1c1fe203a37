"""Cisco MetaData: version, length, option, tag and EtherType; in GRE, where it starts with it, the EtherType first."""

from __future__ import annotations

from tests.twins.message import Message, Row, mark_short

SIZE = 8
FIELDS = (("version", 1), ("length", 1), ("option", 2), ("security_group", 2))


def rows(message: Message) -> list[Row]:
    """The row of one header."""
    row: Row = {"fault": None}
    if len(message.data) < SIZE:
        mark_short(row, message)
    in_gre = bool(message.data) and message.data[0] >= 6
    at = 2 if in_gre else 0
    for name, size in FIELDS:
        row[name] = message.number(at, size)
        at += size
    row["ethertype"] = message.number(0 if in_gre else at, 2)
    return [row]
