"""E-Tag (IEEE 802.1BR): the channel of a frame between a controlling bridge and its port extenders."""

from __future__ import annotations

from netlake.layers.read import fixed, split_length
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

TABLES = (
    Table(
        "e_tag",
        "One row for each E-Tag.",
        spec="IEEE 802.1BR",
        on=("ether.type=0x893f",),
        size=8,
        context="record",
        columns=(
            Column("priority", "u8", "Priority code point (E-PCP), 0 to 7.", at=0, bits=(13, 3), wireshark="etag.pcp"),
            Column("drop_eligible", "bool", "Drop eligible indicator (E-DEI).", at=0, bits=(12, 1),
                   wireshark="etag.dei"),
            Column("ingress_channel", "u16", "E-channel of the port at which the frame entered (base), 0 to 4095.",
                   at=0, bits=(0, 12), wireshark="etag.iecid_base", encoding="dictionary"),
            Column("group", "u8", "GRP: 0 point-to-point; else point-to-multipoint.", at=2, bits=(12, 2),
                   wireshark="etag.group"),
            Column("channel", "u16", "E-channel of the frame (base), 0 to 4095.", at=2, bits=(0, 12),
                   wireshark="etag.ecid_base", encoding="dictionary"),
            Column("ingress_extension", "u8", "Extension of the ingress E-channel.", at=4,
                   wireshark="etag.iecid_ext"),
            Column("extension", "u8", "Extension of the E-channel.", at=5, wireshark="etag.ecid_ext"),
            Column("ethertype", "u16", "EtherType of the payload, from 1536; null where the tag has a length instead.",
                   at=6, wireshark="etag.etype", encoding="dictionary"),
            Column("length", "u16", "Length of the LLC payload, 0 to 1535 bytes; null where the tag has an EtherType.",
                   why="tshark shows it as etag.etype", encoding="dictionary"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the tag."""
    return split_length(fixed(TABLES[0], messages))
