"""QUIC: the packets with a long header, which begin connections; Initial packets of clients are decrypted.

Decided here:
- Packets with a short header are encrypted and hold no facts: they are no rows, and are sorted out column by column.
- No port is claimed, not even 443: STUN, DTLS, WireGuard and calls use it too, and are left to find their own there. On
  443 `probe` takes any version, elsewhere only those that are known.
- A row stands for each packet of a datagram. What a client says in CRYPTO frames is put together within the datagram:
  the row whose packet completes its hello has all of it. A hello that goes on in a later datagram gives what its
  beginning says, without fingerprints; `crypto` keeps the pieces, of which streams are made.
- Keys come of the client's first Destination Connection ID. What a server sends, and a client after the server chose
  an id, would need that of an earlier packet: such packets are rows that are not decrypted.
- Google's versions before Q044 have a header of another form and are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers import quic_keys as keys
from netlake.layers.items import remainder
from netlake.layers.parsed import NEXT, by_message
from netlake.layers.probes import by_content, byte_at, number_at
from netlake.packets import Columns, Cursor, Malformed, Mask, Messages, Short
from netlake.protocols.quic.frames import Datagram, frames
from netlake.schema import Column, List, Struct, Table

PORTS = (443,)
# the first byte, the version and the lengths of two ids
HEADER = 7
LONG, FIXED = 0x80, 0x40
TYPES = ("initial", "zero_rtt", "handshake", "retry")
TAG = 16
LONGEST_ID = 20
# a client fills its first datagrams up to this
SMALLEST_INITIAL = 1200
# Google's versions before have headers, or packet types, of their own
FIRST_OF_IETF = 50
# versions that are looked for off the usual port: whole, by their first three bytes, by their first
NUMBERS, FAMILIES, GOOGLE = (0, keys.VERSION_1, keys.VERSION_2), (0xFF0000, 0xFACEB0), (0x51, 0x54)
# no datagram holds as many packets
MOST_PACKETS = 64

PIECE = Struct(
    (
        Column("offset", "i64", "Where in the stream of the handshake the data lies, bytes from 0.",
               wireshark="quic.crypto.offset"),
        Column("data", "bytes", "The data.", why="dissected by tshark"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "quic",
        "One row for each QUIC packet with a long header.",
        spec="RFC 9000, RFC 9001, RFC 9369, RFC 8999",
        on=("udp.port=443",),
        size=HEADER,
        columns=(
            Column("version", "u32", "Version; 0 for version negotiation.", wireshark="quic.version"),
            Column("version_name", "word", "The same as people call it: 1, 2, draft-29, mvfst-27, Q050, reserved.",
                   why="tshark names it in text"),
            Column("packet_type", "word",
                   "initial, zero_rtt, handshake, retry or version_negotiation; null in versions that are not known.",
                   why="compared in long_packet_type"),
            Column("long_packet_type", "u8", "Bits of the type as sent, 0 to 3, which versions number differently.",
                   wireshark="quic.long.packet_type"),
            Column("destination_connection_id", "bytes", "The receiver's id of the connection, up to 20 bytes.",
                   wireshark="quic.dcid"),
            Column("source_connection_id", "bytes", "The sender's id of the connection, up to 20 bytes.",
                   wireshark="quic.scid"),
            Column("token", "bytes", "Initial: what proves the address of the client; null without one.",
                   wireshark="quic.token"),
            Column("length", "i64", "Bytes of packet number and payload.", wireshark="quic.length"),
            Column("decrypted", "bool", "Initial: whether it could be decrypted; else null.", why="our own"),
            Column("packet_number", "i64", "Number of the packet as sent, its low bytes; null if encrypted.",
                   wireshark="quic.packet_number"),
            Column("original_destination_connection_id", "bytes", "Retry of drafts up to 24: the client's choice.",
                   wireshark="quic.odcid"),
            Column("retry_token", "bytes", "Retry: what the client shall send back.", wireshark="quic.retry_token"),
            Column("retry_integrity_tag", "bytes", "Retry: proof that the Initial was seen, 16 bytes.",
                   wireshark="quic.retry_integrity_tag"),
            Column("supported_versions", List("u32"), "Version negotiation: what the server has.",
                   wireshark="quic.supported_version"),
            Column("frame_types", List("u16"), "Types of the frames in wire order; padding once for each run.",
                   wireshark="quic.frame_type"),
            Column("crypto", List(PIECE), "Pieces of the TLS handshake in wire order.", why="compared in its fields"),
            Column("error_code", "i64", "Why the connection is closed; 256 to 511 are alerts of TLS.",
                   wireshark="quic.cc.error_code"),
            Column("error_reason", "text", "The same in words.", wireshark="quic.cc.reason_phrase"),
            Column("server_name", "text", "Hello: name of the server that is asked for.",
                   wireshark="tls.handshake.extensions_server_name"),
            Column("alpn", List("text"), "Hello: protocols that are offered, such as h3.",
                   wireshark="tls.handshake.extensions_alpn_str"),
            Column("tls_versions", List("u16"), "Hello: versions of TLS that are offered; 772 (0x0304) is 1.3.",
                   wireshark="tls.handshake.extensions.supported_version"),
            Column("cipher_suites", List("u16"), "Hello: IANA numbers of the cipher suites that are offered.",
                   wireshark="tls.handshake.ciphersuite"),
            Column("ja3", "text", "JA3 of the client's hello, 32 hexadecimal digits; null unless it is whole.",
                   wireshark="tls.handshake.ja3"),
            Column("ja4", "text", "JA4 of the client's hello; null unless it is whole.",
                   why="tshark has it from 4.2 on"),
            Column("user_agent", "text", "Google's versions: the program of the client.",
                   wireshark="tls.quic.parameter.google.user_agent"),
            Column("heuristic", "bool", "Whether it was found by its content and not by a port.", why="our own"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """On its port: what has the fixed bit, or negotiates the version; calls and DTLS have neither (RFC 9443)."""
    first = byte_at(messages, 0)
    return np.asarray((first & FIXED > 0) | ((first >= LONG) & (number_at(messages, 1, 4) == 0)))


def read(messages: Messages) -> tuple[Messages, Columns]:
    """Rows of datagrams that begin with a long header, or are none; short ones are encrypted, and common."""
    first = byte_at(messages, 0)
    return by_message(TABLES[0], datagram, messages.take(np.flatnonzero((first >= LONG) | (first & FIXED == 0))))


def probe(messages: Messages) -> Mask:
    """Datagrams with a long header; off port 443 only of a known version, or with a negotiation of such versions."""
    result = byte_at(messages, 0) >= LONG
    index = np.flatnonzero(result)
    among = messages.take(index)
    version = number_at(among, 1, 4)
    usual = (among.source_port == PORTS[0]) | (among.destination_port == PORTS[0])
    # most of what begins so is RTP
    result[index] = usual | np.isin(version, NUMBERS) | np.isin(version >> 8, FAMILIES) | np.isin(version >> 24, GOOGLE)
    result[index] |= version & 0x0F0F0F0F == 0x0A0A0A0A
    chosen = np.flatnonzero(result[index])
    told = zip(among.take(chosen), version[chosen].tolist(), usual[chosen].tolist(), strict=True)
    result[index[chosen]] = [
        len(data) >= HEADER and _plausible(data, number, usual=port) for data, number, port in told
    ]
    return result


def _plausible(data: bytes, version: int, *, usual: bool) -> bool:
    """Whether ids of a length that is allowed follow, and behind them what the version wants."""
    if usual and keys.google(version) is not None:
        return bool(data[0] & FIXED)
    at = 6 + data[5]
    at += 1 + data[at] if at < len(data) and data[at] <= LONGEST_ID else len(data)
    if data[5] > LONGEST_ID or at >= len(data):
        return False
    if usual:
        return version == 0 or bool(data[0] & FIXED)
    if version == 0:
        offered = [int.from_bytes(data[place : place + 4], "big") for place in range(at, len(data), 4)]
        return len(data) % 4 == at % 4 and all(keys.known(one) or keys.reserved(one) for one in offered)
    if keys.reserved(version):
        return len(data) >= SMALLEST_INITIAL
    return keys.known(version) and bool(data[0] & FIXED) and (keys.google(version) or FIRST_OF_IETF) >= FIRST_OF_IETF


def datagram(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Every packet of a datagram up to one that ends with it; padding and short headers behind them are passed over."""
    state = Datagram(by_content(message, PORTS))
    if message.left and message.data[0] < LONG:
        yield "heuristic", state.heuristic
        message.fault("bad_value")
        return
    for _ in range(MOST_PACKETS):
        yield from _packet(message, state)
        if not message.left or message.data[message.at] < LONG:
            return
        if not message.data[message.at] & FIXED:
            return
        yield NEXT, None
    message.fault("too_large")


