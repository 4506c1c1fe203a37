"""Nortel Discovery Protocol (SONMP): announcements of Nortel, Bay and SynOptics devices to their neighbors."""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "nortel_discovery",
        "One row for each hello of the Nortel Discovery Protocol.",
        spec="SynOptics Network Management Protocol",
        # segment hello, flatnet hello
        on=("snap.nortel=0x01a2", "snap.nortel=0x01a1"),
        size=11,
        context="record",
        columns=(
            Column("ip", "ipv4", "IP address of the device.", at=0, wireshark="ndp.ipaddress"),
            Column("segment_id", "i32", "Segment identifier: slot and port of the sender, 24 bits.", at=4, bits=(8, 24),
                   wireshark="ndp.segmentident", encoding="dictionary"),
            Column("chassis", "u8", "Chassis type.", at=7, wireshark="ndp.chassis"),
            Column("backplane", "u8", "Backplane type: 1 other, 2 Ethernet, 12 Fast Ethernet.", at=8,
                   wireshark="ndp.backplane"),
            Column("state", "u8", "State: 1 topology change, 2 heartbeat, 3 new.", at=9, wireshark="ndp.state"),
            Column("number_of_links", "u8", "Number of links to other devices.", at=10, wireshark="ndp.numberoflinks"),
        ),
    ),
)  # fmt: skip
