"""Multiprotocol Label Switching: one row for each entry of a label stack, the outermost first."""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "mpls",
        "One row for each MPLS label, the outermost first.",
        spec="RFC 3032, RFC 5462, RFC 4023, RFC 7510",
        on=("ether.type=0x8847", "ether.type=0x8848", "ppp.protocol=0x0281", "ip.protocol=137", "udp.port=6635"),
        size=4,
        context="record",
        columns=(
            Column("label", "u32", "Label, 0 to 1048575; 0 to 15 are reserved.", at=0, bits=(12, 20),
                   wireshark="mpls.label", encoding="dictionary"),
            Column("traffic_class", "u8", "Traffic class, 0 to 7.", at=2, bits=(1, 3), wireshark="mpls.exp"),
            Column("bottom", "bool", "Bottom of stack: the last label.", at=2, bits=(0, 1), wireshark="mpls.bottom"),
            Column("ttl", "u8", "Time to live: hops left, 0 to 255.", at=3, wireshark="mpls.ttl"),
        ),
    ),
)  # fmt: skip
