"""Ethernet II and IEEE 802.3 frames."""

from __future__ import annotations

from netlake.layers.entropy import ENTROPY, payload_entropy
from netlake.layers.read import fixed, lengths, plain, where
from netlake.packets import Columns, Messages, Nullable
from netlake.schema import Column, Table

# a value below this is a length (IEEE 802.3 clause 3.2.6); lengths above 1500 are not valid
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
                   "EtherType of the payload, from 1536; null where the frame has a length instead.", at=12,
                   wireshark="eth.type", encoding="dictionary"),
            Column("length", "u16",
                   "Length of the LLC payload according to the frame, 0 to 1535 bytes; null where it has an EtherType.",
                   wireshark="eth.len", encoding="dictionary"),
            Column("payload_length", "i32",
                   "Length of the payload on the wire, bytes, with padding and an FCS that was captured.",
                   why="frame.len minus 14, but not in tunnels"),
            ENTROPY,
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the fixed header; the value of the third field decides between EtherType and length."""
    columns = fixed(TABLES[0], messages)
    third = columns["ethertype"]
    typed = plain(third) >= FIRST_ETHERTYPE
    if not typed.all():
        columns["ethertype"], columns["length"] = where(third, typed), where(third, ~typed)
    size = messages.end - messages.start + messages.missing - HEADER
    columns["payload_length"] = lengths(messages, size, size >= 0)
    return columns


def entropy(messages: Messages, columns: Columns) -> Nullable:
    """The optional column `entropy`; `columns` is the result of `read`."""
    del columns
    return payload_entropy(messages, HEADER)
