"""The table of all packets: one row for every packet of a capture, decoded or not. The pipeline writes the rows."""

from __future__ import annotations

from netlake.kernels.answers import STOPS
from netlake.schema import Column, Table

REASONS = ", ".join(str(reason) for reason in STOPS[1:])

TABLES = (
    Table(
        "packet",
        "One row for each captured packet, decoded or not.",
        spec="",
        on=(),
        context="packet",
        also=(("ts", "frame.time"), ("ts", "frame.time_epoch"), ("packet", "frame.number")),
        columns=(
            Column("ts_nanos", "i16", "Nanoseconds of the packet's timestamp below its microsecond, 0 to 999.",
                   why="part of frame.time_epoch", encoding="dictionary"),
            Column("interface", "i32",
                   "Number of the interface that captured it, from 0 through the capture: joins `interface`.",
                   wireshark="frame.interface_id", encoding="dictionary"),
            Column("link_type", "i32", "LINKTYPE number of its outermost header; 1 is Ethernet.",
                   why="frame.encap_type has other numbers", encoding="dictionary"),
            Column("captured", "i32", "Captured bytes.", wireshark="frame.cap_len"),
            Column("length", "i32", "Bytes on the wire.", wireshark="frame.len"),
            Column("offset", "i64",
                   "Offset of its record in the capture, or in its decompressed content, bytes; null if unknown.",
                   why="frame.file_off is the offset of the packet's bytes", encoding="delta"),
            Column("stack", "word", "Table names of its headers, outermost first, joined by colons; TCP is the last.",
                   why="frame.protocols has other names"),
            Column("stop_offset", "i32",
                   "Offset in the packet at which decoding stopped; null if all of it was decoded.",
                   why="defined by netlake", encoding="dictionary"),
            Column("stop_reason", "word",
                   f"Stop reason: {REASONS}; null if all was decoded or handed to a TCP stream (`connection`).",
                   why="defined by netlake"),
            Column("stop_value", "i32",
                   "Value of the stop reason: link type, EtherType, protocol, port or payload protocol; else null.",
                   why="defined by netlake", encoding="dictionary"),
        ),
    ),
)  # fmt: skip
