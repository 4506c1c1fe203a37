"""Generic Routing Encapsulation, the enhanced one of PPTP (version 1) included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

CHECKSUM, ROUTING, KEY, SEQUENCE, STRICT, ACKNOWLEDGMENT = 0x8000, 0x4000, 0x2000, 0x1000, 0x0800, 0x0080
ENHANCED = 1

ROUTE = Struct(
    (
        Column("family", "u16", "Family of the addresses in it: 2048 IPv4.", wireshark="gre.routing.address_family"),
        Column("offset", "u8", "Byte of `information` that comes next.", wireshark="gre.routing.sre_offset"),
        Column("information", "bytes", "The route, as sent.", wireshark="gre.routing.information"),
    )
)

TABLES = (
    Table(
        "gre",
        "One row for each GRE header.",
        spec="RFC 2784, RFC 2890, RFC 1701, RFC 2637, RFC 8086",
        on=("ip.protocol=47", "udp.port=4754"),
        columns=(
            Column("version", "u8", "0, or 1 for the enhanced one of PPTP.", wireshark="gre.flags.version"),
            Column("checksum_present", "bool", "A checksum is there.", wireshark="gre.flags.checksum"),
            Column("routing_present", "bool", "A source route is there.", wireshark="gre.flags.routing"),
            Column("key_present", "bool", "A key is there.", wireshark="gre.flags.key"),
            Column("sequence_present", "bool", "A sequence number is there.", wireshark="gre.flags.sequence_number"),
            Column("strict_source_route", "bool", "The route must be kept to.",
                   wireshark="gre.flags.strict_source_route"),
            Column("recursion_control", "u8", "How often it may be wrapped again, 0 to 7.",
                   wireshark="gre.flags.recursion_control"),
            Column("protocol", "u16", "EtherType of what it carries.", wireshark="gre.proto", encoding="dictionary"),
            Column("checksum", "u16", "Internet checksum of header and payload.", wireshark="gre.checksum"),
            Column("offset", "u16", "Byte of the source route that comes next.", wireshark="gre.offset"),
            Column("key", "u32", "Version 0: which of the tunnels between two hosts it is.", wireshark="gre.key"),
            Column("payload_length", "u16", "Version 1: bytes of payload.", wireshark="gre.key.payload_length"),
            Column("call_id", "u16", "Version 1: the receiver's number of the call.", wireshark="gre.key.call_id"),
            Column("sequence", "u32", "Number of the packet.", wireshark="gre.sequence_number"),
            Column("acknowledgment", "u32", "Version 1: the highest number received.", wireshark="gre.ack_number"),
            Column("routes", List(ROUTE), "The source route, but the empty end of it.", why="compared in its fields"),
            Column("acknowledgment_present", "bool", "Version 1: an acknowledgment is there.",
                   wireshark="gre.flags.ack"),
            Column("flags", "u8", "Bits between recursion control and version that should be zero, 0 to 31.",
                   wireshark="gre.flags.reserved"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One header."""
    flags = message.number(2)
    version = flags & 7
    yield "version", version
    yield "checksum_present", bool(flags & CHECKSUM)
    yield "routing_present", bool(flags & ROUTING)
    yield "key_present", bool(flags & KEY)
    yield "sequence_present", bool(flags & SEQUENCE)
    yield "strict_source_route", bool(flags & STRICT)
    yield "recursion_control", flags >> 8 & 7
    if version == ENHANCED:
        yield "acknowledgment_present", bool(flags & ACKNOWLEDGMENT)
        yield "flags", flags >> 3 & 15
    else:
        yield "flags", flags >> 3 & 31
    yield "protocol", message.number(2)
    if version > ENHANCED:
        raise Malformed("bad_version")
    if flags & (CHECKSUM | ROUTING):
        yield "checksum", message.number(2)
        yield "offset", message.number(2)
    if flags & KEY and version == ENHANCED:
        yield "payload_length", message.number(2)
        yield "call_id", message.number(2)
    elif flags & KEY:
        yield "key", message.number(4)
    if flags & SEQUENCE:
        yield "sequence", message.number(4)
    if flags & ACKNOWLEDGMENT and version == ENHANCED:
        yield "acknowledgment", message.number(4)
    if flags & ROUTING:
        yield from _routes(message)


def _routes(message: Cursor) -> Iterator[tuple[str, Any]]:
    routes: list[dict[str, Any]] = []
    yield "routes", routes
    while True:
        family, offset, size = message.number(2), message.number(1), message.number(1)
        if not family and not size:
            return
        route: dict[str, Any] = {"family": family, "offset": offset}
        routes.append(route)
        route["information"] = message.take(size)
