"""DTLS: TLS over datagrams, and what its hellos say before it encrypts.

Decided here:
- A row stands for each record; the handshake messages in one are a list, their hello is in columns. Of a hello in
  several fragments the first gives what it holds; fingerprints are made of whole ones only.
- Records of version 1.3 that are encrypted have a header of another form, which names neither a type nor, without
  what was agreed before, where its parts lie: such a record is a row with its first byte, and ends the datagram.
- Records with a connection id (RFC 9146) hide their length behind an id of unknown size: they end the datagram too.
- On the ports of STUN, QUIC and others it is found by its content (RFC 7983, RFC 9443).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

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
from netlake.layers.items import part, text
from netlake.layers.parsed import NEXT
from netlake.layers.probes import by_content, byte_at, number_at
from netlake.packets import Cursor, Malformed, Mask, Messages, Short
from netlake.schema import Column, List, Struct, Table

PORTS = (5684,)
# ports of STUN, where DTLS is told by its first byte
ALERT, HANDSHAKE, CONNECTION_ID = 21, 22, 25
CONTENT_TYPES = range(20, 27)
UNIFIED = range(32, 64)
HELLO_VERIFY_REQUEST = 3
VERSIONS = (0xFEFF, 0xFEFD, 0xFEFC, 0x0100)
HEADER = 13
# a record may not carry more than this (RFC 6347), with what encryption adds
LONGEST = (1 << 14) + 2048
MOST_RECORDS, MOST_MESSAGES = 4096, 1024

MESSAGE = Struct(
    (
        Column("type", "u8", "1 client hello, 2 server hello, 3 hello verify request, 11 certificate, 16 key exchange.",
               wireshark="dtls.handshake.type"),
        Column("length", "u32", "Bytes of the whole message, up to 16777215.", wireshark="dtls.handshake.length"),
        Column("message_sequence", "u16", "Number of the message in the handshake, from 0.",
               wireshark="dtls.handshake.message_seq"),
        Column("fragment_offset", "u32", "Where in the message this fragment lies, bytes from 0.",
               wireshark="dtls.handshake.fragment_offset"),
        Column("fragment_length", "u32", "Bytes of this fragment; the length of a message that is whole.",
               wireshark="dtls.handshake.fragment_length"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "dtls",
        "One row for each DTLS record.",
        spec="RFC 6347, RFC 9147, RFC 4347, RFC 9146",
        on=("udp.port=5684",),
        columns=(
            Column("content_type", "u8", "20 cipher change, 21 alert, 22 handshake, 23 data, 25 with connection id.",
                   wireshark="dtls.record.content_type"),
            Column("unified_header", "u8",
                   "Version 1.3: first byte of an encrypted record, 32 to 63; what follows is not read.",
                   why="tshark has it from 4.2 on"),
            Column("version", "u16", "65279 (0xfeff) 1.0, 65277 (0xfefd) 1.2, which 1.3 writes too.",
                   wireshark="dtls.record.version"),
            Column("epoch", "u16", "Counts changes of the keys; 0 is not encrypted.", wireshark="dtls.record.epoch"),
            Column("sequence_number", "i64", "Number of the record in its epoch, 48 bits.",
                   wireshark="dtls.record.sequence_number"),
            Column("length", "u16", "Bytes behind the header.", wireshark="dtls.record.length"),
            Column("alert_level", "u8", "1 warning, 2 fatal; null if encrypted.", wireshark="dtls.alert_message.level"),
            Column("alert_description", "u8", "IANA number of the alert, such as 0 close notify; null if encrypted.",
                   wireshark="dtls.alert_message.desc"),
            Column("handshake", List(MESSAGE), "Messages of the handshake in wire order; none if encrypted."),
            Column("hello_version", "u16", "Hello: version that is asked for or chosen, of old clients and servers.",
                   wireshark="dtls.handshake.version"),
            Column("session_id", "bytes", "Hello: session that shall go on, up to 32 bytes; null without one.",
                   wireshark="dtls.handshake.session_id"),
            Column("cookie", "bytes", "Proof of the client's address, asked for or sent; null without one.",
                   wireshark="dtls.handshake.cookie"),
            Column("server_name", "text", "Client's hello: name of the server that is asked for.",
                   wireshark="dtls.handshake.extensions_server_name"),
            Column("alpn", List("text"), "Hello: protocols that are offered, or the one that is chosen.",
                   wireshark="dtls.handshake.extensions_alpn_str"),
            Column("supported_versions", List("u16"), "Hello: versions that are offered, or the one that is chosen.",
                   wireshark="dtls.handshake.extensions.supported_version"),
            Column("cipher_suites", List("u16"), "Hello: IANA numbers that are offered, or the one that is chosen.",
                   wireshark="dtls.handshake.ciphersuite"),
            Column("srtp_profiles", List("u16"), "Hello: how SRTP may be protected, or shall be.",
                   wireshark="dtls.use_srtp.protection_profile"),
            Column("ja3", "text", "JA3 of a client's hello that is whole, 32 hexadecimal digits.",
                   wireshark="dtls.handshake.ja3"),
            Column("ja3s", "text", "JA3S of a server's hello that is whole, 32 hexadecimal digits.",
                   wireshark="dtls.handshake.ja3s"),
            Column("ja4", "text", "JA4 of a client's hello that is whole.", why="tshark has it from 4.2 on"),
            Column("heuristic", "bool", "Whether it was found by its content and not by a port.", why="our own"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Datagrams whose first record has a known type, version and length, and is followed by another or by nothing."""
    first = byte_at(messages, 0)
    result = (first >= CONTENT_TYPES.start) & (first < CONTENT_TYPES.stop)
    index = np.flatnonzero(result)
    if len(index):
        result[index] = _sound(messages.take(index))
    return result


