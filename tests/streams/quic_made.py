"""Makes captures of HTTP/3 with aioquic: a client and a server in memory, their datagrams as packets, a key log.

`Talk` lets a client send requests, which the server answers. aioquic protects the packets and encodes the header
blocks, so what is decrypted from them is compared with what both ends said (`Exchange`).
"""

from __future__ import annotations

import hashlib
import io
import ssl
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionIdIssued, ProtocolNegotiated
from aioquic.quic.packet import encode_quic_retry
from aioquic.tls import CipherSuite

from tests.streams.tls_made import CLIENT, SERVER, certificate

ADDRESSES = ("192.0.2.1", 40000), ("192.0.2.2", 443)
Headers = list[tuple[bytes, bytes]]


@dataclass
class Exchange:
    """What was said in one stream, as the other end received it: of the client and of the server."""

    headers: tuple[Headers, Headers] = field(default_factory=lambda: ([], []))
    trailers: tuple[Headers, Headers] = field(default_factory=lambda: ([], []))
    bodies: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    ended: list[bool] = field(default_factory=lambda: [False, False])

    def sha256(self, side: int) -> str | None:
        """The hash of a body; None without one."""
        return hashlib.sha256(self.bodies[side]).hexdigest() if self.bodies[side] else None


def body_of(stream: int, size: int) -> bytes:
    """The body of a response."""
    return hashlib.shake_128(stream.to_bytes(8, "big")).digest(size)


class Talk:
    """One connection. `sent` has the datagrams in the order in which they were sent: side, bytes.

    `loses(number)` is True if the datagram with this number does not arrive.
    """

    def __init__(self, folder: Path, *, loses: Callable[[int], bool] = lambda _: False, **settings: Any) -> None:
        self.folder, self.loses, self.now = folder, loses, 1000.0
        self.log = folder / "keys.log"
        self.sent: list[tuple[int, bytes]] = []
        self.exchanges: dict[int, Exchange] = {}
        self.answers: dict[int, int] = {}
        self.tickets: list[Any] = settings.pop("tickets", [])
        stored: dict[bytes, Any] = settings.pop("stored", {})
        self.retries: bool = settings.pop("retry", False)
        self.first_ids: dict[str, bytes] = {}
        self.stored = stored
        log = io.StringIO()
        suites = [CipherSuite(settings.pop("suite"))] if "suite" in settings else None
        versions = settings.pop("versions", [1])
        client = QuicConfiguration(
            alpn_protocols=H3_ALPN, is_client=True, secrets_log_file=log, server_name="host.example",
            verify_mode=ssl.CERT_NONE, cipher_suites=suites, supported_versions=versions,
            original_version=versions[-1], **settings,
        )  # fmt: skip
        server = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=False, supported_versions=versions)
        server.load_cert_chain(certificate("ec", folder))
        self.file = log
        self.client = QuicConnection(configuration=client, session_ticket_handler=self.tickets.append)
        self.server_configuration = server
        self.server: QuicConnection | None = None
        self.h3: list[H3Connection | None] = [None, None]
        self.client.connect(ADDRESSES[1], now=self.now)

    def _ends(self) -> Iterable[tuple[int, QuicConnection | None]]:
        return (CLIENT, self.client), (SERVER, self.server)

    def _serve(self, data: bytes) -> QuicConnection:
        """The server, which begins with the first datagram."""
        if self.server is None:
            self.first_ids.setdefault("original_destination_connection_id", data[6 : 6 + data[5]])
            self.server = QuicConnection(
                configuration=self.server_configuration,
                **self.first_ids,
                session_ticket_fetcher=self.stored.get,
                session_ticket_handler=lambda ticket: self.stored.__setitem__(ticket.ticket, ticket),
            )
        return self.server

    def _retry(self, data: bytes) -> None:
        """Answer the first Initial packet with a Retry (RFC 9000 section 8.1.2)."""
        self.retries = False
        end = 6 + data[5]
        first, client = data[6:end], data[end + 1 : end + 1 + data[end]]
        self.first_ids = {"original_destination_connection_id": first, "retry_source_connection_id": b"retried!"}
        retry = encode_quic_retry(
            version=int.from_bytes(data[1:5]), source_cid=b"retried!", destination_cid=client,
            original_destination_cid=first, retry_token=b"token",
        )  # fmt: skip
        self.sent.append((SERVER, retry))
        self.client.receive_datagram(retry, ADDRESSES[1], now=self.now)

    def run(self, rounds: int = 400) -> None:
        """Let both ends send until they have nothing more to say."""
        quiet = 0
        for _ in range(rounds):
            moved = False
            for side, end in self._ends():
                if end is None:
                    continue
                for data, _ in end.datagrams_to_send(now=self.now):
                    moved = True
                    number = len(self.sent)
                    self.sent.append((side, data))
                    if self.retries:
                        self._retry(data)
                    elif not self.loses(number):
                        other = self.client if side == SERVER else self._serve(data)
                        other.receive_datagram(data, ADDRESSES[side], now=self.now)
                for one, receiver in self._ends():
                    if receiver is not None:
                        self._events(one, receiver)
            self.now += 0.01
            quiet = 0 if moved else quiet + 1
            if quiet > 3:
                timers = [end.get_timer() for _, end in self._ends() if end is not None]
                due = [timer for timer in timers if timer is not None]
                if not due or min(due) > self.now + 5 or quiet > 8:
                    return
                self.now = max(self.now, min(due)) + 0.001
                for _, end in self._ends():
                    timer = None if end is None else end.get_timer()
                    if end is not None and timer is not None and timer <= self.now:
                        end.handle_timer(now=self.now)

    def _events(self, side: int, end: QuicConnection) -> None:
        while (event := end.next_event()) is not None:
            if isinstance(event, ProtocolNegotiated) and self.h3[side] is None:
                self.h3[side] = H3Connection(end)
            if isinstance(event, ConnectionIdIssued):
                continue
            h3 = self.h3[side]
            for said in h3.handle_event(event) if h3 is not None else ():
                self._said(side, said)

    def _said(self, side: int, said: Any) -> None:
        if not isinstance(said, HeadersReceived | DataReceived):
            return
        one, sender = self.exchanges.setdefault(said.stream_id, Exchange()), 1 - side
        if isinstance(said, HeadersReceived):
            (one.trailers if one.headers[sender] else one.headers)[sender].extend(said.headers)
        else:
            one.bodies[sender].extend(said.data)
        one.ended[sender] |= said.stream_ended
        if side == SERVER and said.stream_ended:
            self.answer(said.stream_id, self.answers.get(said.stream_id, 100))

    def begin(self) -> None:
        """Send early data: HTTP/3 begins before the handshake is complete."""
        self.h3[CLIENT] = H3Connection(self.client)

    def request(self, headers: Headers, body: bytes = b"", answer: int = 100, trailers: Headers = []) -> int:  # noqa: B006
        """Send a request; `answer` are the bytes of the body of its response."""
        h3 = self.h3[CLIENT]
        assert h3 is not None
        stream = self.client.get_next_available_stream_id()
        self.answers[stream] = answer
        h3.send_headers(stream, headers, end_stream=not (body or trailers))
        if body or trailers:
            h3.send_data(stream, body, end_stream=not trailers)
        if trailers:
            h3.send_headers(stream, trailers, end_stream=True)
        return stream

    def answer(self, stream: int, size: int) -> None:
        """Send a response."""
        h3 = self.h3[SERVER]
        assert h3 is not None
        head = [(b":status", b"200"), (b"server", b"netlake"), (b"content-type", b"application/octet-stream"),
                (b"content-length", b"%d" % size), (b"x-stream", b"%d" % stream), (b"x-again", b"y" * 200)]  # fmt: skip
        h3.send_headers(stream, head, end_stream=not size)
        if size:
            h3.send_data(stream, body_of(stream, size), end_stream=True)

    def close(self) -> None:
        """Close the connection, as the client of HTTP/3 does."""
        self.client.close(error_code=0x100, reason_phrase="done")
        self.run(20)
        with self.log.open("a", encoding="ascii") as file:
            file.write(self.file.getvalue())


