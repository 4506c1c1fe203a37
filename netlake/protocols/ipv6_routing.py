"""The IPv6 routing header: nodes that a packet visits on its way.

Decided here: addresses are those of a source route (type 0), of mobile IPv6 (2) and of segment routing (4), in wire
order; the compressed ones of RPL (3) and other types are in `data` as sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

SOURCE_ROUTE, MOBILE, SEGMENTS = 0, 2, 4
ADDRESS = 16
# TLVs of padding: Pad1, PadN
PAD_1, PAD_N = 0, 4

TLV = Struct(
    (
        Column("type", "u8", "Type of the TLV.", why="tshark shows them by type"),
        Column("value", "bytes", "Value, as sent.", why="tshark shows them by type"),
    )
)

TABLES = (
    Table(
        "ipv6_routing",
        "One row for each IPv6 routing header.",
        spec="RFC 8200 section 4.4, RFC 8754, RFC 6275, RFC 6554",
        on=("ip.protocol=43",),
        context="network",
        columns=(
            Column("next_header", "u8", "IANA protocol number of the next header.", wireshark="ipv6.routing.nxt"),
            Column("length", "i32", "Bytes of this header, 8 to 2048.", wireshark="ipv6.routing.len_oct"),
            Column("type", "u8", "Type: 0 source route (deprecated), 2 mobile IPv6, 3 RPL, 4 segment routing.",
                   wireshark="ipv6.routing.type"),
            Column("segments_left", "u8", "Nodes that are still to be visited.", wireshark="ipv6.routing.segleft"),
            Column("addresses", List("ipv6"), "Nodes in wire order; segment routing lists the last one first.",
                   why="one tshark field for each type"),
            Column("last_entry", "u8", "Segment routing: index of the last element of `addresses`.",
                   wireshark="ipv6.routing.srh.last_entry"),
            Column("flags", "u8", "Segment routing: flags.", wireshark="ipv6.routing.srh.flags"),
            Column("tag", "u16", "Segment routing: tag of a class of packets.", why="ipv6.routing.srh.tag is bytes"),
            Column("tlvs", List(TLV), "Segment routing: TLVs in wire order, without padding."),
            Column("data", "bytes", "Other types: data behind `segments_left`, as sent.",
                   why="several tshark fields by type"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header."""
    yield "next_header", message.number(1)
    yield "length", 8 + 8 * message.number(1)
    kind = message.number(1)
    yield "type", kind
    yield "segments_left", message.number(1)
    if kind == SEGMENTS:
        yield from _segments(message)
    elif kind in (SOURCE_ROUTE, MOBILE):
        message.skip(4)
        yield from _addresses(message, message.promised // ADDRESS)
    else:
        yield from remainder(message, "data")


def _addresses(message: Cursor, count: int) -> Iterator[tuple[str, Any]]:
    addresses: list[str] = []
    yield "addresses", addresses
    addresses.extend(address_text(message.take(ADDRESS)) for _ in range(count))


def _segments(message: Cursor) -> Iterator[tuple[str, Any]]:
    last = message.number(1)
    yield "last_entry", last
    yield "flags", message.number(1)
    yield "tag", message.number(2)
    if (last + 1) * ADDRESS > message.promised:
        raise Malformed("bad_length")
    yield from _addresses(message, last + 1)
    tlvs: list[dict[str, Any]] = []
    yield "tlvs", tlvs
    while message.promised:
        kind = message.number(1)
        if kind == PAD_1:
            continue
        value = message.take(message.number(1))
        if kind != PAD_N:
            tlvs.append({"type": kind, "value": value})