def _packet(message: Cursor, state: Datagram) -> Iterator[tuple[str, Any]]:
    yield "heuristic", state.heuristic
    begin = message.at
    first, version = message.number(1), message.number(4)
    yield "version", version
    yield "version_name", keys.name(version)
    google, draft = keys.google(version), keys.draft(version)
    old = (google is not None and google < FIRST_OF_IETF) or (draft is not None and draft < 22)
    sizes = message.number(1)
    if old:
        both = [nibble + 3 if nibble else 0 for nibble in (sizes >> 4, sizes & 15)]
        destination, source = message.take(both[0]), message.take(both[1])
    else:
        destination = message.take(sizes)
        yield "destination_connection_id", destination
        source = message.take(message.number(1))
    yield "destination_connection_id", destination
    yield "source_connection_id", source
    if version == 0:
        yield "packet_type", "version_negotiation"
        yield from _negotiation(message)
        return
    if not keys.known(version):
        if not keys.reserved(version):
            message.fault("bad_version")
        message.skip(message.left)
        return
    if not first & FIXED:
        message.fault("bad_value")
    if google is not None and google < FIRST_OF_IETF:
        message.skip(message.left)
        return
    kind = first >> 4 & 3
    yield "long_packet_type", kind
    name = TYPES[kind - 1 & 3] if version == keys.VERSION_2 else TYPES[kind]
    yield "packet_type", name
    if name == "retry":
        yield from _retry(message, draft)
    else:
        yield from _long(message, name, state, (begin, version, destination))


