"""Datagram Transport Layer Security: records, and the handshake before encryption.

Decided here:
- A row is one record; `handshake` lists its handshake messages, the fields of a hello are in columns. The record that
  completes a hello in several fragments has its columns.
- Hellos and certificates are also rows of tls_client_hello, tls_server_hello and x509, those that are not whole too:
  one row as often as a message is sent whole, and one of a message in fragments (Memory).
- Encrypted records of version 1.3 have a unified header, whose fields depend on the negotiated parameters: such a
  record is a row with its first byte only, and ends the datagram.
- Records with a connection ID (RFC 9146) have their length after an ID of unknown size; they end the datagram too.
- On other ports than its own it is recognized by its content (RFC 7983, RFC 9443); `heuristic` marks these rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netlake.kernels.tls_state import Reason, Transport
from netlake.layers.client_hello import (
    CLIENT_HELLO,
    SERVER_HELLO,
    Hello,
    ja3,
    ja3s,
    ja4,
    read_client_hello,
    read_server_hello,
)
from netlake.layers.handshake import HEADER as MESSAGE_HEADER
from netlake.layers.handshake import TABLES_OF, Assembly, Found, Handshakes, Kept
from netlake.layers.items import part
from netlake.layers.parsed import NEXT, Origin
from netlake.layers.probes import by_content, byte_at, number_at
from netlake.layers.spans import text_of
from netlake.packets import Cursor, Malformed, Mask, Messages, Short
from netlake.schema import Column, List, Message, Struct, Table

PORTS = (5684,)
# STUN ports: the first byte of a payload selects DTLS there (RFC 7983)
ALERT, HANDSHAKE, CONNECTION_ID = 21, 22, 25
CONTENT_TYPES = range(20, 27)
UNIFIED = range(32, 64)
HELLO_VERIFY_REQUEST = 3
VERSIONS = (0xFEFF, 0xFEFD, 0xFEFC, 0x0100)
HEADER = 13
# most bytes in a record (RFC 6347), with what encryption adds
LONGEST = (1 << 14) + 2048
MOST_RECORDS, MOST_MESSAGES = 4096, 1024

MESSAGE = Struct(
    (
        Column("type", "u8",
               "Type: 1 client hello, 2 server hello, 3 hello verify request, 11 certificate, 16 key exchange.",
               wireshark="dtls.handshake.type"),
        Column("length", "u32", "Length of the complete message, up to 16777215 bytes.",
               wireshark="dtls.handshake.length"),
        Column("message_sequence", "u16", "Message sequence number in the handshake, from 0.",
               wireshark="dtls.handshake.message_seq"),
        Column("fragment_offset", "u32", "Offset of the fragment in the message, bytes.",
               wireshark="dtls.handshake.fragment_offset"),
        Column("fragment_length", "u32", "Length of the fragment, bytes; the message length if it is not fragmented.",
               wireshark="dtls.handshake.fragment_length"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "dtls",
        "One row for each DTLS record.",
        spec="RFC 6347, RFC 9147, RFC 4347, RFC 9146",
        on=("udp.port=5684", "capwap.type=1"),
        message=Message(
            "DTLS [{content_type?21}alert[ {alert_level:1=warning,2=fatal}]["
            " {alert_description:tls_alert_name}]|{content_type:20=change cipher spec,22=handshake,23=data}][ for"
            " {server_name}]",
            "tls", only="{content_type?21}",
        ),
        columns=(
            Column("content_type", "u8",
                   "Content type: 20 change cipher spec, 21 alert, 22 handshake, 23 data, 25 with connection ID.",
                   wireshark="dtls.record.content_type"),
            Column("unified_header", "u8",
                   "Version 1.3: first byte of an encrypted record, 32 to 63; the rest is not read.",
                   why="tshark has it since 4.2"),
            Column("version", "u16", "Version: 65279 (0xfeff) 1.0, 65277 (0xfefd) 1.2 and 1.3.",
                   wireshark="dtls.record.version"),
            Column("epoch", "u16", "Epoch: number of changes of the cipher state; 0 is not encrypted.",
                   wireshark="dtls.record.epoch"),
            Column("sequence_number", "i64", "Sequence number of the record in its epoch, 48 bits.",
                   wireshark="dtls.record.sequence_number"),
            Column("length", "u16", "Length of the record after its header, bytes.", wireshark="dtls.record.length"),
            Column("alert_level", "u8", "Alert level: 1 warning, 2 fatal; null if encrypted.",
                   wireshark="dtls.alert_message.level"),
            Column("alert_description", "u8", "Alert description: 0 close notify, others by IANA; null if encrypted.",
                   wireshark="dtls.alert_message.desc"),
            Column("handshake", List(MESSAGE), "Handshake messages in wire order; empty if encrypted."),
            Column("hello_version", "u16", "Hello: legacy version, offered or selected.",
                   wireshark="dtls.handshake.version"),
            Column("session_id", "bytes", "Hello: session ID to resume, up to 32 bytes; null without one.",
                   wireshark="dtls.handshake.session_id"),
            Column("cookie", "bytes", "Cookie of the client hello or hello verify request; null without one.",
                   wireshark="dtls.handshake.cookie"),
            Column("server_name", "text", "Client hello: server name (SNI).",
                   wireshark="dtls.handshake.extensions_server_name"),
            Column("alpn", List("text"), "Hello: ALPN protocols offered or selected.",
                   wireshark="dtls.handshake.extensions_alpn_str"),
            Column("supported_versions", List("u16"), "Hello: versions offered or selected.",
                   wireshark="dtls.handshake.extensions.supported_version"),
            Column("cipher_suites", List("u16"), "Hello: cipher suites offered or selected, by IANA.",
                   wireshark="dtls.handshake.ciphersuite"),
            Column("srtp_profiles", List("u16"), "Hello: SRTP protection profiles offered or selected.",
                   wireshark="dtls.use_srtp.protection_profile"),
            Column("ja3", "text", "JA3 of a complete client hello, 32 hexadecimal digits.",
                   wireshark="dtls.handshake.ja3"),
            Column("ja3s", "text", "JA3S of a complete server hello, 32 hexadecimal digits.",
                   wireshark="dtls.handshake.ja3s"),
            Column("ja4", "text", "JA4 of a complete client hello.", why="tshark has it since 4.2"),
            Column("heuristic", "bool", "Whether the record was recognized by its content and not by its port.",
                   why="our own"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Datagrams whose first record has a known type, version and length, and ends at the end or at another record."""
    first = byte_at(messages, 0)
    result = (first >= CONTENT_TYPES.start) & (first < CONTENT_TYPES.stop)
    index = np.flatnonzero(result)
    if len(index):
        result[index] = _valid(messages.take(index))
    return result


