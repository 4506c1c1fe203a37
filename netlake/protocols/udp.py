"""User Datagram Protocol."""

from __future__ import annotations

import numpy as np

from netlake.layers.entropy import ENTROPY, payload_entropy
from netlake.layers.read import fixed, lengths, mark, plain
from netlake.packets import Columns, Messages, Nullable
from netlake.schema import Column, Table, faults

HEADER = 8

TABLES = (
    Table(
        "udp",
        "One row for each UDP datagram; its ports are in `src_port` and `dst_port`.",
        spec="RFC 768",
        on=("ip.protocol=17",),
        size=HEADER,
        also=(("src_port", "udp.srcport"), ("dst_port", "udp.dstport")),
        columns=(
            Column("length", "u16", "Bytes of header and payload by the header, 8 to 65535; 0 in IPv6 jumbograms.",
                   at=4, wireshark="udp.length"),
            Column("checksum", "u16", "Internet checksum over pseudo-header, header and payload; 0: no checksum.", at=6,
                   wireshark="udp.checksum"),
            Column("payload_length", "i32",
                   "Payload bytes on the wire: `length` less 8, or what the IP header leaves if that does not fit.",
                   why="derived from udp.length"),
            ENTROPY,
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the fixed header, and the payload length."""
    columns = fixed(TABLES[0], messages)
    length = plain(columns["length"])
    room = messages.end - messages.start + messages.missing
    fits = (length >= HEADER) & (length <= room)
    if not fits.all():
        mark(messages, ~fits & (length != 0), faults.BAD_LENGTH)
        length = np.where(fits, length, room)
    columns["payload_length"] = lengths(messages, length - HEADER, messages.end - messages.start >= HEADER)
    return columns


def entropy(messages: Messages, columns: Columns) -> Nullable:
    """Column `entropy`, computed on request only; `columns` is not used."""
    del columns
    return payload_entropy(messages, HEADER)
