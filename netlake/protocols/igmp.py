"""Internet Group Management Protocol, versions 1 to 3: queries for and reports of multicast group memberships.

Decided here:
- The version of a report follows from its type; that of a query from its length and its maximum response code: 12 bytes
  or more are version 3, a code of 0 is version 1 (RFC 3376 section 7.1).
- Columns that a type or version does not have are null. Codes of version 3 that are floating-point numbers have a
  column as sent and one in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.parsed import each
from netlake.layers.pools import address_text
from netlake.layers.probes import byte_at
from netlake.layers.read import addresses, fill, fixed, mark_short
from netlake.packets import Columns, Cursor, Messages, Nullable
from netlake.schema import Column, List, Message, Struct, Table

QUERY = 0x11
VERSION_3_REPORT = 0x22
# version by type; the version of a query depends on its length
VERSIONS = {0x12: 1, 0x16: 2, 0x17: 2, VERSION_3_REPORT: 3}
SHORTEST_VERSION_3_QUERY = 12
# bytes of every message, and of one with a group address
HEADER, WITH_GROUP = 4, 8

RECORD = Struct(
    (
        Column("type", "u8", "Record type: 1 include, 2 exclude, 3 to include, 4 to exclude, 5 allow new, 6 block old.",
               wireshark="igmp.record_type"),
        Column("group", "ipv4", "Multicast address of the group.", wireshark="igmp.maddr"),
        Column("sources", List("ipv4"), "Source addresses.", why="igmp.saddr has those of all records"),
        Column("auxiliary", "bytes", "Auxiliary data; not defined in version 3.", wireshark="igmp.aux_data"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "igmp",
        "One row for each IGMP message.",
        spec="RFC 3376, RFC 2236, RFC 1112",
        on=("ip.protocol=2",),
        size=HEADER,
        message=Message(
            "IGMP {type:17=query,18=report,22=report,34=report,23=leave}[ {group}][ {records.group}]",
            "multicast", default=False,
        ),
        columns=(
            Column("type", "u8", "IGMP type: 17 query, 18, 22 and 34 report (versions 1 to 3), 23 leave.", at=0,
                   wireshark="igmp.type"),
            Column("version", "u8", "Protocol version, 1 to 3; null for other types.", wireshark="igmp.version"),
            Column("max_response_code", "u8", "Query: maximum response code, as sent.", why="igmp.max_resp is decoded"),
            Column("max_response_time", "duration",
                   "Query: maximum response time before a report, seconds; null in version 1.",
                   why="igmp.max_resp is in other units"),
            Column("checksum", "u16", "Internet checksum of the message.", at=2, wireshark="igmp.checksum"),
            Column("group", "ipv4", "Group address; 0.0.0.0 in a general query; null in version 3 reports.",
                   wireshark="igmp.maddr"),
            Column("suppress", "bool", "Query, version 3: routers must not restart their timers.", wireshark="igmp.s"),
            Column("robustness", "u8", "Query, version 3: robustness variable of the querier, 0 to 7.",
                   wireshark="igmp.qrv"),
            Column("query_interval_code", "u8", "Query, version 3: querier's query interval code, as sent.",
                   wireshark="igmp.qqic"),
            Column("query_interval", "duration", "Query, version 3: querier's query interval, seconds.",
                   why="igmp.qqic decoded to seconds"),
            Column("sources", List("ipv4"), "Query, version 3: source addresses.", wireshark="igmp.saddr"),
            Column("records", List(RECORD), "Report, version 3: group records in wire order."),
            Column("source_count", "u16", "Query, version 3: number of sources that the message announces.",
                   why="the tshark field also counts sources of records"),
            Column("record_count", "u16", "Report, version 3: number of records that the message announces.",
                   wireshark="igmp.num_grp_recs"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns at fixed offsets by gathers; the further fields of version 3 message by message."""
    columns = fixed(TABLES[0], messages)
    kind, code = byte_at(messages, 0), byte_at(messages, 1)
    size = messages.end - messages.start
    query, report = (kind == QUERY) & (code >= 0), kind == VERSION_3_REPORT
    version = np.zeros(len(messages), np.int16)
    for number, known in VERSIONS.items():
        version[(kind == number) & ((code >= 0) | report)] = known
    version_3 = query & (size + messages.missing >= SHORTEST_VERSION_3_QUERY)
    version[query] = np.where(version_3, 3, np.where(code > 0, 2, 1))[query]
    columns["version"] = Nullable(version, version > 0)
    columns["max_response_code"] = Nullable(code.astype(np.int16), query)
    time = np.where(version_3, FLOATING[code], code) / 10
    columns["max_response_time"] = Nullable(time, query & (version > 1))
    grouped = (version > 0) & ~report
    mark_short(messages, grouped & (size < WITH_GROUP))
    index = np.flatnonzero(grouped & (size >= WITH_GROUP))
    values = addresses("ipv4", messages.data, messages.start[index] + HEADER, messages.pools)
    columns["group"] = fill(len(messages), index, values)
    if version_3.any():
        columns |= each(TABLES[0], _version_3_query, messages, version_3 & (size >= WITH_GROUP), WITH_GROUP)
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
    """Value of a code of version 3 (RFC 3376 section 4.1.1): the code below 128, else mantissa and exponent."""
    if code < 128:
        return code
    return (code & 0x0F | 0x10) << (code >> 4 & 7) + 3


FLOATING = np.array([floating(code) for code in range(256)])
