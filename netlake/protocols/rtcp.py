"""RTP Control Protocol: reception reports, participants and feedback of RTP sessions.

Decided here:
- RTCP has no port. `probe` accepts a payload that is a sequence of RTCP packets up to its last byte and starts with a
  report or feedback.
- SRTCP (RFC 3711) encrypts all after the first eight bytes, and appends an index and a digest. A payload is SRTCP if it
  starts with a packet that ends before them, where a report has the length that its count requires, and there is an
  index with the bit E before a digest of one of the usual sizes (or behind it, RFC 7714). Indexes start at 0, so the
  upper half of a larger one than 65535 is not expected. It is one row, of those eight bytes and the index.
- Each other packet of a datagram is a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from netlake.layers.items import part, remainder, text
from netlake.layers.parsed import NEXT
from netlake.layers.probes import byte_at, number_at
from netlake.packets import Cursor, Mask, Messages
from netlake.schema import Column, List, Struct, Table

SENDER, RECEIVER, DESCRIPTION, BYE, APPLICATION, TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK = range(200, 207)
FEEDBACK = (TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK)
FIRST_TYPES = (SENDER, RECEIVER, *FEEDBACK)
EXTENDED = 207
# SRTCP: the packets that a datagram starts with, bytes that are not encrypted, and those of index and digest
FIRST_SECURE = (SENDER, RECEIVER, *FEEDBACK, EXTENDED)
CLEAR, INDEX = 8, 4
# bytes from the index to the end, and bytes that are not the packet's: digests of 80 and 32 bits, or of 128 before it
TRAILERS = ((14, 14), (8, 8), (4, 20))
ENCRYPTED = b"\x80\x00"
# words after the first: those of the sender (6 with its report), and those of each report
SENDER_WORDS, RECEIVER_WORDS, REPORT_WORDS = 6, 1, 6
MOST_PACKETS = 32
EPOCH = datetime(1900, 1, 1, tzinfo=UTC)

REPORT = Struct(
    (
        Column("ssrc", "u32", "SSRC of the reported source.", wireshark="rtcp.ssrc.identifier"),
        Column("fraction_lost", "u8", "Fraction lost since the last report, in 1/256.", wireshark="rtcp.ssrc.fraction"),
        Column("lost", "i32", "Cumulative number of packets lost; negative if duplicates were received.",
               wireshark="rtcp.ssrc.cum_nr"),
        Column("highest_sequence", "u32", "Extended highest sequence number received, cycles included.",
               wireshark="rtcp.ssrc.ext_high"),
        Column("jitter", "u32", "Interarrival jitter, in timestamp units.", wireshark="rtcp.ssrc.jitter"),
        Column("last_report", "u32", "Last SR: middle 32 bits of the NTP time of the last sender report; 0 for none.",
               wireshark="rtcp.ssrc.lsr"),
        Column("delay", "u32", "Delay since the last sender report, in 2^-16 seconds.", wireshark="rtcp.ssrc.dlsr"),
    )
)  # fmt: skip
ITEM = Struct(
    (
        Column("ssrc", "u32", "SSRC of the described source.", why="rtcp.ssrc.identifier also has those of reports"),
        Column("type", "u8", "SDES type: 1 CNAME, 2 name, 3 email, 4 telephone, 6 tool.",
               why="tshark shows the end too"),
        Column("text", "text", "Text.", wireshark="rtcp.sdes.text"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "rtcp",
        "One row for each RTCP packet; a datagram contains several. One row for each datagram of SRTCP.",
        spec="RFC 3550, RFC 4585, RFC 3611, RFC 3711",
        on=(),
        columns=(
            Column("version", "u8", "Version, 2.", wireshark="rtcp.version"),
            Column("padding", "bool", "Padding bit: the packet ends with padding.", wireshark="rtcp.padding"),
            Column("count", "u8", "Number of reports or sources; for feedback and applications the subtype.",
                   why="several tshark fields, by type"),
            Column("packet_type", "u8",
                   "Type: 200 SR, 201 RR, 202 SDES, 203 BYE, 204 APP, 205 transport feedback, 206 payload feedback.",
                   wireshark="rtcp.pt"),
            Column("length", "u16", "Length in 32-bit words after the first.", wireshark="rtcp.length"),
            Column("ssrc", "u32", "SSRC of the sender.", wireshark="rtcp.senderssrc"),
            Column("media_ssrc", "u32", "Feedback: SSRC of the media source.", wireshark="rtcp.mediassrc"),
            Column("ntp_time", "ts", "SR: NTP timestamp, UTC, microseconds, truncated; null if zero.",
                   why="rtcp.timestamp.ntp is often no real time"),
            Column("ntp_time_fraction", "u32", "SR: fraction of the NTP timestamp, in 2^-32 seconds.",
                   wireshark="rtcp.timestamp.ntp.lsw"),
            Column("rtp_timestamp", "u32", "SR: RTP timestamp of the same instant.", wireshark="rtcp.timestamp.rtp"),
            Column("packet_count", "u32", "SR: packets sent.", wireshark="rtcp.sender.packetcount"),
            Column("octet_count", "u32", "SR: payload bytes sent.", wireshark="rtcp.sender.octetcount"),
            Column("reports", List(REPORT), "Reception reports in wire order."),
            Column("items", List(ITEM), "SDES: items in wire order."),
            Column("bye_sources", List("u32"), "BYE: SSRCs that leave.",
                   why="rtcp.ssrc.identifier also has those of reports"),
            Column("bye_reason", "text", "BYE: reason for leaving.", why="no tshark field of its own"),
            Column("application", "text", "APP: name, four ASCII characters.", wireshark="rtcp.app.name"),
            Column("srtcp_index", "u32", "SRTCP: index of the packet; null for RTCP.",
                   why="tshark shows it only where SDP announced SRTP"),
            Column("data", "bytes", "Rest of the packet, padding included.", why="tshark dissects it"),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Payloads that are a sequence of packets up to the last byte, and those of SRTCP."""
    result = np.zeros(len(messages), np.bool_)
    index = np.flatnonzero((byte_at(messages, 0) >> 6 == 2) & np.isin(byte_at(messages, 1), FIRST_SECURE))
    if len(index):
        result[index] = _sequence(messages.take(index))
        for number in index[~result[index] & (messages.missing[index] == 0)].tolist():
            result[number] = _index(messages.data[messages.start[number] : messages.end[number]].tobytes()) >= 0
    return np.asarray(result)


