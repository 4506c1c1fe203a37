"""Multiprotocol Label Switching: one row a label, the outermost of a stack first."""

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
            Column("label", "u32", "The label, 0 to 1048575; below 16 they have meanings of their own.", at=0,
                   bits=(12, 20), wireshark="mpls.label", encoding="dictionary"),
            Column("traffic_class", "u8", "Class of service, 0 to 7.", at=2, bits=(1, 3), wireshark="mpls.exp"),
            Column("bottom", "bool", "It is the last of the stack.", at=2, bits=(0, 1), wireshark="mpls.bottom"),
            Column("ttl", "u8", "Hops that it may still make, 0 to 255.", at=3, wireshark="mpls.ttl"),
        ),
    ),
)  # fmt: skip