def _valid(messages: Messages) -> Mask:
    """Of datagrams with a known type, those with a valid version and length of the first record."""
    size = messages.end - messages.start + messages.missing
    kind, length = byte_at(messages, 0), number_at(messages, 11, 2)
    valid = np.isin(number_at(messages, 1, 2), VERSIONS)
    valid &= (kind == CONNECTION_ID) | ((length > 0) & (length <= np.minimum(size - HEADER, LONGEST)))
    for index in np.flatnonzero(valid & (kind != CONNECTION_ID) & (size > HEADER + length)).tolist():
        follows = messages.start[index] + HEADER + length[index]
        if follows < messages.end[index]:
            valid[index] = CONTENT_TYPES.start <= messages.data[follows] < UNIFIED.stop
    return np.asarray(valid)


@dataclass(slots=True)
class Fragmented:
    """A message in fragments: its type and length, the version of its record, and what is known of it.

    `whole` are its bytes when it was complete, by which fragments that are sent again are known.
    """

    kind: int
    length: int
    version: int
    pieces: Assembly = field(default_factory=Assembly)
    whole: bytes | None = None
    last: Origin | None = None

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self.pieces.size + len(self.whole or b"")

    def repeats(self, about: dict[str, Any], data: bytes) -> bool:
        """Whether a fragment is of this message, as far as is known."""
        at = MESSAGE_HEADER + about["fragment_offset"]
        same = (about["type"], about["length"]) == (self.kind, self.length)
        return same and (self.whole is None or self.whole[at : at + len(data)] == data)


class Memory:
    """The messages in fragments of a capture, by addresses, ports and message number, and those that were found."""

    def __init__(self) -> None:
        self.handshakes = Handshakes()
        self.fragmented: Kept[Fragmented] = Kept(self._drop)

    def finish(self) -> None:
        """End all messages: those that are not whole are found."""
        self.fragmented.finish()

    def found(self, message: Cursor, about: dict[str, Any], body: Cursor, version: int) -> None:
        """Note a message that is not in fragments."""
        data = _header(about) + body.data[body.at : body.end]
        reason = Reason.GAP if body.missing else Reason.WHOLE
        origin = message.origin
        self.handshakes.add(Found(about["type"], data, origin, origin, Transport.DTLS, version, reason))

    def offer(self, message: Cursor, about: dict[str, Any], data: bytes, version: int) -> bytes | None:
        """Add a fragment; the message with its header if it is now whole."""
        key = (*_ends(message), about["message_sequence"])
        one = self.fragmented.get(key)
        if one is None or not one.repeats(about, data):
            one = Fragmented(about["type"], about["length"], version)
            self.fragmented.put(key, one)
        if one.whole is None:
            if not about["fragment_offset"]:
                one.pieces.offer(0, _header(about), message.origin)
            one.pieces.offer(MESSAGE_HEADER + about["fragment_offset"], data, message.origin)
        found = one.pieces.message()
        if found is not None:
            data, first = found
            reason = Reason.TOO_LARGE if one.pieces.ended else Reason.WHOLE
            one.whole = None if one.pieces.ended else data
            self.handshakes.add(Found(one.kind, data, first, message.origin, Transport.DTLS, one.version, reason))
        self.fragmented.used(key, message.origin)
        return None if found is None else one.whole

    def _drop(self, one: Fragmented) -> None:
        rest = one.pieces.rest()
        if rest is not None:
            data, first = rest
            last = one.pieces.last
            self.handshakes.add(Found(one.kind, data, first, last, Transport.DTLS, one.version, Reason.GAP))


