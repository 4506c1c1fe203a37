"""Subnetwork Access Protocol: an organisation and a type of its own behind IEEE 802.2."""

from __future__ import annotations

import numpy as np

from netlake.layers.read import fixed, plain, where
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

# organisations under which the type is an EtherType: IEEE 802, and two that encapsulate Ethernet by another number
WITH_ETHERTYPES = (0x000000, 0x0000F8, 0x080007)

TABLES = (
    Table(
        "snap",
        "One row for each SNAP header.",
        spec="IEEE 802, RFC 1042",
        on=("llc.dsap=0xaa",),
        size=5,
        context="record",
        columns=(
            Column("oui", "i32", "IEEE number of the organisation, 24 bits; 0 means that an EtherType follows.", at=0,
                   bits=(8, 24), wireshark="llc.oui", encoding="dictionary"),
            Column("ethertype", "u16", "EtherType of what follows; null where the organisation has numbers of its own.",
                   at=3, wireshark="llc.type", encoding="dictionary"),
            Column("pid", "u16", "Protocol identifier, the organisation's own number; null where an EtherType stands.",
                   why="a field for each organisation", encoding="dictionary"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the header; the type is an EtherType or not by the organisation."""
    columns = fixed(TABLES[0], messages)
    last = columns["ethertype"]
    typed = np.isin(plain(columns["oui"]), WITH_ETHERTYPES)
    if not typed.all():
        columns["ethertype"], columns["pid"] = where(last, typed), where(last, ~typed)
    return columns
