"""Cisco's time stamp tag (TTag): when a switch received a frame, between its addresses and its EtherType.

Decided here: the time stamp has 48 bits, as tshark reads it, or 32, as some switches send it. It has 32 bits if a
common EtherType follows them and none follows 48 bits; netlake.kernels.tunnels.cisco_ttag has the same rule.
"""

from __future__ import annotations

import numpy as np

from netlake.layers.probes import number_at
from netlake.layers.read import mark_short, split_length
from netlake.packets import Columns, Messages, Nullable
from netlake.schema import Column, Table

COMMON = (0x0800, 0x0806, 0x86DD, 0x8100, 0x8847, 0x8864, 0x88A8)

TABLES = (
    Table(
        "cisco_ttag",
        "One row for each time stamp tag of a Cisco switch.",
        spec="Cisco Nexus 9000 NX-OS",
        on=("ether.type=0x8988",),
        context="record",
        columns=(
            Column("timestamp", "i64", "Time stamp of the switch as sent; of 48 bits in nanoseconds.",
                   why="ttag.time_stamp is in seconds, and shown by Decode As only"),
            Column("bits", "u8", "Bits of the time stamp, 48 or 32.", why="tshark reads 48 always"),
            Column("ethertype", "u16", "EtherType of the payload, from 1536; null where the tag has a length instead.",
                   why="ttag.type is shown by Decode As only", encoding="dictionary"),
            Column("length", "u16", "Length of the LLC payload, 0 to 1535 bytes; null where the tag has an EtherType.",
                   why="shown by Decode As only", encoding="dictionary"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the tag, in the form that its EtherType selects."""
    first, second = number_at(messages, 4, 2), number_at(messages, 6, 2)
    narrow = np.isin(first, COMMON) & ~np.isin(second, COMMON) & (second >= 0)
    stamp = np.where(narrow, number_at(messages, 0, 4), number_at(messages, 0, 6))
    # the form needs eight bytes
    kind = np.where(narrow, first, second)
    mark_short(messages, kind < 0)
    return split_length({
        "timestamp": Nullable(stamp, kind >= 0),
        "bits": Nullable(np.where(narrow, 32, 48).astype(np.int16), kind >= 0),
        "ethertype": Nullable(kind.astype(np.int32), kind >= 0),
    })  # fmt: skip
