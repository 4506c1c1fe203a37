"""FDDI (ISO 9314-2): only asynchronous LLC frames, 0101 in the upper bits of frame control, have a priority."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row


def rows(message: Message) -> list[Row]:
    """The row of one frame."""
    row = fixed(tables.table("fddi"), message)
    if message.data[:1] and message.data[0] >> 4 != 0b0101:
        del row["priority"]
    return [row]
