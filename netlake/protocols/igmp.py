"""Internet Group Management Protocol, versions 1 to 3: who wants to hear which multicast group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.parsed import each
from netlake.layers.pools import address_text
from netlake.layers.probes import byte_at
from netlake.layers.read import addresses, fill, fixed, mark_short
from netlake.packets import Columns, Cursor, Messages, Nullable
from netlake.schema import Column, List, Struct, Table

QUERY = 0x11
VERSION_3_REPORT = 0x22
# the version that a type belongs to; queries tell theirs by their length
VERSIONS = {0x12: 1, 0x16: 2, 0x17: 2, VERSION_3_REPORT: 3}
SHORTEST_VERSION_3_QUERY = 12
# bytes that all have, and those of a message with a group
HEADER, WITH_GROUP = 4, 8

RECORD = Struct(
    (
        Column("type", "u8", "1 include, 2 exclude, 3 to include, 4 to exclude, 5 allow, 6 block.",
               wireshark="igmp.record_type"),
        Column("group", "ipv4", "Address of the group.", wireshark="igmp.maddr"),
        Column("sources", List("ipv4"), "Addresses of the sources meant.", why="igmp.saddr of all records in one"),
        Column("auxiliary", "bytes", "Auxiliary data, none in version 3.", wireshark="igmp.aux_data"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "igmp",
        "One row for each IGMP message.",
        spec="RFC 3376, RFC 2236, RFC 1112",
        on=("ip.protocol=2",),
        size=HEADER,
        columns=(
            Column("type", "u8", "17 query, 18, 22 and 34 report (versions 1 to 3), 23 leave.", at=0,
                   wireshark="igmp.type"),
            Column("version", "u8", "Version of the protocol, 1 to 3; null where the type belongs to none.",
                   wireshark="igmp.version"),
            Column("max_response_code", "u8", "Query: the longest wait, as sent.", why="igmp.max_resp is decoded"),
            Column("max_response_time", "duration",
                   "Query: the longest wait before a report, seconds; null in version 1.",
                   why="igmp.max_resp in other units"),
            Column("checksum", "u16", "Internet checksum of the message.", at=2, wireshark="igmp.checksum"),
            Column("group", "ipv4",
                   "Group asked for, joined or left; 0.0.0.0 in a general query; null in version 3 reports.",
                   wireshark="igmp.maddr"),
            Column("suppress", "bool", "Query, version 3: routers shall not restart their timers.", wireshark="igmp.s"),
            Column("robustness", "u8", "Query, version 3: how many losses the querier allows for, 0 to 7.",
                   wireshark="igmp.qrv"),
            Column("query_interval_code", "u8", "Query, version 3: time between queries, as sent.",
                   wireshark="igmp.qqic"),
            Column("query_interval", "duration", "Query, version 3: time between queries, seconds.",
                   why="igmp.qqic decoded"),
            Column("sources", List("ipv4"), "Query, version 3: the sources asked for.", wireshark="igmp.saddr"),
            Column("records", List(RECORD), "Report, version 3: what is wanted of each group."),
            Column("source_count", "u16", "Query, version 3: sources that it promises.", why="a record's too"),
            Column("record_count", "u16", "Report, version 3: records that it promises.",
                   wireshark="igmp.num_grp_recs"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of what lies at its place; what version 3 adds one by one. What the type does not have is left out."""
    columns = fixed(TABLES[0], messages)
    kind, code = byte_at(messages, 0), byte_at(messages, 1)
    size = messages.end - messages.start
    query, report = (kind == QUERY) & (code >= 0), kind == VERSION_3_REPORT
    version = np.zeros(len(messages), np.int16)
    for number, known in VERSIONS.items():
        version[(kind == number) & ((code >= 0) | report)] = known
    latest = query & (size + messages.missing >= SHORTEST_VERSION_3_QUERY)
    version[query] = np.where(latest, 3, np.where(code > 0, 2, 1))[query]
    columns["version"] = Nullable(version, version > 0)
    columns["max_response_code"] = Nullable(code.astype(np.int16), query)
    time = np.where(latest, FLOATING[code], code) / 10
    columns["max_response_time"] = Nullable(time, query & (version > 1))
    grouped = (version > 0) & ~report
    mark_short(messages, grouped & (size < WITH_GROUP))
    index = np.flatnonzero(grouped & (size >= WITH_GROUP))
    found = addresses("ipv4", messages.data, messages.start[index] + HEADER, messages.pools)
    columns["group"] = fill(len(messages), index, found)
    if latest.any():
        columns |= each(TABLES[0], _version_3_query, messages, latest & (size >= WITH_GROUP), WITH_GROUP)
    if report.any():
        columns |= each(TABLES[0], _records, messages, report & (size >= HEADER), HEADER)
    return columns


def _version_3_query(message: Cursor) -> Iterator[tuple[str, Any]]:
    flags = message.number(1)
    yield "suppress", bool(flags & 8)
    yield "robustness", flags & 7
    interval = message.number(1)
    yield "query_interval_code", interval
    yield "query_interval", float(floating(interval))
    sources: list[str] = []
    yield "sources", sources
    count = message.number(2)
    yield "source_count", count
    for _ in range(count):
        address = message.take(4)
        sources.append(address_text(address))


def _records(message: Cursor) -> Iterator[tuple[str, Any]]:
    message.skip(2)
    records: list[dict[str, Any]] = []
    yield "records", records
    promised = message.number(2)
    yield "record_count", promised
    for _ in range(promised):
        kind, words, count = message.number(1), message.number(1), message.number(2)
        group = address_text(message.take(4))
        sources = [address_text(message.take(4)) for _ in range(count)]
        auxiliary = message.take(4 * words)
        records.append({"type": kind, "group": group, "sources": sources, "auxiliary": auxiliary})


def floating(code: int) -> int:
    """The number behind a code of version 3 (RFC 3376 section 4.1.1): itself below 128, else mantissa and exponent."""
    if code < 128:
        return code
    return (code & 0x0F | 0x10) << (code >> 4 & 7) + 3


FLOATING = np.array([floating(code) for code in range(256)])
