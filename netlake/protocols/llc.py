"""IEEE 802.2 logical link control: service access points of a frame without an EtherType."""

from __future__ import annotations

import numpy as np

from netlake.layers.read import fixed, mark_short, where
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

HEADER = 3
# the low bits of an unnumbered frame's control field, which has one byte; other control fields have two
UNNUMBERED = 3

TABLES = (
    Table(
        "llc",
        "One row for each IEEE 802.2 header.",
        spec="IEEE 802.2",
        on=(),
        size=HEADER,
        context="record",
        columns=(
            Column("dsap", "u8", "Destination service access point (DSAP), group bit included.", at=0,
                   wireshark="llc.dsap"),
            Column("group", "bool", "Group bit: the destination is a group.", at=0, bits=(0, 1),
                   wireshark="llc.dsap.ig"),
            Column("ssap", "u8", "Source service access point (SSAP), response bit included.", at=1,
                   wireshark="llc.ssap"),
            Column("response", "bool", "Response bit: a response, else a command.", at=1, bits=(0, 1),
                   wireshark="llc.ssap.cr"),
            Column("control", "u16",
                   "Control field: one byte in unnumbered frames, else two bytes in little-endian order.",
                   wireshark="llc.control", encoding="dictionary"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the header; the control field has one or two bytes."""
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    control = np.zeros(len(messages), np.int32)
    whole = size >= HEADER
    control[whole] = messages.data[messages.start[whole] + 2]
    wide = whole & (control & UNNUMBERED != UNNUMBERED)
    mark_short(messages, wide & (size == HEADER))
    longer = wide & (size > HEADER)
    control[longer] |= messages.data[messages.start[longer] + HEADER].astype(np.int32) << 8
    columns["control"] = where(control, whole & ~(wide & (size == HEADER)))
    return columns
