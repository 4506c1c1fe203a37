"""RTP (RFC 3550 section 5): contributing sources and an extension follow the fixed header."""

from __future__ import annotations

from netlake import tables
from netlake.packets import Cursor, Short
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark, mark_short

HEADER = 12


def rows(message: Message) -> list[Row]:
    """The row of one packet."""
    row = fixed(tables.table("rtp"), message) | {"heuristic": True}
    if len(message.data) < HEADER:
        return [row]
    if row["version"] != 2:
        mark(row, "bad_version")
    cursor = Cursor(message.data, HEADER, missing=message.missing)
    try:
        row["contributing"] = []
        for _ in range(row["source_count"]):
            row["contributing"].append(cursor.number(4))
        if row["extension"]:
            row["extension_profile"] = cursor.number(2)
            size = 4 * cursor.number(2)
            if size > cursor.promised:
                mark(row, "bad_length")
                return [row]
            row["extension_data"] = cursor.take(size)
        row["payload_length"] = cursor.promised
    except Short:
        mark_short(row, message)
    return [row]
