"""IP Authentication Header: authenticates a packet without encryption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed
from netlake.schema import Column, Table

HEADER = 12

TABLES = (
    Table(
        "ipsec_ah",
        "One row for each authentication header.",
        spec="RFC 4302",
        on=("ip.protocol=51",),
        columns=(
            Column("next_header", "u8", "IANA protocol number of the next header.", wireshark="ah.next_header"),
            Column("length", "u16", "Bytes of this header, 8 to 1028.", why="ah.length counts 4 bytes, less 2"),
            Column("reserved", "u16", "Reserved, 0.", why="ah.reserved is of type bytes"),
            Column("spi", "u32", "Security parameters index: number of the security association at the receiver.",
                   wireshark="ah.spi"),
            Column("sequence", "u32", "Sequence number of the packet.", wireshark="ah.sequence"),
            Column("icv", "bytes", "Integrity check value.", wireshark="ah.icv"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header."""
    yield "next_header", message.number(1)
    length = (message.number(1) + 2) * 4
    yield "length", length
    yield "reserved", message.number(2)
    yield "spi", message.number(4)
    yield "sequence", message.number(4)
    if length < HEADER:
        raise Malformed("bad_length")
    yield "icv", message.take(length - HEADER)