def frames(sent: Iterable[tuple[int, bytes]], *, port: int = 443, source: int = 40000) -> list[bytes]:
    """The packets of datagrams."""
    hosts = (bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
    made = []
    for side, data in sent:
        ports = (source, port)[:: 1 if side == CLIENT else -1]
        udp = struct.pack(">HHHH", *ports, 8 + len(data), 0) + data
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, hosts[side], hosts[1 - side])
        made.append(b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0" + ip + udp)
    return made


def exchanged() -> list[list[tuple[int, int, int, bytes, bool]]]:
    """What both ends say in three connections with tables of other sizes.

    Each part is side, stream, offset, bytes, and whether they are the last ones.

    Nothing is protected: H3Connection writes to an object that only keeps what it is given.
    """
    made = []
    for table in (4096, 0, 64):
        ends = _Written(is_client=True, side=CLIENT), _Written(is_client=False, side=SERVER)
        said = ends[1].said = ends[0].said
        both = [H3Connection(end) for end in ends]  # type: ignore[arg-type]
        for one in both:
            one._encoder.apply_settings(max_table_capacity=table, blocked_streams=16)
        for number in range(3):
            head = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/%d" % number),
                    (b"x-name", b"value" * 5), (b"content-type", b"application/grpc")]  # fmt: skip
            both[0].send_headers(4 * number, head)
            both[0].send_data(4 * number, bytes(number) + b"\0\0\0\0\x02hi", end_stream=True)
            _answer(both[1], 4 * number, head)
        made.append(said)
    return made


def _answer(h3: H3Connection, stream: int, head: Headers) -> None:
    """The response to a request that was not received."""
    from aioquic.h3.connection import H3Stream

    h3._stream.setdefault(stream, H3Stream(stream))
    h3.send_headers(stream, [(b":status", b"200"), *head[4:]])
    h3.send_data(stream, b"body" * 20, end_stream=False)
    h3.send_headers(stream, [(b"grpc-status", b"0")], end_stream=True)


class _Written:
    """The part of QuicConnection that H3Connection writes to."""

    def __init__(self, *, is_client: bool, side: int) -> None:
        self.configuration = QuicConfiguration(is_client=is_client)
        self.side, self.said = side, list[tuple[int, int, int, bytes, bool]]()
        self.offsets: dict[int, int] = {}
        self.ways = 0
        self._quic_logger = None
        self._remote_max_datagram_frame_size = None

    def get_next_available_stream_id(self, is_unidirectional: bool = False) -> int:  # noqa: FBT001, FBT002 - of aioquic
        """The number of the next stream of one direction."""
        assert is_unidirectional
        self.ways += 1
        return 4 * (self.ways - 1) + 2 + self.side

    def send_stream_data(self, stream_id: int, data: bytes, end_stream: bool = False) -> None:  # noqa: FBT001, FBT002
        """Keep what is said."""
        offset = self.offsets.get(stream_id, 0)
        self.offsets[stream_id] = offset + len(data)
        self.said.append((self.side, stream_id, offset, bytes(data), end_stream))
