"""Parallel Redundancy Protocol: the trailer of a frame that its sender duplicates into two networks.

Decided here: the walk finds trailers (netlake.kernels.walk_trailer), of the version that has a suffix.
"""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "prp",
        "One row for each trailer of PRP, the redundancy control trailer of a frame.",
        spec="IEC 62439-3",
        on=(),
        size=6,
        context="record",
        columns=(
            Column("sequence", "u16", "Sequence number; both copies of a frame have the same.", at=0,
                   wireshark="prp.trailer.prp_sequence_nr"),
            Column("lan", "u8", "Network into which the copy was sent: 10 A, 11 B.", at=2, bits=(12, 4),
                   wireshark="prp.trailer.prp_lan"),
            Column("lsdu_size", "u16", "Bytes of the payload with the trailer, without a VLAN tag, 0 to 4095.", at=2,
                   bits=(0, 12), wireshark="prp.trailer.prp_size"),
        ),
    ),
)  # fmt: skip
