"""Google QUIC up to version Q043, which has a public header that is not that of QUIC.

Decided here:
- It has no port of its own: 443 is QUIC's, which rejects it. `probe` requires a version Q0nn after an 8-byte connection
  ID, or the tag of a public reset. Other packets have nothing that is fixed: they are Google QUIC if a packet with a
  version is in the same batch, between the same ports, and their connection ID, if they have one, is one of those.
- The header depends on the version: before Q039 packet numbers are little-endian, before Q034 a byte of flags follows
  the digest, before Q033 there is no nonce and connection IDs may be shorter. A packet without a version has that of
  the others between its ports, Q043 if there is none. Only servers send the nonce, although clients set its flag.
- The first messages of the handshake are not encrypted: the tag of the message and common values have columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from netlake.layers.items import complete, text
from netlake.layers.parsed import by_message
from netlake.layers.probes import byte_at, number_at
from netlake.packets import Columns, Cursor, Ints, Mask, Messages
from netlake.schema import Column, Table

HAS_VERSION, RESET, NONCE, HAS_ID, UNUSED = 0x01, 0x02, 0x04, 0x08, 0xC0
NUMBER_SIZES = (1, 2, 4, 6)
ID, NONCE_SIZE, HASH = 8, 32, 12
# versions as numbers: Q0, and two digits
Q0, LAST = int.from_bytes(b"Q0", "big"), 43
FIRST_NONCE, FIRST_WITHOUT_FLAGS, FIRST_BIG_ENDIAN = 33, 34, 39
OLD_IDS = (0, 1, 4, 8)
PUBLIC_RESET = int.from_bytes(b"PRST", "big")
# a stream frame, whose first byte has the sizes of its fields, and the stream of the handshake
STREAM, LENGTH, HANDSHAKE = 0x80, 0x20, 1
MESSAGES = (b"CHLO", b"REJ\0", b"SHLO", b"SREJ", b"SCUP")
TEXTS = {b"SNI\0": "server_name", b"UAID": "user_agent"}
# the largest header of such a frame, and the tag of the message with its number of values
SMALLEST = 1 + 4 + 2 + 8
MOST_TAGS = 128

TABLES = (
    Table(
        "gquic",
        "One row for each packet of Google QUIC, versions to Q043; later versions are in quic.",
        spec="QUIC Wire Layout Specification, QUIC Crypto",
        on=(),
        columns=(
            Column("version", "text", "Version, such as Q043; null in packets without one.", wireshark="gquic.version"),
            Column("reset", "bool", "Public reset: the connection is unknown to the sender.",
                   wireshark="gquic.puflags.reset"),
            Column("connection_id", "bytes", "Connection ID, 8 bytes or less; null if it is left out.",
                   why="gquic.cid is a number"),
            Column("diversification_nonce", "bytes", "Server: nonce of the final keys, 32 bytes.",
                   wireshark="gquic.diversification_nonce"),
            Column("packet_number", "u64", "Packet number as sent: its lowest 8, 16, 32 or 48 bits.",
                   wireshark="gquic.packet_number"),
            Column("message", "word", "Handshake message: CHLO, REJ, SHLO, SREJ or SCUP.", wireshark="gquic.tag"),
            Column("server_name", "text", "CHLO: server name indication.", wireshark="gquic.tag.sni"),
            Column("user_agent", "text", "CHLO: user agent.", wireshark="gquic.tag.uaid"),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Packets with a version, public resets, and other packets of the connections of the former."""
    first = byte_at(messages, 0)
    candidates = (first >= 0) & (first & UNUSED == 0)
    if not candidates.any():
        return np.asarray(candidates)
    kind = first & (HAS_VERSION | RESET | HAS_ID)
    versioned = candidates & (kind == HAS_VERSION | HAS_ID) & (_versions(messages) > 0)
    result = versioned | (candidates & (kind == RESET | HAS_ID) & (number_at(messages, 1 + ID, 4) == PUBLIC_RESET))
    if not versioned.any():
        return np.asarray(result)
    pairs = _pairs(messages)
    known = np.unique(_keys(messages, pairs)[versioned], axis=0)
    among = np.flatnonzero(candidates & ~result & np.isin(pairs, known[:, 0]) & (first & (HAS_VERSION | RESET) == 0))
    if len(among):
        some = messages.take(among)
        same = (_keys(some, pairs[among])[:, None] == known[None]).all(axis=2).any(axis=1)
        result[among] = same | (byte_at(some, 0) & HAS_ID == 0)
    return np.asarray(result)