def _sound(messages: Messages) -> Mask:
    """Of datagrams with a known type, those whose first record is sound."""
    size = messages.end - messages.start + messages.missing
    kind, length = byte_at(messages, 0), number_at(messages, 11, 2)
    sound = np.isin(number_at(messages, 1, 2), VERSIONS)
    sound &= (kind == CONNECTION_ID) | ((length > 0) & (length <= np.minimum(size - HEADER, LONGEST)))
    for index in np.flatnonzero(sound & (kind != CONNECTION_ID) & (size > HEADER + length)).tolist():
        follows = messages.start[index] + HEADER + length[index]
        if follows < messages.end[index]:
            sound[index] = CONTENT_TYPES.start <= messages.data[follows] < UNIFIED.stop
    return np.asarray(sound)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Every record of a datagram."""
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
        yield from _messages(body)
    body.skip(body.left)
    if body.missing:
        raise Short


def _messages(body: Cursor) -> Iterator[tuple[str, Any]]:
    found: list[dict[str, Any]] = []
    yield "handshake", found
    for _ in range(MOST_MESSAGES):
        if not body.promised:
            return
        kind = body.number(1)
        about: dict[str, Any] = {"type": kind}
        found.append(about)
        about["length"] = body.number(3)
        about["message_sequence"] = body.number(2)
        about["fragment_offset"] = offset = body.number(3)
        about["fragment_length"] = size = body.number(3)
        if offset + size > about["length"]:
            raise Malformed("bad_length")
        fragment = part(body, size)
        if not offset:
            yield from _message(kind, fragment, about["length"] - size)
        fragment.skip(fragment.left)
        if fragment.missing:
            raise Short
    body.fault("too_large")


def _message(kind: int, body: Cursor, elsewhere: int) -> Iterator[tuple[str, Any]]:
    """The first fragment of a message, of which `elsewhere` bytes are in others."""
    if kind == HELLO_VERIFY_REQUEST and not elsewhere:
        yield "hello_version", body.number(2)
        cookie = part(body, body.number(1)).rest()
        yield "cookie", cookie or None
    elif kind in (CLIENT_HELLO, SERVER_HELLO):
        hello = Hello()
        inside = Cursor(body.data, body.at, body.end, faults=body.faults, missing=body.missing + elsewhere)
        yield from _hello(kind, inside, hello, fragmented=elsewhere > 0)


def _hello(kind: int, body: Cursor, hello: Hello, *, fragmented: bool) -> Iterator[tuple[str, Any]]:
    ended: Exception | None = None
    try:
        if kind == CLIENT_HELLO:
            read_client_hello(body, hello, datagrams=True)
        else:
            read_server_hello(body, hello)
    except (Short, Malformed) as found:
        ended = None if fragmented and isinstance(found, Short) else found
    yield "hello_version", hello.version
    yield "session_id", hello.session_id or None
    yield "cookie", hello.cookie or None
    yield "server_name", hello.server_name
    yield "alpn", [text(name) for name in hello.alpn]
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