def _sequence(messages: Messages) -> Mask:
    """Which payloads are packets up to the last byte."""
    size = messages.end - messages.start + messages.missing
    at = np.zeros(len(messages), np.int64)
    index = np.flatnonzero(np.isin(byte_at(messages, 1), FIRST_TYPES) & (size % 4 == 0))
    result = np.zeros(len(messages), np.bool_)
    for _ in range(MOST_PACKETS):
        if not len(index):
            break
        some = messages.take(index)
        some.start = some.start + at[index]
        fits = (byte_at(some, 0) >> 6 == 2) & (byte_at(some, 1) >= 192) & (byte_at(some, 1) <= 223)
        at[index] += np.where(fits, 4 * (number_at(some, 2, 2) + 1), size[index] + 1)
        result[index] = at[index] == size[index]
        index = index[at[index] < size[index]]
    return result


def _index(data: bytes) -> int:
    """Where the index of SRTCP is in a payload; -1 in one that is not SRTCP."""
    if len(data) < CLEAR + INDEX or data[1] not in FIRST_SECURE:
        return -1
    count, kind, words = data[0] & 0x1F, data[1], int.from_bytes(data[2:4], "big")
    needed = (SENDER_WORDS if kind == SENDER else RECEIVER_WORDS) + REPORT_WORDS * count
    if words < 1 or (kind in (SENDER, RECEIVER) and words != needed):
        return -1
    for from_end, trailer in TRAILERS:
        at = len(data) - from_end
        # the bit E, and the upper half of an index that is not above 65535
        if at >= CLEAR and 4 * (words + 1) + trailer <= len(data) and data[at : at + 2] == ENCRYPTED:
            return at
    return -1


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Rows of all packets of a datagram, or the one row of SRTCP."""
    index = _secure(message.data) if not message.missing else -1
    if index >= 0:
        yield "heuristic", True
        yield from _clear(message)
        yield "srtcp_index", int.from_bytes(message.data[index : index + INDEX], "big") & 0x7FFFFFFF
        yield from remainder(message, "data")
        return
    for number in range(MOST_PACKETS):
        if number:
            yield NEXT, None
        yield "heuristic", True
        yield from _packet(message)
        if not message.promised:
            return
    message.fault("too_large")


def _secure(data: bytes) -> int:
    """Where the index is in a payload of SRTCP; -1 in one of RTCP, whose packets end with it."""
    at = 0
    while at + 4 <= len(data):
        at += 4 * (int.from_bytes(data[at + 2 : at + 4], "big") + 1)
    if at == len(data):
        return -1
    return _index(data)


def _clear(message: Cursor) -> Iterator[tuple[str, Any]]:
    """What SRTCP does not encrypt: the first word, and the sender."""
    first, kind = message.number(1), message.number(1)
    yield "version", first >> 6
    yield "padding", bool(first & 0x20)
    yield "count", first & 0x1F
    yield "packet_type", kind
    yield "length", message.number(2)
    yield "ssrc", message.number(4)


def _packet(message: Cursor) -> Iterator[tuple[str, Any]]:
    first, kind = message.number(1), message.number(1)
    yield "version", first >> 6
    yield "padding", bool(first & 0x20)
    yield "count", first & 0x1F
    yield "packet_type", kind
    if first >> 6 != 2:
        message.fault("bad_version")
    words = message.number(2)
    yield "length", words
    body = part(message, 4 * words)
    if kind == DESCRIPTION:
        yield from _description(body, first & 0x1F)
        return
    if kind == BYE:
        yield from _bye(body, first & 0x1F)
        return
    if body.promised:
        yield "ssrc", body.number(4)
    if kind == SENDER:
        yield from _sender(body)
    if kind in (SENDER, RECEIVER):
        yield from _reports(body, first & 0x1F)
    elif kind == APPLICATION and body.promised:
        yield "application", text(body.take(4))
    elif kind in FEEDBACK and body.promised:
        yield "media_ssrc", body.number(4)
    yield from remainder(body, "data")


def _sender(body: Cursor) -> Iterator[tuple[str, Any]]:
    seconds, fraction = body.number(4), body.number(4)
    if seconds or fraction:
        era = 0 if seconds >> 31 else 1 << 32
        yield "ntp_time", EPOCH + timedelta(seconds=seconds + era, microseconds=fraction * 1_000_000 >> 32)
    yield "ntp_time_fraction", fraction
    for name in ("rtp_timestamp", "packet_count", "octet_count"):
        yield name, body.number(4)


def _reports(body: Cursor, count: int) -> Iterator[tuple[str, Any]]:
    reports: list[dict[str, int]] = []
    yield "reports", reports
    for _ in range(count):
        block = Cursor(body.take(24))
        report = {"ssrc": block.number(4), "fraction_lost": block.number(1)}
        report["lost"] = int.from_bytes(block.take(3), "big", signed=True)
        for name in ("highest_sequence", "jitter", "last_report", "delay"):
            report[name] = block.number(4)
        reports.append(report)


def _description(body: Cursor, count: int) -> Iterator[tuple[str, Any]]:
    items: list[dict[str, Any]] = []
    yield "items", items
    for _ in range(count):
        source = body.number(4)
        while kind := body.number(1):
            items.append({"ssrc": source, "type": kind, "text": text(body.take(body.number(1)))})
        body.skip(min(-body.at % 4, body.left))
    yield from remainder(body, "data")


def _bye(body: Cursor, count: int) -> Iterator[tuple[str, Any]]:
    sources: list[int] = []
    yield "bye_sources", sources
    sources.extend(body.number(4) for _ in range(count))
    if body.promised:
        yield "bye_reason", text(body.take(body.number(1)))
    yield from remainder(body, "data")
