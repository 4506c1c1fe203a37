"""The IPv6 fragment header."""

from __future__ import annotations

from netlake.layers.read import fixed, plain, where
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

TABLES = (
    Table(
        "ipv6_fragment",
        "One row for each IPv6 fragment header as captured.",
        spec="RFC 8200 section 4.5",
        on=("ip.protocol=44",),
        size=8,
        context="network",
        columns=(
            Column("next_header", "u8", "IANA protocol number of the first header of the fragmented part.", at=0,
                   wireshark="ipv6.fraghdr.nxt"),
            Column("reserved", "u8", "Reserved, must be zero, 8 bits.", at=1, wireshark="ipv6.fraghdr.reserved_octet"),
            Column("fragment_offset", "u16", "Bytes of the datagram before this fragment, 0 to 65528.", at=2,
                   bits=(3, 13), why="ipv6.fraghdr.offset counts 8 bytes", encoding="dictionary"),
            Column("reserved_bits", "u8", "Reserved, must be zero, 2 bits.", at=3, bits=(1, 2),
                   wireshark="ipv6.fraghdr.reserved_bits"),
            Column("more_fragments", "bool", "More fragments flag: not the last fragment.", at=3, bits=(0, 1),
                   wireshark="ipv6.fraghdr.more"),
            Column("identification", "u32", "Identification, shared by all fragments of one datagram.", at=4,
                   wireshark="ipv6.fraghdr.ident"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the header; the offset is in bytes."""
    columns = fixed(TABLES[0], messages)
    columns["fragment_offset"] = where(plain(columns["fragment_offset"]) * 8, messages.end - messages.start >= 4)
    return columns
