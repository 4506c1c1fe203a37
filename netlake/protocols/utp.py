"""uTP: the transport over UDP that BitTorrent uses, which gives way to other traffic by measuring delays.

It has no port of its own. Its header is read column by column; extensions, which few packets have, one by one. A packet
without payload must end where its extensions end, and one with payload must have a window that is not absurd.
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
from netlake.schema import Column, List, Struct, Table, faults

HEADER = 20
VERSION = 1
DATA, STATE, SYN = 0, 2, 4
LAST_EXTENSION = 3
# more than any program's buffer, bytes
WIDEST_WINDOW = 1 << 26
STUN_COOKIE = 0x2112A442
MOST_EXTENSIONS = 16

EXTENSION = Struct(
    (
        Column("type", "u8", "1 selective acknowledgment, 2 extension bits, 3 close reason.",
               wireshark="bt-utp.next_extension_type"),
        Column("value", "bytes", "What it holds, as sent.", why="two fields"),
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
            Column("packet_type", "u8", "0 data, 1 finish, 2 state (an acknowledgment), 3 reset, 4 synchronise.", at=0,
                   bits=(4, 4), wireshark="bt-utp.type"),
            Column("version", "u8", "Version, 1.", at=0, bits=(0, 4), wireshark="bt-utp.ver"),
            Column("first_extension", "u8", "Type of the first extension; 0 for none.", at=1,
                   why="in bt-utp.next_extension_type"),
            Column("connection_id", "u16", "Number of the connection; one more on the way back.", at=2,
                   wireshark="bt-utp.connection_id"),
            Column("timestamp", "u32", "Time of sending by the sender's clock, microseconds, wraps.", at=4,
                   wireshark="bt-utp.timestamp_us"),
            Column("timestamp_difference", "u32", "How long the last packet took by both clocks, microseconds.", at=8,
                   wireshark="bt-utp.timestamp_diff_us"),
            Column("window_size", "u32", "Bytes that the sender can take.", at=12, wireshark="bt-utp.wnd_size"),
            Column("sequence_number", "u16", "Number of the packet, wraps.", at=16, wireshark="bt-utp.seq_nr"),
            Column("acknowledgment_number", "u16", "Last packet that came in order.", at=18, wireshark="bt-utp.ack_nr"),
            Column("extensions", List(EXTENSION), "Extensions in wire order."),
            Column("payload_length", "i32", "Bytes behind the headers; null if these do not fit.",
                   why="tshark shows the bytes"),
            Column("heuristic", "bool", "True: it was found by its content.", why="our own"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Packets with a sound header and extensions that end within them."""
    first = byte_at(messages, 0)
    result = (first >= 0) & (first & 0xF == VERSION) & (first >> 4 <= SYN)
    index = np.flatnonzero(result)
    if len(index):
        result[index] = _sound(messages.take(index))
    return np.asarray(result)


def _sound(messages: Messages) -> Mask:
    """Of datagrams with a known type and version, those that are sound behind them."""
    first, extension = byte_at(messages, 0), byte_at(messages, 1)
    size = messages.end - messages.start + messages.missing
    window, kind = number_at(messages, 12, 4), first >> 4
    sound = (extension <= LAST_EXTENSION) & (size >= HEADER)
    sound &= (window >= 0) & (window <= WIDEST_WINDOW) & (number_at(messages, 2, 2) > 0)
    clock = number_at(messages, 4, 4)
    sound &= (clock > 0) & (clock != STUN_COOKIE)
    # where others say how long they are
    sound &= (number_at(messages, 2, 2) != size) & (number_at(messages, 1, 3) != size)
    # the first packet acknowledges nothing, and all begin to count at a number that is not zero
    sound &= (kind != SYN) | (number_at(messages, 18, 2) == 0)
    sound &= (kind == DATA) | (extension > 0) | (size == HEADER)
    sound &= (kind != DATA) | (size > HEADER)
    for index in np.flatnonzero(sound & (extension > 0)).tolist():
        data = messages.data[messages.start[index] : messages.end[index]].tobytes()
        end = _end(data, int(extension[index]))
        sound[index] = end == size[index] if kind[index] != DATA else 0 < end < size[index]
    return np.asarray(sound)


def _end(data: bytes, kind: int) -> int:
    """Where extensions end, 0 if not within the data; acknowledgments are whole words of 32 bits."""
    at = HEADER
    for _ in range(MOST_EXTENSIONS):
        if not kind:
            return at
        if at + 2 > len(data) or kind > LAST_EXTENSION or (kind == 1 and (data[at + 1] % 4 or not data[at + 1])):
            return 0
        kind, at = data[at], at + 2 + data[at + 1]
    return 0


def read(messages: Messages) -> Columns:
    """Columns of the fixed header, and extensions where there are any."""
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
        rest = columns.get("payload_length")  # null where they do not end
        payload[more] = -1 if rest is None else rest.fill_null(-1).to_numpy()[more]
    columns["payload_length"] = where(np.maximum(payload, 0).astype(np.int32), whole & (payload >= 0))
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
