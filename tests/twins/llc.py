"""IEEE 802.2: the control field of unnumbered frames, whose lowest bits are both set, has one byte, else two."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark_short


def rows(message: Message) -> list[Row]:
    """The row of one header."""
    row = fixed(tables.table("llc"), message)
    control = message.data[2:4]
    if control[:1] and control[0] & 3 == 3:
        row["control"] = control[0]
    elif len(control) == 2:
        row["control"] = int.from_bytes(control, "little")
    else:
        mark_short(row, message)
    return [row]
