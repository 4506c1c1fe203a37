"""Encapsulated Remote Switched Port Analyzer: frames that a switch mirrors through GRE.

Type 1 has no header: its rows have only the type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed
from netlake.schema import Column, Table

TABLES = (
    Table(
        "erspan",
        "One row for each mirrored frame of ERSPAN.",
        spec="draft-foschiano-erspan-03",
        on=("ether.type=0x88be", "ether.type=0x22eb"),
        columns=(
            Column("type", "u8", "Type: 1, 2 or 3; the version in the header is one less.",
                   why="erspan.version is one less"),
            Column("vlan", "u16", "VLAN of the mirrored frame, 0 to 4095.", wireshark="erspan.vlan"),
            Column("cos", "u8", "Class of service of the mirrored frame, 0 to 7.", wireshark="erspan.cos"),
            Column("encapsulation", "u8", "Type 2: trunk encapsulation, 0 none, 1 ISL, 2 802.1Q, 3 VLAN tag kept.",
                   wireshark="erspan.encap"),
            Column("integrity", "u8", "Type 3: integrity, 0 good or unknown, 1 short, 2 oversized, 3 bad.",
                   wireshark="erspan.bso"),
            Column("truncated", "bool", "The mirrored frame was truncated.", wireshark="erspan.truncated"),
            Column("session_id", "u16", "Session ID, 0 to 1023.", wireshark="erspan.spanid"),
            Column("index", "u32", "Type 2: port index, with direction, specific to the switch.",
                   wireshark="erspan.index"),
            Column("timestamp", "u32", "Type 3: timestamp, in units of `granularity`.", wireshark="erspan.timestamp"),
            Column("security_group", "u16", "Type 3: security group tag of the mirrored frame.",
                   wireshark="erspan.sgt"),
            Column("ethernet", "bool", "Type 3: P flag, an Ethernet frame follows.", wireshark="erspan.p"),
            Column("frame_type", "u8", "Type 3: frame type, 0 Ethernet, 2 IP.", wireshark="erspan.ft"),
            Column("hardware_id", "u8", "Type 3: hardware ID of the switch engine, 0 to 63.", wireshark="erspan.hw"),
            Column("egress", "bool", "Type 3: direction, true egress, false ingress.", wireshark="erspan.direction"),
            Column("granularity", "u8",
                   "Type 3: granularity, 0 100 microseconds, 1 100 nanoseconds, 2 IEEE 1588, 3 user-defined.",
                   wireshark="erspan.gra"),
            Column("platform_id", "u8", "Type 3: platform ID, form of the optional subheader, 0 to 63.",
                   wireshark="erspan.platid"),
            Column("platform", "bytes", "Type 3: platform-specific subheader as sent, 8 bytes.",
                   why="one tshark field per form"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header; the hint is 1 for GRE without a sequence number, which is type 1."""
    if message.hint:
        yield "type", 1
        return
    first = message.number(2)
    version = first >> 12
    yield "type", version + 1
    if version not in (1, 2):
        raise Malformed("bad_version")
    yield "vlan", first & 0xFFF
    second = message.number(2)
    yield "cos", second >> 13
    yield "encapsulation" if version == 1 else "integrity", second >> 11 & 3
    yield "truncated", bool(second & 0x400)
    yield "session_id", second & 0x3FF
    if version == 1:
        yield "index", message.number(4) & 0xFFFFF
        return
    yield "timestamp", message.number(4)
    yield "security_group", message.number(2)
    flags = message.number(2)
    yield "ethernet", bool(flags & 0x8000)
    yield "frame_type", flags >> 10 & 31
    yield "hardware_id", flags >> 4 & 63
    yield "egress", bool(flags & 8)
    yield "granularity", flags >> 1 & 3
    if flags & 1:
        platform = message.take(8)
        yield "platform_id", platform[0] >> 2
        yield "platform", platform