def _header(about: dict[str, Any]) -> bytes:
    """The header that a message in TLS has (RFC 8446 section 4)."""
    kind, length = int(about["type"]), int(about["length"])
    return bytes((kind,)) + length.to_bytes(3)


def _ends(message: Cursor) -> tuple[Any, ...]:
    """Addresses and ports of a datagram."""
    return message.sender, message.receiver, message.source_port, message.destination_port


def memory() -> Memory:
    """What is remembered of the messages of a capture."""
    return Memory()


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of every record of a datagram."""
    heuristic = by_content(message, PORTS)
    for _ in range(MOST_RECORDS):
        yield "heuristic", heuristic
        kind = message.number(1)
        if kind in UNIFIED:
            yield "unified_header", kind
            message.skip(message.left)
            if message.missing:
                raise Short
            return
        yield "content_type", kind
        if kind not in CONTENT_TYPES:
            message.fault("bad_value")
            return
        yield from _record(message, kind)
        if not message.promised:
            return
        yield NEXT, None
    message.fault("too_large")


def _record(message: Cursor, kind: int) -> Iterator[tuple[str, Any]]:
    version = message.number(2)
    yield "version", version
    if version not in VERSIONS:
        raise Malformed("bad_version")
    epoch = message.number(2)
    yield "epoch", epoch
    yield "sequence_number", message.number(6)
    if kind == CONNECTION_ID:
        message.skip(message.left)
        if message.missing:
            raise Short
        return
    length = message.number(2)
    yield "length", length
    body = part(message, length)
    if not epoch and kind == ALERT:
        yield "alert_level", body.number(1)
        yield "alert_description", body.number(1)
    elif not epoch and kind == HANDSHAKE:
        yield from _messages(message, body, version)
    body.skip(body.left)
    if body.missing:
        raise Short


def _messages(message: Cursor, body: Cursor, version: int) -> Iterator[tuple[str, Any]]:
    """Columns of the handshake messages in a record; `message` is the datagram."""
    handshake: list[dict[str, Any]] = []
    yield "handshake", handshake
    for _ in range(MOST_MESSAGES):
        if not body.promised:
            return
        kind = body.number(1)
        about: dict[str, Any] = {"type": kind}
        handshake.append(about)
        about["length"] = body.number(3)
        about["message_sequence"] = body.number(2)
        about["fragment_offset"] = offset = body.number(3)
        about["fragment_length"] = size = body.number(3)
        if offset + size > about["length"]:
            raise Malformed("bad_length")
        fragment = part(body, size)
        if kind in TABLES_OF:
            yield from _read(message, about, fragment, version)
        elif kind == HELLO_VERIFY_REQUEST and size == about["length"]:
            yield "hello_version", fragment.number(2)
            cookie = part(fragment, fragment.number(1)).rest()
            yield "cookie", cookie or None
        fragment.skip(fragment.left)
        if fragment.missing:
            raise Short
    body.fault("too_large")


def _read(message: Cursor, about: dict[str, Any], fragment: Cursor, version: int) -> Iterator[tuple[str, Any]]:
    """Columns of a hello that is whole with this fragment; hellos and certificates are noted as found."""
    memory: Memory = message.memory
    if about["fragment_length"] == about["length"]:
        memory.found(message, about, fragment, version)
        if about["type"] in (CLIENT_HELLO, SERVER_HELLO):
            yield from _hello(about["type"], fragment, Hello())
        return
    whole = memory.offer(message, about, fragment.data[fragment.at : fragment.end], version)
    if whole is not None and about["type"] in (CLIENT_HELLO, SERVER_HELLO):
        yield from _hello(about["type"], Cursor(whole, MESSAGE_HEADER, faults=message.faults), Hello())


def _hello(kind: int, body: Cursor, hello: Hello) -> Iterator[tuple[str, Any]]:
    ended: Exception | None = None
    try:
        if kind == CLIENT_HELLO:
            read_client_hello(body, hello, datagrams=True)
        else:
            read_server_hello(body, hello)
    except (Short, Malformed) as error:
        ended = error
    yield "hello_version", hello.version
    yield "session_id", hello.session_id or None
    yield "cookie", hello.cookie or None
    yield "server_name", hello.server_name
    yield "alpn", [text_of(name) for name in hello.alpn]
    yield "supported_versions", hello.supported_versions
    yield "cipher_suites", hello.cipher_suites
    yield "srtp_profiles", hello.srtp_profiles
    if kind == CLIENT_HELLO:
        yield "ja3", ja3(hello)
        yield "ja4", ja4(hello, "d")
    else:
        yield "ja3s", ja3s(hello)
    if ended is not None:
        raise ended
