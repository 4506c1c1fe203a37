"""The header of a message of NetFlow or IPFIX, and the sets of versions 9 and 10.

Decided here:
- Versions 1, 5 and 7 have a fixed header and `count` fixed records. Versions 9 and 10 (IPFIX) have sets: of templates,
  of templates of options, or of data. The aggregated records of version 8 are kept as sent.
- Exporters use many ports, so a table also takes messages by their content: `probe` accepts a payload only if the
  lengths of its records or sets add up to its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from netlake.layers.items import complete, part
from netlake.layers.probes import by_content, byte_at, number_at
from netlake.packets import Cursor, Malformed, Mask, Messages
from netlake.schema import Column, List, Struct, Table

SETS = (9, 10)
IPFIX = 10
VERSIONS = (1, 5, 7, 8, 9, 10)
# bytes of a record, by version; those of version 1 may be padded to PADDED
RECORD = {1: 48, 5: 48, 7: 52}
PADDED = 52
PORTS = (2055, 4739, 9995, 9996)
ON = tuple(f"udp.port={port}" for port in PORTS)
# most records that a message of version 5 has, and most sets that a probe follows
MOST_RECORDS = 30
MOST_SETS = 64
# messages by content have a later export time, in seconds since 1970: 1987
EARLIEST = 1 << 29
TEMPLATES = {9: 0, 10: 2}
OPTIONS = {9: 1, 10: 3}
FIRST_DATA = 256

SET = Struct(
    (
        Column("id", "u16", "Set id: 0 (IPFIX: 2) templates, 1 (3) options templates, from 256 data of that template.",
               wireshark="cflow.flowset_id"),
        Column("length", "u16", "Bytes of the set, its header included.", wireshark="cflow.flowset_length"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "netflow",
        "One row for each NetFlow or IPFIX message.",
        spec="RFC 3954, RFC 7011",
        on=ON,
        columns=(
            Column("version", "u16", "Version: 1, 5, 7, 8, 9; 10 is IPFIX.", wireshark="cflow.version"),
            Column("count", "u16", "Number of records; version 9 counts templates too. Null for IPFIX.",
                   wireshark="cflow.count"),
            Column("length", "u16", "IPFIX: bytes of the message.", wireshark="cflow.len"),
            Column("uptime", "duration", "Time since the exporter started, seconds; null for IPFIX.",
                   wireshark="cflow.sysuptime"),
            Column("export_time", "ts", "Time at the exporter when it sent the message, UTC, microseconds.",
                   wireshark="cflow.timestamp"),
            Column("sequence", "u32",
                   "Sequence number: of the first record (5, 7, 8, IPFIX) or of the message (9); shows losses.",
                   wireshark="cflow.sequence"),
            Column("domain_id", "u32", "Source ID (9) or observation domain ID (IPFIX): part of the exporter.",
                   wireshark="cflow.source_id"),
            Column("engine_type", "u8", "Versions 5 and 8: type of the switching engine.",
                   wireshark="cflow.engine_type"),
            Column("engine_id", "u8", "Versions 5 and 8: slot of the switching engine.", wireshark="cflow.engine_id"),
            Column("sampling_mode", "u8", "Version 5: sampling mode, 0 for none.", wireshark="cflow.samplingmode"),
            Column("sampling_interval", "u16", "Version 5: one of so many packets was sampled.",
                   wireshark="cflow.samplerate"),
            Column("aggregation", "u8", "Version 8: aggregation method: 1 AS, 2 protocol and port, 3 source prefix.",
                   wireshark="cflow.aggmethod"),
            Column("sets", List(SET), "Version 9 and IPFIX: sets in wire order."),
            Column("data", "bytes", "Version 8: records, as sent.", why="tshark dissects it"),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


@dataclass(slots=True)
class Head:
    """The values of a header that the records need: milliseconds since the start of the exporter, and seconds."""

    version: int
    count: int = 0
    uptime: int | None = None
    seconds: int = 0
    nanoseconds: int = 0
    domain: int | None = None


def accept(messages: Messages) -> Mask:
    """On NetFlow ports: messages that start with a known version."""
    return np.isin(number_at(messages, 0, 2), VERSIONS)


def probe(messages: Messages) -> Mask:
    """Payloads of version 5 with exactly their records, and of version 9 or IPFIX with sets up to the last byte."""
    size = messages.end - messages.start + messages.missing
    version, count = number_at(messages, 0, 2), number_at(messages, 2, 2)
    result = (version == 5) & (count >= 1) & (count <= MOST_RECORDS) & (size == 24 + RECORD[5] * count)
    result &= (number_at(messages, 8, 4) >= EARLIEST) & (number_at(messages, 12, 4) < 10**9)
    later = (version == 9) & (count >= 1) & (number_at(messages, 8, 4) >= EARLIEST)
    later |= (version == IPFIX) & (count == size) & (number_at(messages, 4, 4) >= EARLIEST)
    index = np.flatnonzero(later)
    at = np.where(version == IPFIX, 16, 20)
    for _ in range(MOST_SETS):
        if not len(index):
            break
        some = messages.take(index)
        some.start = some.start + at[index]
        kind, length = number_at(some, 0, 2), number_at(some, 2, 2)
        first = np.where(version[index] == IPFIX, 2, 0)
        fits = ((kind == first) | (kind == first + 1) | (kind >= FIRST_DATA)) & (length > 4) & (byte_at(some, 4) >= 0)
        at[index] += np.where(fits, length, size[index] + 1)
        result[index] = at[index] == size[index]
        index = index[at[index] < size[index]]
    return np.asarray(result)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The row of a message."""
    yield "heuristic", by_content(message, PORTS)
    head = Head(0)
    yield from _header(message, head)
    if head.version in RECORD:
        part(message, head.count * record_size(message, head))
        complete(message)
    elif head.version in SETS:
        sets: list[dict[str, int]] = []
        yield "sets", sets
        for kind, body in walk(message):
            sets.append({"id": kind, "length": body.promised + 4})
        complete(message)
    else:
        yield "data", message.kept()
        complete(message)


