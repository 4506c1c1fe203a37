"""Generic Routing Encapsulation, the enhanced one of PPTP (version 1) included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.parsed import each
from netlake.layers.probes import number_at
from netlake.layers.read import fixed, mark, mark_short
from netlake.packets import Columns, Cursor, Messages, Nullable
from netlake.schema import Column, List, Struct, Table, faults

CHECKSUM, ROUTING, KEY, SEQUENCE, STRICT, ACKNOWLEDGMENT = 0x8000, 0x4000, 0x2000, 0x1000, 0x0800, 0x0080
ENHANCED = 1
HEADER = 4

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
        size=HEADER,
        columns=(
            Column("version", "u8", "0, or 1 for the enhanced one of PPTP.", at=1, bits=(0, 3),
                   wireshark="gre.flags.version"),
            Column("checksum_present", "bool", "A checksum is there.", at=0, bits=(15, 1),
                   wireshark="gre.flags.checksum"),
            Column("routing_present", "bool", "A source route is there.", at=0, bits=(14, 1),
                   wireshark="gre.flags.routing"),
            Column("key_present", "bool", "A key is there.", at=0, bits=(13, 1), wireshark="gre.flags.key"),
            Column("sequence_present", "bool", "A sequence number is there.", at=0, bits=(12, 1),
                   wireshark="gre.flags.sequence_number"),
            Column("strict_source_route", "bool", "The route must be kept to.", at=0, bits=(11, 1),
                   wireshark="gre.flags.strict_source_route"),
            Column("recursion_control", "u8", "How often it may be wrapped again, 0 to 7.", at=0, bits=(8, 3),
                   wireshark="gre.flags.recursion_control"),
            Column("protocol", "u16", "EtherType of what it carries.", at=2, wireshark="gre.proto",
                   encoding="dictionary"),
            Column("checksum", "u16", "Internet checksum of header and payload.", wireshark="gre.checksum"),
            Column("offset", "u16", "Byte of the source route that comes next.", wireshark="gre.offset"),
            Column("key", "u32", "Version 0: which of the tunnels between two hosts it is.", wireshark="gre.key"),
            Column("payload_length", "u16", "Version 1: bytes of payload.", wireshark="gre.key.payload_length"),
            Column("call_id", "u16", "Version 1: the receiver's number of the call.", wireshark="gre.key.call_id"),
            Column("sequence", "u32", "Number of the packet.", wireshark="gre.sequence_number"),
            Column("acknowledgment", "u32", "Version 1: the highest number received.", wireshark="gre.ack_number"),
            Column("routes", List(ROUTE), "The source route, but the empty end of it."),
            Column("acknowledgment_present", "bool", "Version 1: an acknowledgment is there.",
                   wireshark="gre.flags.ack"),
            Column("flags", "u8", "Bits between recursion control and version that should be zero, 0 to 31.",
                   wireshark="gre.flags.reserved"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the flags, then each field that they say is there; source routes, which nobody sends, one by one."""
    columns = fixed(TABLES[0], messages)
    flags = number_at(messages, 0, 2)
    version = flags & 7
    whole = messages.end - messages.start >= HEADER
    mark(messages, whole & (version > ENHANCED), faults.BAD_VERSION)
    enhanced, routing = version == ENHANCED, flags & ROUTING > 0
    key, known = flags & KEY > 0, flags >= 0
    columns["acknowledgment_present"] = Nullable(flags & ACKNOWLEDGMENT > 0, enhanced)
    columns["flags"] = Nullable((flags >> 3 & np.where(enhanced, 15, 31)).astype(np.int16), known)
    fields = (
        ("checksum", 2, flags & (CHECKSUM | ROUTING) > 0), ("offset", 2, flags & (CHECKSUM | ROUTING) > 0),
        ("payload_length", 2, key & enhanced), ("call_id", 2, key & enhanced), ("key", 4, key & ~enhanced),
        ("sequence", 4, flags & SEQUENCE > 0), ("acknowledgment", 4, (flags & ACKNOWLEDGMENT > 0) & enhanced),
    )  # fmt: skip
    sound = whole & (version <= ENHANCED)
    at = np.full(len(messages), HEADER, np.int64)
    for name, size, told in fields:
        there = sound & told
        if there.any():
            value = number_at(messages, at, size)
            columns[name] = Nullable(value.astype(np.int32 if size == 2 else np.int64), there & (value >= 0))
            mark_short(messages, there & (value < 0))
            at += np.where(there, size, 0)
    # what ran short before has no routes
    routing &= sound & (messages.start + at <= messages.end)
    if routing.any():
        columns.update(each(TABLES[0], _routes, messages, routing, at))
    return columns


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
