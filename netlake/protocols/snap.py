"""Subnetwork Access Protocol: an organisation and a type of its own behind IEEE 802.2."""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "snap",
        "One row for each SNAP header.",
        spec="IEEE 802, RFC 1042",
        on=("llc.dsap=0xaa",),
        size=5,
        context="record",
        columns=(
            Column(
                "oui",
                "i32",
                "IEEE number of the organisation, 24 bits; 0 means that `type` is an EtherType.",
                at=0,
                bits=(8, 24),
                wireshark="llc.oui",
                encoding="dictionary",
            ),
            Column(
                "type",
                "u16",
                "EtherType where `oui` is 0, else the organisation's own number.",
                at=3,
                wireshark="llc.type",
                encoding="dictionary",
            ),
        ),
    ),
)
