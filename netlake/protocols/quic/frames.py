"""Frames of a QUIC Initial packet, and the ClientHello that a client's CRYPTO frames contain.

A ClientHello that is in several Initial packets is joined by the client's first Destination Connection ID, from which
their keys are derived, so that only authentic pieces are joined. A client that has an answer sends to the ID that the
server chose, with the keys of its first one: that is found by the ports and the Source Connection ID, and it is the
right one if it decrypts the packet. A piece that is sent again has the columns of all that is known by then. The oldest
connections are forgotten when there are MOST_CONNECTIONS or MOST_BYTES.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netlake.layers import quic_keys as keys
from netlake.layers.client_hello import CLIENT_HELLO, Hello, ja3, ja4, read_client_hello
from netlake.layers.items import text
from netlake.layers.quic_keys import counted, varint
from netlake.packets import Cursor, Malformed, Short

# limits for the frames of a packet and for the handshake bytes of a flight of Initial packets
MOST_FRAMES, MOST_CRYPTO = 4096, 1 << 16
# limits for what is remembered of a capture, and what a piece needs beside its bytes
MOST_CONNECTIONS, MOST_BYTES, PIECE = 1024, 1 << 22, 128
PADDING, PING, ACK, ACK_ECN, CRYPTO, OLD_CRYPTO, CLOSE, CLOSE_BY_APPLICATION = 0, 1, 2, 3, 6, 8, 0x1C, 0x1D
USER_AGENT = 0x3129


# data by offset
Pieces = dict[int, bytes]


class Memory:
    """What a capture has shown: pieces by first Destination Connection ID, and those IDs by ports and Source ID."""

    def __init__(self) -> None:
        self.pieces: dict[bytes, Pieces] = {}
        self.first: dict[tuple[int, int, bytes], bytes] = {}
        self.size = 0

    def add(self, connection: bytes, offset: int, data: bytes) -> None:
        """Remember a piece of the CRYPTO stream of a connection."""
        known = self.pieces.setdefault(connection, {})
        if len(known.get(offset, b"")) >= len(data) > 0:
            return
        self.size += len(data) - len(known.get(offset, b"")) + (0 if offset in known else PIECE)
        known[offset] = data
        while len(self.pieces) > MOST_CONNECTIONS or self.size > MOST_BYTES:
            oldest = self.pieces.pop(next(iter(self.pieces)))
            self.size -= sum(len(data) + PIECE for data in oldest.values())

    def begin(self, end: tuple[int, int, bytes], connection: bytes) -> None:
        """Remember the first Destination Connection ID of a client."""
        self.first.pop(end, None)
        self.first[end] = connection
        if len(self.first) > MOST_CONNECTIONS:
            del self.first[next(iter(self.first))]


@dataclass(slots=True)
class Datagram:
    """State across the packets of a datagram: whether content identified it, and the connection of its Initial."""

    heuristic: bool
    memory: Memory
    connection: bytes = b""
    complete: bool = False


def frames(message: Cursor, data: bytes, state: Datagram, version: int) -> Iterator[tuple[str, Any]]:
    """Columns of the frames of an Initial; reading ends at an unknown frame or one of Google: they have no length."""
    types: list[int] = []
    pieces: list[dict[str, Any]] = []
    yield from (("frame_types", types), ("crypto", pieces))
    google = keys.google(version) is not None
    of_crypto = OLD_CRYPTO if google else CRYPTO
    at = 0
    while at < len(data) and len(types) < MOST_FRAMES:
        kind, at = varint(data, at)
        if kind > 0xFFFF:
            raise Malformed("bad_value")
        types.append(kind)
        if kind == PADDING:
            at += len(data[at:]) - len(data[at:].lstrip(b"\0"))
        elif kind == of_crypto:
            offset, at = varint(data, at)
            piece, at = counted(data, at)
            pieces.append({"offset": offset, "data": piece})
            state.memory.add(state.connection, offset, piece)
        elif google and kind != PING:
            break
        elif kind in (ACK, ACK_ECN):
            at = _acknowledgment(data, at, kind)
        elif kind in (CLOSE, CLOSE_BY_APPLICATION):
            code, at = varint(data, at)
            at = varint(data, at)[1] if kind == CLOSE else at
            reason, at = counted(data, at)
            yield from (("error_code", code), ("error_reason", text(reason)))
        elif kind != PING:
            message.fault("bad_value")
            break
    if pieces and not state.complete:
        yield from _hello(message, state, min(piece["offset"] for piece in pieces), tags=version >> 24 == 0x51)


def _acknowledgment(data: bytes, at: int, kind: int) -> int:
    """Offset after an ACK frame."""
    for _ in range(2):
        at = varint(data, at)[1]
    ranges, at = varint(data, at)
    for _ in range(min(2 * ranges + 1 + (3 if kind == ACK_ECN else 0), len(data))):
        at = varint(data, at)[1]
    return at


def _reassembled(pieces: Pieces) -> bytes:
    """The reassembled data from offset 0 up to the first gap."""
    result = bytearray()
    for offset, data in sorted(pieces.items()):
        if offset > len(result) or len(result) > MOST_CRYPTO:
            break
        result += data[len(result) - offset :]
    return bytes(result)


def _hello(message: Cursor, state: Datagram, first: int, *, tags: bool) -> Iterator[tuple[str, Any]]:
    """Columns of the ClientHello as far as it is complete; for versions of Google the tags of their own handshake.

    The packet has no piece before offset `first`: behind a ClientHello is a second one, after a HelloRetryRequest.
    """
    data = _reassembled(state.memory.pieces.get(state.connection, {}))
    if tags:
        yield from _tags(data)
        return
    size = int.from_bytes(data[1:4], "big")
    while first >= 4 + size and len(data) >= 4:
        data, first = data[4 + size :], first - 4 - size
        size = int.from_bytes(data[1:4], "big")
    if len(data) < 4 or data[0] != CLIENT_HELLO:
        return
    kept = data[4 : 4 + size]
    hello = Hello()
    body = Cursor(kept, missing=size - len(kept), faults=message.faults)
    try:
        read_client_hello(body, hello)
    except Short:
        pass  # it continues in another packet
    except Malformed as error:
        message.fault(error.fault)
    state.complete = hello.whole
    yield "server_name", hello.server_name
    yield "alpn", [text(name) for name in hello.alpn]
    yield "tls_versions", hello.supported_versions
    yield "cipher_suites", hello.cipher_suites
    yield "ja3", ja3(hello)
    yield "ja4", ja4(hello, "q")
    yield "user_agent", _user_agent(hello.transport_parameters or b"")


def _user_agent(parameters: bytes) -> str | None:
    """Value of the transport parameter user_agent; None if the parameters cannot be read."""
    at = 0
    try:
        while at < len(parameters):
            kind, at = varint(parameters, at)
            value, at = counted(parameters, at)
            if kind == USER_AGENT:
                return text(value)
    except Malformed:
        return None
    return None


def _tags(data: bytes) -> Iterator[tuple[str, Any]]:
    """Columns of Google's CHLO: tags of four letters, each with the end of its value."""
    count = int.from_bytes(data[4:6], "little")
    values = data[8 + 8 * count :]
    if data[:4] != b"CHLO" or len(data) < 8 + 8 * count:
        return
    begin = 0
    for place in range(8, 8 + 8 * count, 8):
        tag, end = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if not begin <= end <= len(values):
            return
        if tag == b"SNI\0":
            yield "server_name", text(values[begin:end])
        elif tag == b"UAID":
            yield "user_agent", text(values[begin:end])
        begin = end