def head_of(message: Cursor) -> Head:
    """The header, without its columns; raises Short or Malformed."""
    head = Head(0)
    for _ in _header(message, head):
        pass
    return head


def record_size(message: Cursor, head: Head) -> int:
    """Bytes of a record of version 1, 5 or 7, at the first record; some exporters of version 1 pad them."""
    padded = head.version == 1 and message.promised == head.count * PADDED
    return PADDED if padded else RECORD[head.version]


def _header(message: Cursor, head: Head) -> Iterator[tuple[str, Any]]:
    """Columns of the header; fills `head`."""
    head.version = message.number(2)
    yield "version", head.version
    if head.version not in VERSIONS:
        raise Malformed("bad_version")
    if head.version == IPFIX:
        yield from _ipfix(message, head)
        return
    head.count = message.number(2)
    yield "count", head.count
    head.uptime = message.number(4)
    yield "uptime", head.uptime / 1000
    head.seconds = message.number(4)
    if head.version == 9:
        yield "export_time", head.seconds * 1_000_000
        yield "sequence", message.number(4)
        head.domain = message.number(4)
        yield "domain_id", head.domain
        return
    head.nanoseconds = message.number(4)
    yield "export_time", head.seconds * 1_000_000 + head.nanoseconds // 1000
    if head.version > 1:
        yield "sequence", message.number(4)
    yield from _engine(message, head.version)


def _ipfix(message: Cursor, head: Head) -> Iterator[tuple[str, Any]]:
    length = message.number(2)
    yield "length", length
    head.seconds = message.number(4)
    yield "export_time", head.seconds * 1_000_000
    yield "sequence", message.number(4)
    head.domain = message.number(4)
    yield "domain_id", head.domain
    if length < 16 or length - 16 > message.promised:
        message.fault("bad_length")
    else:
        # bytes after the message are not read
        missing = max(0, length - message.at - message.left)
        message.end, message.missing = min(message.end, length), missing


def _engine(message: Cursor, version: int) -> Iterator[tuple[str, Any]]:
    """The columns of versions 5 and 8 after the sequence number; version 7 has four reserved bytes."""
    if version == 7:
        message.skip(4)
    if version in (5, 8):
        yield "engine_type", message.number(1)
        yield "engine_id", message.number(1)
    if version == 5:
        sampling = message.number(2)
        yield "sampling_mode", sampling >> 14
        yield "sampling_interval", sampling & 0x3FFF
    if version == 8:
        yield "aggregation", message.number(1)
        message.skip(5)


def walk(message: Cursor) -> Iterator[tuple[int, Cursor]]:
    """Id and content of each set; Short or Malformed where the message ends too early or a length does not fit."""
    while message.promised:
        kind, length = message.number(2), message.number(2)
        if length < 4:
            raise Malformed("bad_length")
        yield kind, part(message, length - 4)