def _negotiation(message: Cursor) -> Iterator[tuple[str, Any]]:
    versions: list[int] = []
    yield "supported_versions", versions
    while message.promised:
        if message.promised < 4:
            raise Malformed("bad_length")
        versions.append(message.number(4))


def _retry(message: Cursor, draft: int | None) -> Iterator[tuple[str, Any]]:
    """The token is what stands before the tag, which drafts have from 25 on."""
    if draft is not None and draft < 25:
        if draft >= 22:
            yield "original_destination_connection_id", message.take(message.number(1))
        yield from remainder(message, "retry_token")
        return
    if message.promised < TAG:
        raise Malformed("bad_length")
    if message.missing:
        raise Short
    yield "retry_token", message.take(message.left - TAG)
    yield "retry_integrity_tag", message.rest()


def _long(message: Cursor, name: str, state: Datagram, packet: tuple[int, int, bytes]) -> Iterator[tuple[str, Any]]:
    """A packet whose length is sent; the Initial is decrypted if it can be.

    `packet` is where it begins, its version and its destination's id.
    """
    begin, version, destination = packet
    if name == "initial":
        size = _number(message)
        if size > message.promised:
            raise Malformed("bad_length")
        if size:
            yield "token", message.take(size)
    length = _number(message)
    yield "length", length
    if length > message.promised:
        raise Malformed("bad_length")
    header = message.data[begin : message.at]
    protected = message.take(length)
    if name != "initial":
        return
    opened = keys.decrypt(header, protected, version, destination)
    yield "decrypted", opened is not None
    if opened is not None:
        number, payload = opened
        yield "packet_number", number
        yield from frames(message, payload, state, version)


def _number(message: Cursor) -> int:
    """A number of variable length."""
    first = message.number(1)
    size = 1 << (first >> 6)
    return (first & 0x3F) << 8 * (size - 1) | message.number(size - 1)
