"""uTP (BEP 29): a linked list of extensions follows the fixed header."""

from __future__ import annotations

from netlake import tables
from netlake.packets import Cursor, Short
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark, mark_short

HEADER = 20
MOST_EXTENSIONS = 16


def rows(message: Message) -> list[Row]:
    """The row of one packet."""
    row = fixed(tables.table("utp"), message) | {"heuristic": True, "extensions": []}
    if len(message.data) < HEADER:
        return [row]
    if row["version"] != 1:
        mark(row, "bad_version")
    cursor = Cursor(message.data, HEADER, missing=message.missing)
    kind = row["first_extension"]
    try:
        while kind:
            if len(row["extensions"]) == MOST_EXTENSIONS:
                mark(row, "too_large")
                return [row]
            following, size = cursor.number(1), cursor.number(1)
            if size > cursor.promised:
                mark(row, "bad_length")
                return [row]
            row["extensions"].append({"type": kind, "value": cursor.take(size)})
            kind = following
        row["payload_length"] = cursor.promised
    except Short:
        mark_short(row, message)
    return [row]
