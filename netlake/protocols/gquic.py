"""Google QUIC up to version Q043, which has a public header that is not that of QUIC.

Decided here:
- It has no port of its own: 443 is QUIC's, which rejects it. `probe` requires a version Q0nn after an 8-byte connection
  ID, or the tag of a public reset. Other packets have nothing that is fixed: they are Google QUIC if a packet with a
  version is before them in their flow (`evidence`), and their connection ID, if they have one, is one of those.
- The header depends on the version: before Q039 packet numbers are little-endian, before Q034 a byte of flags follows
  the digest, before Q033 there is no nonce and connection IDs may be shorter. A packet without a version has that of
  the last one with a version between its ports, Q043 if there is none. Only servers send the nonce, although clients
  set its flag.
- The first messages of the handshake are not encrypted: the tag of the message and common values have columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from netlake.layers.evidence import Candidates, Known, mixed
from netlake.layers.items import complete, text
from netlake.layers.parsed import by_message
from netlake.layers.probes import byte_at, number_at
from netlake.packets import Columns, Cursor, Ints, Mask, Messages
from netlake.schema import Column, Message, Table

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
MOST_CONNECTIONS = 1 << 14

TABLES = (
    Table(
        "gquic",
        "One row for each packet of Google QUIC, versions to Q043; later versions are in quic.",
        spec="QUIC Wire Layout Specification, QUIC Crypto",
        on=(),
        message=Message("Google QUIC {message}[ for {server_name}][ by {user_agent}]", "tls", only="{message?}"),
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
    """Packets whose first byte is possible, which `evidence` judges."""
    first = byte_at(messages, 0)
    return np.asarray((first >= 0) & (first & UNUSED == 0))


class _Connections(Known):
    """Flows and connection IDs of packets with a version."""

    def certain(self, messages: Messages) -> Mask:
        """Packets with a version, and public resets."""
        kind = byte_at(messages, 0) & (HAS_VERSION | RESET | HAS_ID)
        reset = (kind == RESET | HAS_ID) & (number_at(messages, 1 + ID, 4) == PUBLIC_RESET)
        return np.asarray(((kind == HAS_VERSION | HAS_ID) & (_versions(messages) > 0)) | reset)

    def topics(self, candidates: Candidates) -> tuple[tuple[Ints, ...], Ints]:
        """The flow, and the flow with the connection ID; a packet without an ID has to be of the flow."""
        messages = candidates.messages
        flow = candidates.flow
        first = byte_at(messages, 0)
        with_id = mixed(flow, number_at(messages, 1, 4), number_at(messages, 5, 4))
        none = np.zeros_like(flow)
        teaches = first & HAS_VERSION > 0
        asks = first & (HAS_VERSION | RESET) == 0
        topic = np.where(first & HAS_ID > 0, with_id, flow)
        return (np.where(teaches, flow, none - 1), np.where(teaches, with_id, none - 1)), np.where(asks, topic, none)


def evidence() -> _Connections:
    """What confirms the candidates of one capture."""
    return _Connections()


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


class Connection(NamedTuple):
    """What the last packet with a version between two ports has: its version, and the port of the server."""

    version: int = LAST
    server: int = -1


def memory() -> dict[int, Connection]:
    """The connections of a capture by their ports; the oldest are forgotten."""
    return {}


def read(messages: Messages, memory: dict[int, Connection] | None = None) -> tuple[Messages, Columns]:
    """A row for each packet."""
    versions = _versions(messages)
    versions[byte_at(messages, 0) & HAS_VERSION == 0] = 0
    columns = (_pairs(messages), versions, messages.destination_port)
    known = zip(*(column.tolist() for column in columns), strict=True)
    return by_message(TABLES[0], partial(_packet, known, {} if memory is None else memory), messages)


def _connection(pair: int, version: int, server: int, memory: dict[int, Connection]) -> Connection:
    """What is known between the ports `pair` at a packet, which has `version` (0 if none) and is sent to `server`."""
    if not version or server < 0:
        return memory.get(pair, Connection())
    memory.pop(pair, None)
    connection = memory[pair] = Connection(version, server)
    if len(memory) > MOST_CONNECTIONS:
        del memory[next(iter(memory))]
    return connection


def _packet(
    known: Iterator[tuple[int, int, int]], memory: dict[int, Connection], message: Cursor
) -> Iterator[tuple[str, Any]]:
    pair, version, server = next(known)
    connection = _connection(pair, version, server, memory)
    yield "heuristic", True
    flags = message.number(1)
    yield "reset", bool(flags & RESET)
    own = version or connection.version
    old = own < FIRST_NONCE
    size = OLD_IDS[flags >> 2 & 3] if old else ID if flags & HAS_ID else 0
    if size:
        yield "connection_id", message.take(size)
    if flags & RESET:
        return
    if flags & HAS_VERSION:
        yield "version", text(message.take(4))
        if not version:
            message.fault("bad_version")
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
