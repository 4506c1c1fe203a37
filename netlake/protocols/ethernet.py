"""Ethernet II and IEEE 802.3 frames."""

from __future__ import annotations

import numpy as np

from netlake.layers.entropy import ENTROPY, payload_entropy
from netlake.layers.read import fixed, plain, where
from netlake.packets import Columns, Messages, Nullable
from netlake.schema import Column, Table

# a third field below this is a length (IEEE 802.3 clause 3.2.6), though none above 1500 is a sound one
FIRST_ETHERTYPE = 0x0600
HEADER = 14

TABLES = (
    Table(
        "ethernet",
        "One row for each Ethernet frame, those within tunnels included.",
        spec="IEEE 802.3",
        on=("link.type=1", "ether.type=0x6558", "snap.bridged=1", "snap.bridged=7", "ip.protocol=143"),
        size=HEADER,
        context="record",
        columns=(
            Column("dst_mac", "mac", "Destination address.", at=0, wireshark="eth.dst"),
            Column("src_mac", "mac", "Source address.", at=6, wireshark="eth.src"),
            Column("ethertype", "u16",
                   "EtherType of what follows, from 1536; null where the frame gives a length instead.", at=12,
                   wireshark="eth.type", encoding="dictionary"),
            Column("length", "u16",
                   "Bytes of LLC data that the frame says it holds, 0 to 1535; null where it gives an EtherType.",
                   wireshark="eth.len", encoding="dictionary"),
            Column("payload_length", "i32",
                   "Bytes on the wire behind the header, padding and any check sequence that was captured included.",
                   why="frame.len less 14, but for frames in tunnels"),
            ENTROPY,
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the fixed header; the third field is a type or a length by its value."""
    columns = fixed(TABLES[0], messages)
    third = columns["ethertype"]
    typed = plain(third) >= FIRST_ETHERTYPE
    if not typed.all():
        columns["ethertype"], columns["length"] = where(third, typed), where(third, ~typed)
    size = messages.end - messages.start + messages.missing - HEADER
    columns["payload_length"] = where(size.astype(np.int32), size >= 0)
    return columns


def entropy(messages: Messages, columns: Columns) -> Nullable:
    """The column `entropy`, for who asks for it; `columns` as from `read`."""
    del columns
    return payload_entropy(messages, HEADER)
