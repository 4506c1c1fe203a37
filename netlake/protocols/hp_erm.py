"""HP ERM, encapsulated remote mirroring: frames that a switch of HP mirrors over UDP."""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "hp_erm",
        "One row for each frame that a switch mirrors with HP ERM; the frame is decoded further.",
        spec="HP ProCurve",
        on=("udp.port=7932",),
        size=12,
        columns=(
            Column("unknown", "hex64", "First eight bytes, which are not documented.", at=0,
                   why="hp_erm.unknown1 has another form"),
            Column("priority", "u8", "VLAN priority of the frame, 0 to 7.", at=8, bits=(21, 3),
                   wireshark="hp_erm.priority"),
            Column("cfi", "bool", "Canonical format indicator of the frame.", at=8, bits=(20, 1),
                   wireshark="hp_erm.cfi"),
            Column("vlan", "u16", "VLAN of the frame, 0 to 4095.", at=8, bits=(8, 12), wireshark="hp_erm.vlan"),
            Column("tagged", "bool", "The frame had a VLAN tag.", at=11, bits=(7, 1), wireshark="hp_erm.is_tagged"),
        ),
    ),
)  # fmt: skip
