"""Cisco MetaData: security group tag of the sender, in an Ethernet frame before the EtherType, or in GRE after it.

Decided here: the first byte selects the form of the header, since an EtherType starts with 6 or more and a version does
not.
"""

from __future__ import annotations

import numpy as np

from netlake.layers.probes import byte_at, number_at
from netlake.layers.read import mark_short
from netlake.packets import Columns, Messages, Nullable
from netlake.schema import Column, Table

SIZE = 8
# the lowest EtherType
FIRST_ETHERTYPE = 0x0600

TABLES = (
    Table(
        "cisco_metadata",
        "One row for each Cisco MetaData header.",
        spec="Cisco TrustSec",
        on=("ether.type=0x8909",),
        context="record",
        columns=(
            Column("version", "u8", "Version, 1.", wireshark="cmd.version"),
            Column("length", "u8", "Number of options of 4 bytes, 1.", wireshark="cmd.length"),
            Column("option", "u16", "Option length (upper 3 bits) and type; 1 security group tag.",
                   wireshark="cmd.options"),
            Column("security_group", "u16", "Security group tag, 0 to 65535.", wireshark="cmd.sgt"),
            Column("ethertype", "u16", "EtherType of the payload, if there is one option.", wireshark="cmd.type"),
        ),
    ),
)  # fmt: skip

# of each column: size, offset in Ethernet (EtherType last), offset in GRE (EtherType first)
PLACES = {
    "version": (1, 0, 2),
    "length": (1, 1, 3),
    "option": (2, 2, 4),
    "security_group": (2, 4, 6),
    "ethertype": (2, 6, 0),
}


def read(messages: Messages) -> Columns:
    """Columns of the header, in the form that its first byte selects."""
    mark_short(messages, messages.end - messages.start < SIZE)
    typed = byte_at(messages, 0) >= FIRST_ETHERTYPE >> 8
    columns: Columns = {}
    for name, (size, ethernet, gre) in PLACES.items():
        values = number_at(messages, np.where(typed, gre, ethernet), size)
        stored = np.int16 if size == 1 else np.int32
        columns[name] = Nullable(values.astype(stored), values >= 0)
    return columns
