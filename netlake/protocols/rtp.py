"""Real-time Transport Protocol: audio and video streams. It has no port of its own; content identifies it.

Decided here:
- `probe` requires a valid header. A version of two bits alone is too weak, so `evidence` requires at least 3 packets of
  one SSRC in one direction of a flow, of which most have increasing sequence numbers.
- The fixed header is read by column, since RTP is frequent; contributing sources and extensions message by message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from netlake.layers.evidence import Candidates, Stream, Streams, mixed
from netlake.layers.items import part
from netlake.layers.parsed import each
from netlake.layers.probes import byte_at, number_at
from netlake.layers.read import fixed, lengths, plain
from netlake.packets import Columns, Cursor, Ints, Mask, Messages
from netlake.schema import Column, List, Table, faults

HEADER = 12
VERSION = 2
# RTCP packet types are in this range if the marker bit is set
RTCP_TYPES = range(64, 96)
# packets of one source in one direction
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
    """Payloads with a valid header, which `evidence` judges."""
    first = byte_at(messages, 0)
    result = first >> 6 == VERSION
    index = np.flatnonzero(result)
    if len(index):
        some, first = messages.take(index), first[index]
        size = some.end - some.start + some.missing
        needed = HEADER + 4 * (first & 0xF) + 4 * (first >> 4 & 1)
        result[index] = (size > needed) & ~np.isin(byte_at(some, 1) & 0x7F, RTCP_TYPES) & (number_at(some, 8, 4) >= 0)
    return np.asarray(result)


class _Sources(Streams):
    """Packets by flow, direction and SSRC. The state of a stream: its last sequence number, packets, and increases."""

    def keys(self, candidates: Candidates) -> Ints:
        """Sender, receiver and SSRC."""
        return mixed(candidates.sender, candidates.receiver, number_at(candidates.messages, 8, 4))

    def values(self, candidates: Candidates) -> Iterable[int]:
        """Sequence numbers."""
        sequences: list[int] = number_at(candidates.messages, 2, 2).tolist()
        return sequences

    def confirmed(self, stream: Stream, value: int) -> tuple[int, ...] | None:
        """Whether there are FEWEST packets, and at least half of the steps between them are small increases."""
        before, packets, increases = stream.state or (value, 0, 0)
        packets, increases = packets + 1, increases + (0 < value - before & 0xFFFF <= WIDEST_STEP)
        stream.state = value, packets, increases
        return () if increases >= FEWEST - 1 and 2 * increases >= packets - 1 else None


def evidence() -> _Sources:
    """What confirms the candidates of one capture."""
    return _Sources()


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
