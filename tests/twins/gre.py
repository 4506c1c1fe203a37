"""GRE (RFC 2784, RFC 2890, RFC 1701) and enhanced GRE (RFC 2637): flags decide which fields follow, in fixed order."""

from __future__ import annotations

from netlake import tables
from netlake.packets import Cursor, Short
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark, mark_short

HEADER = 4
CHECKSUM, ROUTING, KEY, SEQUENCE, ACKNOWLEDGMENT = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080


def rows(message: Message) -> list[Row]:
    """The row of one header."""
    row = fixed(tables.table("gre"), message)
    flags = message.number(0, 2)
    if flags is None:
        return [row]
    enhanced = flags & 7 == 1
    row["flags"] = flags >> 3 & (0xF if enhanced else 0x1F)
    if enhanced:
        row["acknowledgment_present"] = flags & ACKNOWLEDGMENT > 0
    if len(message.data) < HEADER:
        return [row]
    if flags & 7 > 1:
        mark(row, "bad_version")
        return [row]
    cursor = Cursor(message.data, HEADER)
    try:
        fields(cursor, row, flags, enhanced=enhanced)
        if flags & ROUTING:
            routes(cursor, row)
    except Short:
        mark_short(row, message)
    return [row]


def fields(cursor: Cursor, row: Row, flags: int, *, enhanced: bool) -> None:
    """The fields that the flags indicate; a source route needs the offset, which the checksum field contains."""
    if flags & (CHECKSUM | ROUTING):
        row["checksum"] = cursor.number(2)
        row["offset"] = cursor.number(2)
    if flags & KEY and enhanced:
        row["payload_length"] = cursor.number(2)
        row["call_id"] = cursor.number(2)
    elif flags & KEY:
        row["key"] = cursor.number(4)
    if flags & SEQUENCE:
        row["sequence"] = cursor.number(4)
    if flags & ACKNOWLEDGMENT and enhanced:
        row["acknowledgment"] = cursor.number(4)


def routes(cursor: Cursor, row: Row) -> None:
    """RFC 1701: source route entries up to an entry without family and length."""
    row["routes"] = []
    while True:
        route: Row = {"family": cursor.number(2), "offset": cursor.number(1)}
        size = cursor.number(1)
        if not route["family"] and not size:
            return
        row["routes"].append(route)
        route["information"] = cursor.take(size)
