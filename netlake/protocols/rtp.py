"""Real-time Transport Protocol: sound and pictures of calls. It has no port of its own, so it is found by content.

`probe` takes payloads whose header is sound and whose conversation shows several of them with one synchronisation
source and sequence numbers that count up: two bits of a version prove nothing. Calls are common where they are at all,
so the fixed header is read by column, sources and extensions one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import part
from netlake.layers.parsed import each
from netlake.layers.probes import byte_at, number_at
from netlake.layers.read import fixed, plain, where
from netlake.packets import Columns, Cursor, Mask, Messages
from netlake.schema import Column, List, Table, faults

HEADER = 12
VERSION = 2
# RTCP's packet types look like these where the marker is set
RTCP_TYPES = range(64, 96)
# of one source in one direction, in one batch
FEWEST = 3
# between neighbours; more is another stream or no stream
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
            Column("padding", "bool", "Padding follows the payload.", at=0, bits=(5, 1), wireshark="rtp.padding"),
            Column("extension", "bool", "A header extension is there.", at=0, bits=(4, 1), wireshark="rtp.ext"),
            Column("source_count", "u8", "Contributing sources, 0 to 15.", at=0, bits=(0, 4), wireshark="rtp.cc"),
            Column("marker", "bool", "Set at the end of a picture, or where speech begins.", at=1, bits=(7, 1),
                   wireshark="rtp.marker"),
            Column("payload_type", "u8", "Codec: 0 PCMU, 8 PCMA, 9 G.722; 96 to 127 as agreed.", at=1, bits=(0, 7),
                   wireshark="rtp.p_type"),
            Column("sequence", "u16", "Number of the packet, modulo 2^16.", at=2, wireshark="rtp.seq"),
            Column("timestamp", "u32", "When it was sampled, in the codec's own unit.", at=4,
                   wireshark="rtp.timestamp", encoding="delta"),
            Column("ssrc", "u32", "Synchronisation source: whose stream it is.", at=8, wireshark="rtp.ssrc",
                   encoding="dictionary"),
            Column("contributing", List("u32"), "Sources that were mixed into it.", wireshark="rtp.csrc.item"),
            Column("extension_profile", "u16", "Kind of the extension; 48862 (0xbede) for short elements.",
                   wireshark="rtp.ext.profile"),
            Column("extension_data", "bytes", "The extension as sent.", why="split by tshark"),
            Column("payload_length", "i32", "Bytes behind the headers on the wire; null if these do not fit.",
                   why="tshark shows the bytes"),
            Column("heuristic", "bool", "True: it was found by its content.", why="our own"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Payloads of streams: header sound, and at least three of a source in a conversation that count up."""
    first, second = byte_at(messages, 0), byte_at(messages, 1)
    size = messages.end - messages.start + messages.missing
    needed = HEADER + 4 * (first & 0xF) + 4 * (first >> 4 & 1)
    sound = (first >> 6 == VERSION) & (size > needed) & ~np.isin(second & 0x7F, RTCP_TYPES)
    index = np.flatnonzero(sound & (number_at(messages, 8, 4) >= 0))
    result = np.zeros(len(messages), np.bool_)
    if len(index) < FEWEST:
        return result
    source, sequence = number_at(messages, 8, 4)[index], number_at(messages, 2, 2)[index]
    ports = messages.source_port[index].astype(np.int64) << 16 | messages.destination_port[index]
    order = np.lexsort((np.arange(len(index)), source, ports))
    alike = (ports[order][1:] == ports[order][:-1]) & (source[order][1:] == source[order][:-1])
    step = (sequence[order][1:] - sequence[order][:-1]) & 0xFFFF
    follows = np.concatenate([[False], alike & (step > 0) & (step <= WIDEST_STEP)])
    stream = np.cumsum(np.concatenate([[True], ~alike])) - 1
    counted, streams = np.bincount(stream), np.bincount(stream, weights=follows)
    good = (streams >= FEWEST - 1) & (2 * streams >= counted - 1)
    result[index[order]] = good[stream]
    return result


def read(messages: Messages) -> Columns:
    """Columns of the fixed header; what varies one by one, and for most packets there is nothing."""
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    whole = size >= HEADER
    if (whole & (plain(columns["version"]) != VERSION)).any():
        messages.flag(whole & (plain(columns["version"]) != VERSION), faults.BAD_VERSION)
    payload = size + messages.missing - HEADER
    more = whole & ((plain(columns["source_count"]) > 0) | plain(columns["extension"]))
    if more.any():
        columns |= each(TABLES[0], _headers, messages, more)
        rest = columns.get("payload_length")  # null where they do not end
        payload[more] = -1 if rest is None else rest.fill_null(-1).to_numpy()[more]
    columns["payload_length"] = where(np.maximum(payload, 0).astype(np.int32), whole & (payload >= 0))
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
