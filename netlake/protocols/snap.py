"""Subnetwork Access Protocol: an organization (OUI) and its protocol number after IEEE 802.2."""

from __future__ import annotations

import numpy as np

from netlake.layers.read import fixed, plain, where
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

# organizations that use EtherTypes: IEEE 802, and two that encapsulate Ethernet
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
            Column("oui", "i32", "Organizationally unique identifier, 24 bits; 0: an EtherType follows.", at=0,
                   bits=(8, 24), wireshark="llc.oui", encoding="dictionary"),
            Column("ethertype", "u16", "EtherType of the payload; null if the organization has its own numbers.", at=3,
                   wireshark="llc.type", encoding="dictionary"),
            Column("pid", "u16", "Protocol identifier of the organization; null if it is an EtherType.",
                   why="one tshark field for each organization", encoding="dictionary"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the header; the OUI decides whether the protocol number is an EtherType."""
    columns = fixed(TABLES[0], messages)
    last = columns["ethertype"]
    typed = np.isin(plain(columns["oui"]), WITH_ETHERTYPES)
    if not typed.all():
        columns["ethertype"], columns["pid"] = where(last, typed), where(last, ~typed)
    return columns
