"""uTP: the transport of BitTorrent over UDP with delay-based congestion control.

Decided here:
- uTP has no port. `probe` requires a known type and version, extensions that end within the packet, a plausible window,
  no field that is the length or cookie of another protocol, and payload in data packets only.
- One such datagram is no evidence: messages of DNS and of TZSP are among them. `evidence` requires an answer in the
  same flow, whose connection ID is one higher or lower (or equal, if one of the two is a SYN); or at least FEWEST
  datagrams of one direction and connection ID, in which time, sequence number and acknowledgment number only advance.
  On the ports of BitTorrent one datagram is enough.
- The fixed header is read by column; extensions, which few packets have, message by message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from netlake.layers.evidence import Candidates, Stream, Streams, mixed
from netlake.layers.items import part
from netlake.layers.parsed import each
from netlake.layers.probes import byte_at, number_at
from netlake.layers.read import fixed, lengths, plain
from netlake.packets import Columns, Cursor, Ints, Mask, Messages
from netlake.schema import Column, List, Struct, Table, faults

HEADER = 20
VERSION = 1
DATA, STATE, SYN = 0, 2, 4
LAST_EXTENSION = 3
# larger than any implementation's buffer, bytes
WIDEST_WINDOW = 1 << 26
STUN_COOKIE = 0x2112A442
MOST_EXTENSIONS = 16
BITTORRENT_PORTS = range(6881, 6890)
# datagrams of one direction that are evidence without an answer, and how far one may be from the one before
FEWEST = 3
WIDEST_STEP = 64
LONGEST_PAUSE = 1 << 28  # microseconds, 4.5 minutes

EXTENSION = Struct(
    (
        Column("type", "u8", "Extension type: 1 selective acknowledgment, 2 extension bits, 3 close reason.",
               wireshark="bt-utp.next_extension_type"),
        Column("value", "bytes", "Value, as sent.", why="two tshark fields"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "utp",
        "One row for each uTP packet.",
        spec="BEP 29",
        on=(),
        size=HEADER,
        columns=(
            Column("packet_type", "u8", "Packet type: 0 data, 1 finish, 2 state (acknowledgment), 3 reset, 4 syn.",
                   at=0, bits=(4, 4), wireshark="bt-utp.type"),
            Column("version", "u8", "Version, 1.", at=0, bits=(0, 4), wireshark="bt-utp.ver"),
            Column("first_extension", "u8", "Type of the first extension; 0 for none.", at=1,
                   why="part of bt-utp.next_extension_type"),
            Column("connection_id", "u16", "Connection ID; one higher in the other direction.", at=2,
                   wireshark="bt-utp.connection_id"),
            Column("timestamp", "u32", "Timestamp by the sender's clock, microseconds, wraps.", at=4,
                   wireshark="bt-utp.timestamp_us"),
            Column("timestamp_difference", "u32",
                   "Timestamp difference: one-way delay of the last packet received, microseconds.", at=8,
                   wireshark="bt-utp.timestamp_diff_us"),
            Column("window_size", "u32", "Receive window of the sender, bytes.", at=12, wireshark="bt-utp.wnd_size"),
            Column("sequence_number", "u16", "Sequence number of the packet, wraps.", at=16, wireshark="bt-utp.seq_nr"),
            Column("acknowledgment_number", "u16", "Sequence number of the last packet received in order.", at=18,
                   wireshark="bt-utp.ack_nr"),
            Column("extensions", List(EXTENSION), "Extensions in wire order."),
            Column("payload_length", "i32", "Bytes after the headers; null if the headers do not fit.",
                   why="tshark shows the bytes"),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Packets with a valid header and extensions that end within them, which `evidence` judges."""
    first = byte_at(messages, 0)
    result = (first >= 0) & (first & 0xF == VERSION) & (first >> 4 <= SYN)
    index = np.flatnonzero(result)
    if len(index):
        result[index] = _valid(messages.take(index))
    return np.asarray(result)


class _Header(NamedTuple):
    """The fields that are evidence, and whether a port is one of BitTorrent; `others` are streams of the other side.

    The IDs of `others` are one lower, equal, and one higher.
    """

    usual: bool
    kind: int
    clock: int
    sequence: int
    acknowledged: int
    packet: int
    others: tuple[int, int, int]


@dataclass(slots=True)
class _State:
    """What a stream has shown: a SYN, others, its last header, its datagrams, and whether one did not advance."""

    syn: bool = False
    other: bool = False
    last: _Header | None = None
    advanced: int = 0
    jumped: bool = False


