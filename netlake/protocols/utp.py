"""uTP: the transport of BitTorrent over UDP with delay-based congestion control.

Decided here:
- uTP has no port. `probe` requires a known type and version, extensions that end within the packet, a plausible window,
  no field that is the length or cookie of another protocol, and payload in data packets only.
- One such datagram is no evidence: messages of DNS and of TZSP are among them. In one batch and between the same two
  ports there must also be an answer, whose connection ID is one higher or lower (or equal, if one of the two is a SYN);
  or at least FEWEST datagrams of one direction and connection ID, in which time, sequence number and acknowledgment
  number only advance. On the ports of BitTorrent one datagram is enough.
- The fixed header is read by column; extensions, which few packets have, message by message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

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
    """Packets with a valid header and extensions that end within them, of connections with more than one datagram."""
    first = byte_at(messages, 0)
    result = (first >= 0) & (first & 0xF == VERSION) & (first >> 4 <= SYN)
    index = np.flatnonzero(result)
    index = index[_valid(messages.take(index))] if len(index) else index
    result = np.zeros(len(messages), np.bool_)
    if len(index):
        result[index] = _confirmed(messages.take(index))
    return result


def _confirmed(messages: Messages) -> Mask:
    """Which datagrams with a valid header are of a connection: answered, several, or on a port of BitTorrent."""
    source, destination = messages.source_port.astype(np.int64), messages.destination_port.astype(np.int64)
    usual = np.isin(source, BITTORRENT_PORTS) | np.isin(destination, BITTORRENT_PORTS)
    identifier, syn = number_at(messages, 2, 2), byte_at(messages, 0) >> 4 == SYN
    this, other = _keys(source, destination, identifier), {}
    for step in (-1, 0, 1):
        other[step] = _keys(destination, source, identifier + step & 0xFFFF)
    answered = np.isin(other[-1], this) | np.isin(other[1], this)
    answered |= (syn & np.isin(other[0], this[~syn])) | (~syn & np.isin(other[0], this[syn]))
    return np.asarray(usual | answered | np.isin(this, _advancing(messages, this)))


def _keys(source: Ints, destination: Ints, identifier: Ints) -> Ints:
    return source << 32 | destination << 16 | identifier


def _advancing(messages: Messages, key: Ints) -> Ints:
    """Those of `key` with at least FEWEST datagrams, each a little further than the one before."""
    order = np.argsort(key, kind="stable")
    clock, sequence, acknowledged = (number_at(messages, at, size)[order] for at, size in ((4, 4), (16, 2), (18, 2)))
    key = key[order]
    same = key[1:] == key[:-1]
    pause = np.diff(clock) & 0xFFFFFFFF
    wrong = (pause == 0) | (pause > LONGEST_PAUSE)
    for number in (sequence, acknowledged):
        wrong |= np.diff(number) & 0xFFFF > WIDEST_STEP
    distinct, counts = np.unique(key, return_counts=True)
    return np.setdiff1d(distinct[counts >= FEWEST], key[1:][same & wrong])


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
