"""VN-Tag: the virtual interfaces of a frame between a Cisco switch and its fabric extender or adapter."""

from __future__ import annotations

from netlake.layers.read import fixed, split_length
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

TABLES = (
    Table(
        "vn_tag",
        "One row for each VN-Tag.",
        spec="IEEE 802.1Qbh draft 0",
        on=("ether.type=0x8926",),
        size=6,
        context="record",
        columns=(
            Column("from_bridge", "bool", "Direction: the switch sent the frame; else the extender did.", at=0,
                   bits=(15, 1), wireshark="vntag.dir"),
            Column("multicast", "bool", "Pointer: `destination` is the number of a list of interfaces.", at=0,
                   bits=(14, 1), wireshark="vntag.ptr"),
            Column("destination", "u16", "Destination virtual interface, or list of them, 0 to 16383.", at=0,
                   bits=(0, 14), wireshark="vntag.dst", encoding="dictionary"),
            Column("looped", "bool", "Looped: the frame returns to the extender that sent it.", at=2, bits=(15, 1),
                   wireshark="vntag.looped"),
            Column("version", "u8", "Version, 0.", at=2, bits=(12, 2), wireshark="vntag.version"),
            Column("source", "u16", "Source virtual interface, 0 to 4095.", at=2, bits=(0, 12),
                   wireshark="vntag.src", encoding="dictionary"),
            Column("ethertype", "u16", "EtherType of the payload, from 1536; null where the tag has a length instead.",
                   at=4, wireshark="vntag.etype", encoding="dictionary"),
            Column("length", "u16", "Length of the LLC payload, 0 to 1535 bytes; null where the tag has an EtherType.",
                   wireshark="vntag.len", encoding="dictionary"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the tag."""
    return split_length(fixed(TABLES[0], messages))
