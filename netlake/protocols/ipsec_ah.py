"""The IP Authentication Header: proves who sent a packet, and hides nothing of it."""

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
            Column("next_header", "u8", "IANA number of what follows.", wireshark="ah.next_header"),
            Column("length", "u16", "Bytes of this header.", why="ah.length counts four bytes, less two"),
            Column("reserved", "u16", "Zero.", why="ah.reserved is bytes"),
            Column("spi", "u32", "Number of the security association at the receiver.", wireshark="ah.spi"),
            Column("sequence", "u32", "Number of the packet.", wireshark="ah.sequence"),
            Column("icv", "bytes", "What proves it.", wireshark="ah.icv"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One header."""
    yield "next_header", message.number(1)
    length = (message.number(1) + 2) * 4
    yield "length", length
    yield "reserved", message.number(2)
    yield "spi", message.number(4)
    yield "sequence", message.number(4)
    if length < HEADER:
        raise Malformed("bad_length")
    yield "icv", message.take(length - HEADER)
