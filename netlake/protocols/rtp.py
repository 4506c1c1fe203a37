"""Real-time Transport Protocol: audio and video streams. It has no port of its own; content identifies it.

Decided here:
- `probe` requires a valid header, and in one batch at least 3 packets of one SSRC between the same ports, with
  increasing sequence numbers: a version of two bits alone is too weak.
- The fixed header is read by column, since RTP is frequent; contributing sources and extensions message by message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import part
from netlake.layers.parsed import each
from netlake.layers.probes import byte_at, number_at
from netlake.layers.read import fixed, lengths, plain
from netlake.packets import Columns, Cursor, Mask, Messages
from netlake.schema import Column, List, Table, faults

HEADER = 12
VERSION = 2
# RTCP packet types are in this range if the marker bit is set
RTCP_TYPES = range(64, 96)
# packets of one source in one direction, in one batch
FEWEST = 3
# maximum difference of two subsequent sequence numbers in a stream
WIDEST_STEP = 64

TABLES = (
    Table(
        "rtp",
        "One row for each RTP packet.",
        spec="RFC 3550, RFC 8285",
        on=(),
        size=HEADER,
        columns=(
            Column("version", "u8", "Version, 2.", at=0, bits=(6, 2), wireshark="rtp.version"),
            Column("padding", "bool", "Padding bit: padding follows the payload.", at=0, bits=(5, 1),
                   wireshark="rtp.padding"),
            Column("extension", "bool", "Extension bit: a header extension follows.", at=0, bits=(4, 1),
                   wireshark="rtp.ext"),
            Column("source_count", "u8", "CSRC count, 0 to 15.", at=0, bits=(0, 4), wireshark="rtp.cc"),
            Column("marker", "bool", "Marker bit: end of a video frame, or start of speech.", at=1, bits=(7, 1),
                   wireshark="rtp.marker"),
            Column("payload_type", "u8", "Payload type: 0 PCMU, 8 PCMA, 9 G.722; 96 to 127 dynamic.", at=1, bits=(0, 7),
                   wireshark="rtp.p_type"),
            Column("sequence", "u16", "Sequence number, modulo 2^16.", at=2, wireshark="rtp.seq"),
            Column("timestamp", "u32", "Timestamp: sampling instant, in units of the payload's clock.", at=4,
                   wireshark="rtp.timestamp", encoding="delta"),
            Column("ssrc", "u32", "SSRC: synchronization source.", at=8, wireshark="rtp.ssrc", encoding="dictionary"),
            Column("contributing", List("u32"), "CSRCs: contributing sources of a mix.", wireshark="rtp.csrc.item"),
            Column("extension_profile", "u16", "Header extension profile; 48862 (0xbede) for one-byte headers.",
                   wireshark="rtp.ext.profile"),
            Column("extension_data", "bytes", "Header extension, as sent.", why="tshark splits it"),
            Column("payload_length", "i32", "Bytes after the headers on the wire; null if the headers do not fit.",
                   why="tshark shows the bytes"),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Payloads of streams: a valid header, and at least 3 packets of a source whose sequence numbers increase."""
    first, second = byte_at(messages, 0), byte_at(messages, 1)
    size = messages.end - messages.start + messages.missing
    needed = HEADER + 4 * (first & 0xF) + 4 * (first >> 4 & 1)
    valid = (first >> 6 == VERSION) & (size > needed) & ~np.isin(second & 0x7F, RTCP_TYPES)
    index = np.flatnonzero(valid & (number_at(messages, 8, 4) >= 0))
    result = np.zeros(len(messages), np.bool_)
    if len(index) < FEWEST:
        return result
    source, sequence = number_at(messages, 8, 4)[index], number_at(messages, 2, 2)[index]
    ports = messages.source_port[index].astype(np.int64) << 16 | messages.destination_port[index]
    order = np.lexsort((np.arange(len(index)), source, ports))
    same_stream = (ports[order][1:] == ports[order][:-1]) & (source[order][1:] == source[order][:-1])
    step = (sequence[order][1:] - sequence[order][:-1]) & 0xFFFF
    increasing = np.concatenate([[False], same_stream & (step > 0) & (step <= WIDEST_STEP)])
    stream = np.cumsum(np.concatenate([[True], ~same_stream])) - 1
    counted, streams = np.bincount(stream), np.bincount(stream, weights=increasing)
    good = (streams >= FEWEST - 1) & (2 * streams >= counted - 1)
    result[index[order]] = good[stream]
    return result


def read(messages: Messages) -> Columns:
    """Columns of the fixed header; sources and extensions message by message, for those packets that have any."""
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    whole = size >= HEADER
    if (whole & (plain(columns["version"]) != VERSION)).any():
        messages.flag(whole & (plain(columns["version"]) != VERSION), faults.BAD_VERSION)
    payload = size + messages.missing - HEADER
    more = whole & ((plain(columns["source_count"]) > 0) | plain(columns["extension"]))
    if more.any():
        columns |= each(TABLES[0], _headers, messages, more)
        rest = columns.get("payload_length")  # null if the headers do not end within the message
        payload[more] = -1 if rest is None else rest.fill_null(-1).to_numpy()[more]
    columns["payload_length"] = lengths(messages, np.maximum(payload, 0), whole & (payload >= 0))
    columns["heuristic"] = np.ones(len(messages), np.bool_)
    return columns


def _headers(message: Cursor) -> Iterator[tuple[str, Any]]:
    first = message.take(HEADER)[0]
    sources: list[int] = []
    yield "contributing", sources
    sources.extend(message.number(4) for _ in range(first & 0xF))
    if first & 0x10:
        yield "extension_profile", message.number(2)
        size = 4 * message.number(2)
        yield "extension_data", part(message, size).take(size)
    yield "payload_length", message.promised
