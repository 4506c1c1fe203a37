"""IEEE 802.1Q VLAN tags; each tag of a stack (QinQ) is a row."""

from __future__ import annotations

from netlake.layers.read import fixed, plain, where
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

# as in Ethernet: from this value on the last field is an EtherType, below it a length
FIRST_ETHERTYPE = 0x0600

TABLES = (
    Table(
        "dot1q",
        "One row for each VLAN tag, the outermost first.",
        spec="IEEE 802.1Q",
        on=("ether.type=0x8100", "ether.type=0x88a8", "ether.type=0x9100", "ether.type=0x9200"),
        size=4,
        context="record",
        columns=(
            Column("priority", "u8", "Priority code point (PCP), 0 to 7.", at=0, bits=(5, 3),
                   wireshark="vlan.priority"),
            Column("drop_eligible", "bool", "Drop eligible indicator (DEI): the frame may be dropped first.", at=0,
                   bits=(4, 1), wireshark="vlan.dei"),
            Column("vlan", "u16", "VLAN identifier, 0 (priority tag without a VLAN) to 4095.", at=0, bits=(0, 12),
                   wireshark="vlan.id", encoding="dictionary"),
            Column("ethertype", "u16", "EtherType of the payload, from 1536; null where the tag has a length instead.",
                   at=2, wireshark="vlan.etype", encoding="dictionary"),
            Column("length", "u16", "Length of the LLC payload, 0 to 1535 bytes; null where the tag has an EtherType.",
                   wireshark="vlan.len", encoding="dictionary"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the tag; the value of its last field decides between EtherType and length."""
    columns = fixed(TABLES[0], messages)
    last = columns["ethertype"]
    typed = plain(last) >= FIRST_ETHERTYPE
    if not typed.all():
        columns["ethertype"], columns["length"] = where(last, typed), where(last, ~typed)
    return columns