def _versions(messages: Messages) -> Ints:
    """The number of the version after a connection ID, 0 where there is none that is known."""
    tens, ones = byte_at(messages, 3 + ID) - ord("0"), byte_at(messages, 4 + ID) - ord("0")
    number = 10 * tens + ones
    known = (number_at(messages, 1 + ID, 2) == Q0) & (tens >= 0) & (ones >= 0) & (ones <= 9) & (number <= LAST)
    return np.where(known, number, 0)


def _pairs(messages: Messages) -> Ints:
    """The ports of each message as one number, the same in both directions."""
    source, destination = messages.source_port.astype(np.int64), messages.destination_port.astype(np.int64)
    return np.minimum(source, destination) << 16 | np.maximum(source, destination)


def _keys(messages: Messages, pairs: Ints) -> Ints:
    """Ports and connection ID of each message, in three columns."""
    return np.stack([pairs, number_at(messages, 1, 4), number_at(messages, 5, 4)], axis=1)


class Connection(NamedTuple):
    """What the packets with a version between two ports have: their version, and the port of the server."""

    version: int = LAST
    server: int = -1


def read(messages: Messages) -> tuple[Messages, Columns]:
    """A row for each packet."""
    versions = _versions(messages)
    versions[byte_at(messages, 0) & HAS_VERSION == 0] = 0
    index = np.flatnonzero((versions > 0) & (messages.source_port >= 0))
    columns = (_pairs(messages)[index], versions[index], messages.destination_port[index])
    known = {
        pair: Connection(version, server)
        for pair, version, server in zip(*(column.tolist() for column in columns), strict=True)
    }
    return by_message(TABLES[0], partial(_packet, known), messages)


def _packet(known: dict[int, Connection], message: Cursor) -> Iterator[tuple[str, Any]]:
    ports = sorted((message.source_port, message.destination_port))
    connection = known.get(ports[0] << 16 | ports[1], Connection())
    yield "heuristic", True
    flags = message.number(1)
    yield "reset", bool(flags & RESET)
    digits = message.data[3 + ID : 5 + ID]
    own = int(digits) if flags & HAS_VERSION and len(digits) == 2 and digits.isdigit() else connection.version
    old = own < FIRST_NONCE
    size = OLD_IDS[flags >> 2 & 3] if old else ID if flags & HAS_ID else 0
    if size:
        yield "connection_id", message.take(size)
    if flags & RESET:
        return
    if flags & HAS_VERSION:
        yield "version", text(message.take(4))
    elif flags & NONCE and not old and message.source_port in (connection.server, -1):
        yield "diversification_nonce", message.take(NONCE_SIZE)
    size = NUMBER_SIZES[flags >> 4 & 3]
    big = own >= FIRST_BIG_ENDIAN
    yield "packet_number", message.number(size) if big else message.little(size)
    yield from _handshake(message, HASH + (own < FIRST_WITHOUT_FLAGS))
    complete(message)


def _handshake(message: Cursor, begin: int) -> Iterator[tuple[str, Any]]:
    """The message of an unencrypted stream frame; encrypted packets look like none."""
    data = message.data
    begin += message.at
    frame = Cursor(data, begin, missing=message.missing)
    if frame.left < SMALLEST or not data[begin] & STREAM:
        return
    kind = frame.number(1)
    offset = kind >> 2 & 7
    if offset or frame.little(1 + (kind & 3)) != HANDSHAKE:
        return
    frame.skip(2 if kind & LENGTH else 0)
    tag = frame.take(4)
    if tag not in MESSAGES:
        return
    yield "message", text(tag.rstrip(b"\0"))
    count = min(frame.little(2), MOST_TAGS)
    frame.skip(2)
    entries = [(frame.take(4), frame.little(4)) for _ in range(count)]
    values, at = frame.at, 0
    for name, end in entries:
        if name in TEXTS and at <= end <= frame.end - values:
            yield TEXTS[name], text(data[values + at : values + end])
        at = end
