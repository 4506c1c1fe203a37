"""IP headers directly in an IP header: the tunnels 4in4, 6in4, 4in6 and 6in6.

Decided here:
- The walk finds them; extension headers and an authentication header may be between the two IP headers.
- The flow of a row is the outer one, so its addresses are the tunnel endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed
from netlake.schema import Column, Table

HEADER_4 = 20
IPV4, IPV6 = 4, 6

TABLES = (
    Table(
        "ip_in_ip",
        "One row for each IP header that is directly in another IP header.",
        spec="RFC 2003, RFC 4213, RFC 2473",
        on=(),
        size=HEADER_4,
        why="compared in ipv4 and ipv6",
        columns=(
            Column("kind", "word", "Tunnel type, inner in outer version: 4in4, 6in4, 4in6 or 6in6.",
                   why="defined by netlake"),
            Column("outer_version", "u8", "Version of the outer header, 4 or 6."),
            Column("inner_version", "u8", "Version of the inner header, 4 or 6."),
            Column("inner_length", "u32", "Bytes of the inner packet, its header included."),
            Column("inner_protocol", "u8", "IANA protocol number of the payload of the inner header."),
            Column("inner_ttl", "u8", "TTL or hop limit of the inner header."),
            Column("inner_src_ip", "ip", "Source address of the inner header."),
            Column("inner_dst_ip", "ip", "Destination address of the inner header."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one inner header; the hint of the message is the version of the outer header."""
    yield "outer_version", message.hint
    first = message.number(1)
    version = first >> 4
    yield "inner_version", version
    if version not in (IPV4, IPV6):
        raise Malformed("bad_version")
    yield "kind", f"{version}in{message.hint}"
    if version == IPV4:
        message.skip(1)
        yield "inner_length", message.number(2)
        message.skip(4)
        yield "inner_ttl", message.number(1)
        yield "inner_protocol", message.number(1)
        message.skip(2)
    else:
        message.skip(3)
        yield "inner_length", message.number(2) + 40
        yield "inner_protocol", message.number(1)
        yield "inner_ttl", message.number(1)
    width = 4 if version == IPV4 else 16
    yield "inner_src_ip", message.take(width)
    yield "inner_dst_ip", message.take(width)
