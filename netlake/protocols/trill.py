"""TRILL, Transparent Interconnection of Lots of Links: a frame between two RBridges."""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "trill",
        "One row for each TRILL header; the frame behind it is in `ethernet`.",
        spec="RFC 6325",
        on=("ether.type=0x22f3",),
        size=6,
        context="record",
        columns=(
            Column("version", "u8", "Version, 0.", at=0, bits=(14, 2), wireshark="trill.version"),
            Column("multi_destination", "bool", "M: the frame is distributed along a tree, to several RBridges.", at=0,
                   bits=(11, 1), wireshark="trill.multi_dst"),
            Column("option_length", "u8", "Length of the options, units of 4 bytes, 0 to 31.", at=0, bits=(6, 5),
                   wireshark="trill.op_len"),
            Column("hop_count", "u8", "Hop count that is left, 0 to 63.", at=1, bits=(0, 6),
                   wireshark="trill.hop_cnt"),
            Column("egress", "u16", "Nickname of the egress RBridge, or of the root of the distribution tree.", at=2,
                   wireshark="trill.egress_nick", encoding="dictionary"),
            Column("ingress", "u16", "Nickname of the ingress RBridge.", at=4, wireshark="trill.ingress_nick",
                   encoding="dictionary"),
        ),
    ),
)  # fmt: skip
