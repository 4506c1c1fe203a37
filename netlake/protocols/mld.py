"""Multicast Listener Discovery, versions 1 and 2 (ICMPv6): queries for and reports of multicast group memberships."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.pools import address_text
from netlake.packets import Cursor
from netlake.schema import Column, List, Message, Struct, Table

QUERY = 130
VERSION_2_REPORT = 143
SHORTEST_VERSION_2_QUERY = 28
# bytes of the ICMPv6 header
HEADER = 4

RECORD = Struct(
    (
        Column("type", "u8", "Record type: 1 include, 2 exclude, 3 to include, 4 to exclude, 5 allow new, 6 block old.",
               wireshark="icmpv6.mldr.mar.record_type"),
        Column("group", "ipv6", "Multicast address of the group.", wireshark="icmpv6.mldr.mar.multicast_address"),
        Column("sources", List("ipv6"), "Source addresses.", wireshark="icmpv6.mldr.mar.source_address"),
        Column("auxiliary", "bytes", "Auxiliary data; not defined in version 2.",
               wireshark="icmpv6.mldr.mar.auxiliary_data"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "mld",
        "One row for each Multicast Listener Discovery message.",
        spec="RFC 3810, RFC 2710",
        on=("icmpv6.type=130", "icmpv6.type=131", "icmpv6.type=132", "icmpv6.type=143"),
        message=Message(
            "MLD {type:130=query,131=report,132=done,143=report}[ {group}][ {records.group}]",
            "multicast", default=False,
        ),
        columns=(
            Column("type", "u8", "ICMPv6 type: 130 query, 131 and 143 report (versions 1 and 2), 132 done.",
                   wireshark="icmpv6.type"),
            Column("version", "u8", "Protocol version, 1 or 2; that of a query follows from its length.",
                   why="derived from type and length"),
            Column("max_response_code", "u16",
                   "Query: maximum response code, as sent; 0 in other messages of version 1.",
                   wireshark="icmpv6.mld.maximum_response_delay"),
            Column("max_response_time", "duration", "Query: maximum response time before a report, seconds.",
                   why="decoded from the code"),
            Column("group", "ipv6", "Group address; :: in a general query; null in version 2 reports.",
                   wireshark="icmpv6.mld.multicast_address"),
            Column("suppress", "bool", "Query, version 2: routers must not restart their timers.",
                   wireshark="icmpv6.mld.flag.s"),
            Column("robustness", "u8", "Query, version 2: robustness variable of the querier, 0 to 7.",
                   wireshark="icmpv6.mld.flag.qrv"),
            Column("query_interval_code", "u8", "Query, version 2: querier's query interval code, as sent.",
                   wireshark="icmpv6.mld.qqi"),
            Column("query_interval", "duration", "Query, version 2: querier's query interval, seconds.",
                   why="icmpv6.mld.qqi decoded to seconds"),
            Column("sources", List("ipv6"), "Query, version 2: source addresses.",
                   wireshark="icmpv6.mld.source_address"),
            Column("records", List(RECORD), "Report, version 2: group records in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message, which starts at its ICMPv6 header."""
    promised = message.promised
    kind = message.number(1)
    yield "type", kind
    message.skip(HEADER - 1)
    if kind == VERSION_2_REPORT:
        yield "version", 2
        yield from _records(message)
        return
    version = 2 if kind == QUERY and promised >= SHORTEST_VERSION_2_QUERY else 1
    yield "version", version
    code = message.number(2)
    message.skip(2)
    yield "max_response_code", code
    if kind == QUERY:
        yield "max_response_time", (floating(code, 16) if version > 1 else code) / 1000
    yield "group", message.take(16)
    if version > 1:
        yield from _version_2_query(message)


def _version_2_query(message: Cursor) -> Iterator[tuple[str, Any]]:
    flags = message.number(1)
    yield "suppress", bool(flags & 8)
    yield "robustness", flags & 7
    interval = message.number(1)
    yield "query_interval_code", interval
    yield "query_interval", float(floating(interval, 8))
    sources: list[str] = []
    yield "sources", sources
    for _ in range(message.number(2)):
        source = message.take(16)
        sources.append(address_text(source))


def _records(message: Cursor) -> Iterator[tuple[str, Any]]:
    message.skip(2)
    records: list[dict[str, Any]] = []
    yield "records", records
    for _ in range(message.number(2)):
        sources: list[str] = []
        record: dict[str, Any] = {"type": message.number(1), "sources": sources}
        records.append(record)
        words, count = message.number(1), message.number(2)
        record["group"] = address_text(message.take(16))
        for _ in range(count):
            source = message.take(16)
            sources.append(address_text(source))
        record["auxiliary"] = message.take(4 * words) or None


def floating(code: int, bits: int) -> int:
    """Value of a code of `bits` bits (RFC 3810 section 5.1): a small code itself, else mantissa and exponent."""
    if code < 1 << bits - 1:
        return code
    width = bits - 4
    return (code & (1 << width) - 1 | 1 << width) << (code >> width & 7) + 3
