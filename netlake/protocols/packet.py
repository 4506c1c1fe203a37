"""The spine: one row for every packet of a capture, understood or not. The pipeline fills it."""

from __future__ import annotations

from netlake.kernels.steps import STOPS
from netlake.schema import Column, Table

REASONS = ", ".join(str(reason) for reason in STOPS[1:])

TABLES = (
    Table(
        "packet",
        "One row for each captured packet, whether it could be understood or not.",
        spec="",
        on=(),
        context="packet",
        columns=(
            Column("ts_nanos", "i16", "Nanoseconds of the packet's time below its microsecond, 0 to 999.",
                   why="part of frame.time_epoch", encoding="dictionary"),
            Column("interface", "i32",
                   "Number of the interface that it was captured on, from 0 through the capture: joins `interface`.",
                   wireshark="frame.interface_id", encoding="dictionary"),
            Column("link_type", "i32", "LINKTYPE number of its outermost header; 1 is Ethernet.",
                   why="frame.encap_type counts otherwise", encoding="dictionary"),
            Column("captured", "i32", "Bytes of it that the capture kept.", wireshark="frame.cap_len"),
            Column("length", "i32", "Bytes of it on the wire.", wireshark="frame.len"),
            Column("offset", "i64",
                   "Where its record begins: byte of the capture, or of what that decompresses to; null if unknown.",
                   why="frame.file_off is of the packet's bytes", encoding="delta"),
            Column("stack", "word", "The headers found in it, outermost first, as names of tables joined by colons.",
                   why="frame.protocols has other names"),
            Column("stop_offset", "i32",
                   "Byte of the packet at which decoding stopped; null where all of it was understood.", why="our own",
                   encoding="dictionary"),
            Column("stop_reason", "word", f"Why decoding stopped: {REASONS}; null where it did not.", why="our own"),
            Column("stop_value", "i32",
                   "The number that is not known: link type, EtherType, protocol, port or payload protocol; else null.",
                   why="our own", encoding="dictionary"),
        ),
    ),
)  # fmt: skip
