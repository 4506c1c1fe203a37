"""Frames of a QUIC Initial packet, and the hellos that CRYPTO frames contain.

- The keys of both sides derive from the client's first Destination Connection ID, so that only authentic pieces are
  joined. A client that has an answer sends to the ID that the server chose, and the server to that of the client: their
  connection is found by addresses, ports and the client's ID (`End`), and it is the right one if it decrypts the
  packet. After a Retry the client has another first ID, by which its packets are those of a new connection.
- CRYPTO frames of each side are one stream (netlake.layers.handshake), with one hello, or two after a
  HelloRetryRequest. The packet that completes a hello has its columns; those that send it again have none.
- Google's own handshake (QUIC Crypto) has messages of another form; of its hello the columns are those of the part that
  is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netlake.kernels.tls_state import Reason, Transport
from netlake.layers import quic_keys as keys
from netlake.layers.client_hello import (
    CLIENT_HELLO,
    SERVER_HELLO,
    Hello,
    ja3,
    ja4,
    read_client_hello,
    read_server_hello,
)
from netlake.layers.handshake import HEADER, Assembly, Found, Handshakes, Kept
from netlake.layers.items import text
from netlake.layers.parsed import Origin
from netlake.layers.quic_keys import counted, varint
from netlake.layers.spans import text_of
from netlake.packets import Cursor, Malformed, Short

# limit for the frames of a packet
MOST_FRAMES = 4096
PADDING, PING, ACK, ACK_ECN, CRYPTO, OLD_CRYPTO, CLOSE, CLOSE_BY_APPLICATION = 0, 1, 2, 3, 6, 8, 0x1C, 0x1D
USER_AGENT = 0x3129


class End(NamedTuple):
    """A client: addresses and ports of its packets, and the connection ID that it chose."""

    sender: str | None
    receiver: str | None
    source_port: int
    destination_port: int
    connection: bytes


@dataclass(slots=True)
class Connection:
    """A connection: the client's first Destination Connection ID, and the CRYPTO streams of client and server."""

    first: bytes
    client: Assembly = field(default_factory=Assembly)
    server: Assembly = field(default_factory=Assembly)
    last: Origin | None = None

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self.client.size + self.server.size


class Memory:
    """The connections of a capture, and the handshake messages that were found in them."""

    def __init__(self) -> None:
        self.handshakes = Handshakes()
        self.connections: Kept[Connection] = Kept(self._drop)

    def finish(self) -> None:
        """End all connections: hellos that are not whole are found."""
        self.connections.finish()

    def _drop(self, connection: Connection) -> None:
        for stream, kind in ((connection.client, CLIENT_HELLO), (connection.server, SERVER_HELLO)):
            rest = stream.rest()
            if rest is not None:
                data, first = rest
                kind = data[0] if data else kind  # noqa: PLW2901 - a side's first message is its hello
                self.handshakes.add(Found(kind, data, first, stream.last, Transport.QUIC, reason=Reason.GAP))


@dataclass(slots=True)
class Sender:
    """Who sent an Initial packet: its connection, and whether it is the server."""

    end: End
    connection: Connection
    is_server: bool

    @property
    def stream(self) -> Assembly:
        """The CRYPTO stream of the sender."""
        return self.connection.server if self.is_server else self.connection.client


@dataclass(slots=True)
class Datagram:
    """State across the packets of a datagram: whether content identified it, and what is remembered."""

    heuristic: bool
    memory: Memory
    origin: Origin | None = None


def frames(message: Cursor, data: bytes, state: Datagram, sender: Sender, version: int) -> Iterator[tuple[str, Any]]:
    """Columns of the frames of an Initial; reading ends at an unknown frame or one of Google: they have no length."""
    types: list[int] = []
    pieces: list[dict[str, Any]] = []
    hellos: list[bytes] = []
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
            sender.stream.offer(offset, piece, state.origin)
            hellos += _whole(state, sender, tags=version >> 24 == 0x51)
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
    yield from _tags(bytes(sender.stream.buffer)) if pieces and version >> 24 == 0x51 else ()
    for hello in hellos:
        yield from _hello(message, hello)


def _whole(state: Datagram, sender: Sender, *, tags: bool) -> Iterator[bytes]:
    """The hellos that are whole with the last piece; they are noted as found."""
    while not tags and (found := sender.stream.message()) is not None:
        data, first = found
        reason = Reason.TOO_LARGE if sender.stream.ended else Reason.WHOLE
        state.memory.handshakes.add(Found(data[0], data, first, state.origin, Transport.QUIC, reason=reason))
        if data[0] in (CLIENT_HELLO, SERVER_HELLO) and reason is Reason.WHOLE:
            yield data
        if sender.stream.ended:
            return


def _acknowledgment(data: bytes, at: int, kind: int) -> int:
    """Offset after an ACK frame."""
    for _ in range(2):
        at = varint(data, at)[1]
    ranges, at = varint(data, at)
    for _ in range(min(2 * ranges + 1 + (3 if kind == ACK_ECN else 0), len(data))):
        at = varint(data, at)[1]
    return at


def _hello(message: Cursor, data: bytes) -> Iterator[tuple[str, Any]]:
    """Columns of a hello, a whole handshake message."""
    hello, body = Hello(), Cursor(data[HEADER:], faults=message.faults)
    is_client = data[0] == CLIENT_HELLO
    try:
        if is_client:
            read_client_hello(body, hello)
        else:
            read_server_hello(body, hello)
    except Short:
        message.fault("short_header")
    except Malformed as error:
        message.fault(error.fault)
    yield "tls_versions", hello.supported_versions
    yield "cipher_suites", hello.cipher_suites
    if is_client:
        yield "server_name", hello.server_name
        yield "alpn", [text_of(name) for name in hello.alpn]
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