class _Connections(Streams):
    """Datagrams by flow, direction and connection ID."""

    def keys(self, candidates: Candidates) -> Ints:
        """Sender, receiver and connection ID."""
        return mixed(candidates.sender, candidates.receiver, number_at(candidates.messages, 2, 2))

    def values(self, candidates: Candidates) -> Iterable[_Header]:
        """The header of each candidate."""
        messages = candidates.messages
        ports = (messages.source_port, messages.destination_port)
        usual = np.isin(ports[0], BITTORRENT_PORTS) | np.isin(ports[1], BITTORRENT_PORTS)
        fields = (byte_at(messages, 0) >> 4, number_at(messages, 4, 4), number_at(messages, 16, 2))
        identifier = number_at(messages, 2, 2)
        others = (
            mixed(candidates.receiver, candidates.sender, identifier + step & 0xFFFF).tolist() for step in (-1, 0, 1)
        )
        columns = (usual, *fields, number_at(messages, 18, 2), candidates.number)
        return map(_Header, *(column.tolist() for column in columns), zip(*others, strict=True))

    def confirmed(self, stream: Stream, value: _Header) -> tuple[int, ...] | None:
        """The streams of the other side that a datagram answers; none on a port of BitTorrent or if it advances."""
        if stream.state is None:
            stream.state = _State()
        state: _State = stream.state
        _advance(state, value)
        syn = value.kind == SYN
        state.syn, state.other = state.syn or syn, state.other or not syn
        answered = []
        for place, key in enumerate(value.others):
            other = self.find(key, value.packet)
            # equal IDs are an answer if one of the two is a SYN
            if other is not None and (place != 1 or (other.state.other if syn else other.state.syn)):
                answered.append(key)
        if answered or value.usual or (state.advanced >= FEWEST and not state.jumped):
            return tuple(answered)
        return None


def _advance(state: _State, value: _Header) -> None:
    """Count a datagram if all of the stream are a little further than the one before."""
    last, state.last = state.last, value
    state.advanced += 1
    if last is not None:
        steps = (value.sequence - last.sequence & 0xFFFF, value.acknowledged - last.acknowledged & 0xFFFF)
        state.jumped |= not 0 < value.clock - last.clock & 0xFFFFFFFF <= LONGEST_PAUSE or max(steps) > WIDEST_STEP


def evidence() -> _Connections:
    """What confirms the candidates of one capture."""
    return _Connections()


def _valid(messages: Messages) -> Mask:
    """Which datagrams with a known type and version have valid fields after them."""
    first, extension = byte_at(messages, 0), byte_at(messages, 1)
    size = messages.end - messages.start + messages.missing
    window, kind = number_at(messages, 12, 4), first >> 4
    valid = (extension <= LAST_EXTENSION) & (size >= HEADER)
    valid &= (window >= 0) & (window <= WIDEST_WINDOW) & (number_at(messages, 2, 2) > 0)
    clock = number_at(messages, 4, 4)
    valid &= (clock > 0) & (clock != STUN_COOKIE)
    # other protocols have their message length in these bytes
    valid &= (number_at(messages, 2, 2) != size) & (number_at(messages, 1, 3) != size)
    # a SYN acknowledges nothing, and sequence numbers start at 1
    valid &= (kind != SYN) | (number_at(messages, 18, 2) == 0)
    valid &= (kind == DATA) | (extension > 0) | (size == HEADER)
    valid &= (kind != DATA) | (size > HEADER)
    for index in np.flatnonzero(valid & (extension > 0)).tolist():
        data = messages.data[messages.start[index] : messages.end[index]].tobytes()
        end = _end(data, int(extension[index]))
        valid[index] = end == size[index] if kind[index] != DATA else 0 < end < size[index]
    return np.asarray(valid)


def _end(data: bytes, kind: int) -> int:
    """Offset after the extensions; 0 if they exceed the data or a selective acknowledgment is not in 32-bit words."""
    at = HEADER
    for _ in range(MOST_EXTENSIONS):
        if not kind:
            return at
        if at + 2 > len(data) or kind > LAST_EXTENSION or (kind == 1 and (data[at + 1] % 4 or not data[at + 1])):
            return 0
        kind, at = data[at], at + 2 + data[at + 1]
    return 0


def read(messages: Messages) -> Columns:
    """Columns of the fixed header, and of extensions in those packets that have any."""
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    whole = size >= HEADER
    wrong = whole & (plain(columns["version"]) != VERSION)
    if wrong.any():
        messages.flag(wrong, faults.BAD_VERSION)
    payload = size + messages.missing - HEADER
    more = whole & (plain(columns["first_extension"]) > 0)
    if more.any():
        columns |= each(TABLES[0], _extensions, messages, more)
        rest = columns.get("payload_length")  # null if the extensions do not end within the message
        payload[more] = -1 if rest is None else rest.fill_null(-1).to_numpy()[more]
    columns["payload_length"] = lengths(messages, np.maximum(payload, 0), whole & (payload >= 0))
    columns["heuristic"] = np.ones(len(messages), np.bool_)
    return columns


def _extensions(message: Cursor) -> Iterator[tuple[str, Any]]:
    kind = message.take(HEADER)[1]
    extensions: list[dict[str, Any]] = []
    yield "extensions", extensions
    for _ in range(MOST_EXTENSIONS):
        if not kind:
            yield "payload_length", message.promised
            return
        following, length = message.number(1), message.number(1)
        value = part(message, length).take(length)
        extensions.append({"type": kind, "value": value})
        kind = following
    message.fault("too_large")
