"""Generic Routing Encapsulation, with the enhanced version 1 of PPTP.

The flags decide which fields follow; they are read by column, one field after the other. Source routes (RFC 1701) are
rare and are read message by message.
"""

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
        Column("family", "u16", "Address family: 2048 (0x0800) IPv4.", wireshark="gre.routing.address_family"),
        Column("offset", "u8", "Offset of the active entry in `information`, bytes.",
               wireshark="gre.routing.sre_offset"),
        Column("information", "bytes", "Routing information as sent.", wireshark="gre.routing.information"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "gre",
        "One row for each GRE header.",
        spec="RFC 2784, RFC 2890, RFC 1701, RFC 2637, RFC 8086",
        on=("ip.protocol=47", "udp.port=4754"),
        size=HEADER,
        columns=(
            Column("version", "u8", "Version: 0, or 1 for enhanced GRE (PPTP).", at=1, bits=(0, 3),
                   wireshark="gre.flags.version"),
            Column("checksum_present", "bool", "C flag: a checksum is present.", at=0, bits=(15, 1),
                   wireshark="gre.flags.checksum"),
            Column("routing_present", "bool", "R flag: source routes are present.", at=0, bits=(14, 1),
                   wireshark="gre.flags.routing"),
            Column("key_present", "bool", "K flag: a key is present.", at=0, bits=(13, 1), wireshark="gre.flags.key"),
            Column("sequence_present", "bool", "S flag: a sequence number is present.", at=0, bits=(12, 1),
                   wireshark="gre.flags.sequence_number"),
            Column("strict_source_route", "bool", "Strict source route flag.", at=0, bits=(11, 1),
                   wireshark="gre.flags.strict_source_route"),
            Column("recursion_control", "u8", "Recursion control: permitted further encapsulations, 0 to 7.", at=0,
                   bits=(8, 3), wireshark="gre.flags.recursion_control"),
            Column("protocol", "u16", "EtherType of the payload.", at=2, wireshark="gre.proto", encoding="dictionary"),
            Column("checksum", "u16", "Internet checksum of header and payload.", wireshark="gre.checksum"),
            Column("offset", "u16", "Offset of the active source route entry, bytes.", wireshark="gre.offset"),
            Column("key", "u32", "Version 0: key, identifies a tunnel between two hosts.", wireshark="gre.key"),
            Column("payload_length", "u16", "Version 1: length of the payload, bytes.",
                   wireshark="gre.key.payload_length"),
            Column("call_id", "u16", "Version 1: call ID of the receiver.", wireshark="gre.key.call_id"),
            Column("sequence", "u32", "Sequence number.", wireshark="gre.sequence_number"),
            Column("acknowledgment", "u32", "Version 1: highest sequence number received.", wireshark="gre.ack_number"),
            Column("routes", List(ROUTE), "Source route entries, without the null entry at the end."),
            Column("acknowledgment_present", "bool", "Version 1: A flag, an acknowledgment number is present.",
                   wireshark="gre.flags.ack"),
            Column("flags", "u8", "Reserved bits between recursion control and version, 0 to 31.",
                   wireshark="gre.flags.reserved"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the flags, then of each field that they indicate, and of source routes."""
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
    valid = whole & (version <= ENHANCED)
    at = np.full(len(messages), HEADER, np.int64)
    for name, size, indicated in fields:
        present = valid & indicated
        if present.any():
            value = number_at(messages, at, size)
            columns[name] = Nullable(value.astype(np.int32 if size == 2 else np.int64), present & (value >= 0))
            mark_short(messages, present & (value < 0))
            at += np.where(present, size, 0)
    # messages that are too short so far have no routes
    routing &= valid & (messages.start + at <= messages.end)
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
