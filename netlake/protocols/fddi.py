"""Fiber Distributed Data Interface, a token ring of the 1990s.

Addresses are read as captured: programs that write such captures store their bits in the order of Ethernet.
"""

from __future__ import annotations

from netlake.layers.read import fixed, plain, where
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

# class and format of asynchronous LLC frames, the only ones with a priority
ASYNCHRONOUS_LLC = 0x50

TABLES = (
    Table(
        "fddi",
        "One row for each FDDI frame.",
        spec="ANSI X3.139, ISO 9314-2",
        on=("link.type=10",),
        size=13,
        context="record",
        columns=(
            Column("frame_control", "u8", "Frame control: 80 to 87 LLC, 65 and 79 station management.", at=0,
                   wireshark="fddi.fc"),
            Column("class", "u8", "Class, address length and format bits, 0 to 15.", at=0, bits=(4, 4),
                   why="fddi.fc.clf is not shifted"),
            Column("priority", "u8", "Asynchronous LLC: priority, 0 to 7; null in other frames.", at=0, bits=(0, 3),
                   wireshark="fddi.fc.prio"),
            Column("dst_mac", "mac", "Destination address.", at=1, wireshark="fddi.dst"),
            Column("src_mac", "mac", "Source address.", at=7, wireshark="fddi.src"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the header; only asynchronous LLC frames have a priority."""
    columns = fixed(TABLES[0], messages)
    asynchronous = plain(columns["frame_control"]) & 0xF0 == ASYNCHRONOUS_LLC
    columns["priority"] = where(columns["priority"], asynchronous)
    return columns
