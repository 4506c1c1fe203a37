"""IEEE 802.1Q: the last field of a tag is an EtherType from 1536 on, else a length."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row


def rows(message: Message) -> list[Row]:
    """The row of one tag."""
    row = fixed(tables.table("dot1q"), message)
    last = row.pop("ethertype", None)
    if last is not None:
        row["ethertype" if last >= 1536 else "length"] = last
    return [row]
