"""QUIC: packets with a long header, which establish connections; Initial packets are decrypted.

Decided here:
- Packets with a short header are encrypted and have no row; they are removed column by column.
- QUIC claims no port exclusively: STUN, DTLS, WireGuard and RTP also use 443, and their probes are called there. DNS
  has no fixed bits, so its probe has priority for messages with one question (`doubt`).
- On port 443 any version is a long header, on other ports known versions only. There a short header is QUIC if a long
  one is before it in its flow (`evidence`).
- Each packet of a datagram is a row; `crypto` has the pieces of its CRYPTO frames. These are joined
  (netlake.protocols.quic.frames): the packet that completes a hello has its columns. The hellos are also rows of
  tls_client_hello and tls_server_hello, with all their fields, and those that are not whole too.
- Keys are derived from the client's first Destination Connection ID. Packets of a server do not have it: they are
  decrypted if a packet of the client was before them in the capture.
- A client can force a version negotiation by a reserved version. Its Initial has the form and keys of a version that
  the client supports; if it opens with those of version 1 or draft 29, it is read like them.
- Versions of Google before Q044 have another header: table gquic.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from netlake.layers import quic_keys as keys
from netlake.layers.evidence import Candidates, Known
from netlake.layers.items import remainder
from netlake.layers.parsed import NEXT, by_message
from netlake.layers.probes import by_content, byte_at, number_at
from netlake.packets import Columns, Cursor, Ints, Malformed, Mask, Messages, Short
from netlake.protocols.quic.frames import Connection, Datagram, End, Memory, Sender, frames
from netlake.schema import Column, List, Message, Struct, Table

PORTS = (443,)
# the first byte, the version and the two connection ID lengths
HEADER = 7
LONG, FIXED = 0x80, 0x40
TYPES = ("initial", "zero_rtt", "handshake", "retry")
TAG = 16
LONGEST_ID = 20
# bytes of the header of DNS
DNS_HEADER = 12
# clients pad their first datagrams to this size
SMALLEST_INITIAL = 1200
# a short header, and the bytes from which header protection is computed (RFC 9001 section 5.4.2)
SMALLEST_SHORT = 21
# earlier versions of Google have other headers or packet types
FIRST_OF_IETF = 50
# versions recognized on other ports: exact, by their first three bytes, by their first byte
NUMBERS, FAMILIES, GOOGLE = (0, keys.VERSION_1, keys.VERSION_2), (0xFF0000, 0xFACEB0), (0x51, 0x54)
# limit for coalesced packets in a datagram
MOST_PACKETS = 64

PIECE = Struct(
    (
        Column("offset", "i64", "Offset in the CRYPTO stream of the handshake, bytes from 0.",
               wireshark="quic.crypto.offset"),
        Column("data", "bytes", "Data of the CRYPTO frame.", why="tshark dissects it"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "quic",
        "One row for each QUIC packet with a long header.",
        spec="RFC 9000, RFC 9001, RFC 9369, RFC 8999",
        on=("udp.port=443",),
        size=HEADER,
        message=Message(
            "QUIC {packet_type}[ {version_name}][ for {server_name}][ ({alpn})][ {error_reason}]",
            "tls", only="{packet_type?initial,retry,version_negotiation}", default=False,
        ),
        columns=(
            Column("version", "u32", "Version; 0 for version negotiation.", wireshark="quic.version"),
            Column("version_name", "word", "Name of the version: 1, 2, draft-29, mvfst-27, Q050, reserved.",
                   why="tshark shows text"),
            Column("packet_type", "word",
                   "Packet type: initial, zero_rtt, handshake, retry, version_negotiation; null in unknown versions.",
                   why="compared in long_packet_type"),
            Column("long_packet_type", "u8", "Type bits as sent, 0 to 3; their meaning depends on the version.",
                   wireshark="quic.long.packet_type"),
            Column("destination_connection_id", "bytes", "Destination Connection ID, up to 20 bytes.",
                   wireshark="quic.dcid"),
            Column("source_connection_id", "bytes", "Source Connection ID, up to 20 bytes.", wireshark="quic.scid"),
            Column("token", "bytes", "Initial: token, validates the client's address; null if empty.",
                   wireshark="quic.token"),
            Column("length", "i64", "Bytes of packet number and payload.", wireshark="quic.length"),
            Column("decrypted", "bool", "Initial: the packet was decrypted; null for other types.",
                   why="defined by netlake"),
            Column("packet_number", "i64", "Packet number as sent, its low bytes; null if not decrypted.",
                   wireshark="quic.packet_number"),
            Column("original_destination_connection_id", "bytes",
                   "Retry, drafts 22 to 24: Destination Connection ID that the client chose.", wireshark="quic.odcid"),
            Column("retry_token", "bytes", "Retry: token that the client repeats.", wireshark="quic.retry_token"),
            Column("retry_integrity_tag", "bytes",
                   "Retry: integrity tag, authenticates the original Initial, 16 bytes.",
                   wireshark="quic.retry_integrity_tag"),
            Column("supported_versions", List("u32"), "Version negotiation: versions that the server supports.",
                   wireshark="quic.supported_version"),
            Column("frame_types", List("u16"), "Frame types in wire order; a run of padding is one.",
                   wireshark="quic.frame_type"),
            Column("crypto", List(PIECE), "Data of CRYPTO frames in wire order."),
            Column("error_code", "i64", "Error code of CONNECTION_CLOSE; 256 to 511 are TLS alerts.",
                   wireshark="quic.cc.error_code"),
            Column("error_reason", "text", "Reason phrase of CONNECTION_CLOSE.", wireshark="quic.cc.reason_phrase"),
            Column("server_name", "text", "ClientHello: server name (SNI).",
                   wireshark="tls.handshake.extensions_server_name"),
            Column("alpn", List("text"), "ClientHello: offered ALPN protocols, such as h3.",
                   wireshark="tls.handshake.extensions_alpn_str"),
            Column("tls_versions", List("u16"), "Hello: TLS versions offered or selected; 772 (0x0304) is 1.3.",
                   wireshark="tls.handshake.extensions.supported_version"),
            Column("cipher_suites", List("u16"), "Hello: cipher suites offered or selected, by IANA.",
                   wireshark="tls.handshake.ciphersuite"),
            Column("ja3", "text", "JA3 of the ClientHello, 32 hexadecimal digits; null if it is incomplete.",
                   wireshark="tls.handshake.ja3"),
            Column("ja4", "text", "JA4 of the ClientHello; null if it is incomplete.", why="tshark has it since 4.2"),
            Column("user_agent", "text", "Versions of Google: user agent of the client.",
                   wireshark="tls.quic.parameter.google.user_agent"),
            Column("heuristic", "bool", "Recognized by content, not by port.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """On port 443: messages with the fixed bit, or with version 0; RTP and DTLS have neither (RFC 9443).

    Resolvers of DNSCrypt also send DNS on this port. DNS has four counts where a long header has the end of a version
    and the length of an ID, and a short header random bytes: a message with the fixed bit, with a version other than 0
    and with counts of one question and at most 255 records of each kind is not of QUIC.
    """
    first = byte_at(messages, 0)
    versionless = (first >= LONG) & (number_at(messages, 1, 4) == 0)
    counts = number_at(messages, 4, 7)  # of questions, answers, authorities, and the first byte of additional records
    dns = (counts >> 40 == 1) & (counts & 0xFF00FF00FF == 0) & (messages.end - messages.start > DNS_HEADER)
    return np.asarray((first & FIXED > 0) & ~dns | versionless)


def doubt(messages: Messages) -> Mask:
    """On port 443: messages that have one question where DNS counts them."""
    return np.asarray(number_at(messages, 4, 2) == 1)


def memory() -> Memory:
    """What is remembered of the connections of a capture."""
    return Memory()


def read(messages: Messages, memory: Memory | None = None) -> tuple[Messages, Columns]:
    """Rows of datagrams that start with a long header, or are invalid; short headers are encrypted and have no row."""
    first = byte_at(messages, 0)
    index = np.flatnonzero((first >= LONG) | (first & FIXED == 0))
    memory = Memory() if memory is None else memory
    return by_message(TABLES[0], partial(datagram, memory=memory), messages.take(index), memory=memory)


def probe(messages: Messages) -> Mask:
    """Datagrams with a long header that is certain, and those with a short one, which `evidence` judges."""
    first = byte_at(messages, 0)
    short = (first & (LONG | FIXED) == FIXED) & (messages.end - messages.start + messages.missing >= SMALLEST_SHORT)
    return np.asarray(short) | _certain(messages)


class _Connections(Known):
    """Flows with a long header: their datagrams with short headers are QUIC too."""

    def certain(self, messages: Messages) -> Mask:
        """Datagrams with a long header, which `probe` has checked."""
        return byte_at(messages, 0) >= LONG

    def topics(self, candidates: Candidates) -> tuple[tuple[Ints, ...], Ints]:
        """The flow."""
        return (candidates.flow,), candidates.flow


def evidence() -> _Connections:
    """What confirms the candidates of one capture."""
    return _Connections()


def _versioned(messages: Messages) -> Mask:
    """Datagrams that have a long header with a known or reserved version, or version negotiation."""
    version = number_at(messages, 1, 4)
    known = np.isin(version, NUMBERS) | np.isin(version >> 8, FAMILIES) | np.isin(version >> 24, GOOGLE)
    known |= version & 0x0F0F0F0F == 0x0A0A0A0A
    return np.asarray((byte_at(messages, 0) >= LONG) & known)


def _certain(messages: Messages) -> Mask:
    """Datagrams with a long header; off port 443 of known versions, or version negotiations of those."""
    result = byte_at(messages, 0) >= LONG
    index = np.flatnonzero(result)
    among = messages.take(index)
    version = number_at(among, 1, 4)
    # most datagrams with this first byte are RTP
    usual = (among.source_port == PORTS[0]) | (among.destination_port == PORTS[0])
    usual &= number_at(among, 4, 2) != 1
    result[index] = usual | _versioned(among)
    chosen = np.flatnonzero(result[index])
    candidates = zip(among.take(chosen), version[chosen].tolist(), usual[chosen].tolist(), strict=True)
    result[index[chosen]] = [
        len(data) >= HEADER and _plausible(data, number, usual=port) for data, number, port in candidates
    ]
    return result


def _plausible(data: bytes, version: int, *, usual: bool) -> bool:
    """Whether connection IDs of valid length follow, and after them what the version requires."""
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


def datagram(message: Cursor, memory: Memory | None = None) -> Iterator[tuple[str, Any]]:
    """Rows of all coalesced packets of a datagram; padding and packets with short headers after them are skipped."""
    memory = Memory() if memory is None else memory
    state = Datagram(by_content(message, PORTS), memory, getattr(message, "origin", None))
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
    if keys.reserved(version):
        yield from _forcing(message, state, Packet(begin, version, destination, source), first)
        return
    if not keys.known(version):
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
        yield from _long(message, name, state, Packet(begin, version, destination, source))


def _negotiation(message: Cursor) -> Iterator[tuple[str, Any]]:
    versions: list[int] = []
    yield "supported_versions", versions
    while message.promised:
        if message.promised < 4:
            raise Malformed("bad_length")
        versions.append(message.number(4))


def _retry(message: Cursor, draft: int | None) -> Iterator[tuple[str, Any]]:
    """Columns of a retry: the token, and before the end the integrity tag, which drafts have since 25."""
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


class Packet(NamedTuple):
    """The offset of a packet, its version, and its connection IDs."""

    begin: int
    version: int
    destination: bytes
    source: bytes


def _forcing(message: Cursor, state: Datagram, packet: Packet, first: int) -> Iterator[tuple[str, Any]]:
    """Columns of an Initial with a reserved version, which opens with keys of a version; nothing else is read."""
    begin = message.at
    for version in keys.FORCING if first >> 4 & 7 == 4 else ():
        try:
            found = list(_long(message, "initial", state, packet._replace(version=version)))
        except (Malformed, Short):
            break
        if ("decrypted", True) in found:
            yield from (("long_packet_type", 0), ("packet_type", "initial"), *found)
            return
        message.at = begin
    message.at = begin
    message.skip(message.left)


def _long(message: Cursor, name: str, state: Datagram, packet: Packet) -> Iterator[tuple[str, Any]]:
    """Columns of a packet with a length field; an Initial is decrypted if possible."""
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
    header = message.data[packet.begin : message.at]
    protected = message.take(length)
    if name != "initial":
        return
    opened = _opened(message, state, packet, (header, protected))
    yield "decrypted", opened is not None
    if opened is not None:
        number, payload, sender = opened
        yield "packet_number", number
        try:
            yield from frames(message, payload, state, sender, packet.version)
        finally:
            state.memory.connections.used(sender.end, state.origin)


def _opened(
    message: Cursor, state: Datagram, packet: Packet, parts: tuple[bytes, bytes]
) -> tuple[int, bytes, Sender] | None:
    """Packet number, payload and sender of an Initial, of which `parts` are the header and the protected rest.

    Its sender is the server or the client of a known connection, or a client that begins one.
    """
    addresses = (state.origin.sender, state.origin.receiver) if state.origin else (None, None)
    ports = (message.source_port, message.destination_port)
    client = End(*addresses, *ports, packet.source)
    server = End(*addresses[::-1], *ports[::-1], packet.destination)
    known = state.memory.connections
    for end, is_server in ((server, True), (client, False)):
        connection = known.get(end)
        if connection is not None:
            opened = keys.decrypt(*parts, packet.version, connection.first, server=is_server)
            if opened is not None:
                return *opened, Sender(end, connection, is_server)
    opened = keys.decrypt(*parts, packet.version, packet.destination)
    if opened is None:
        return None
    connection = Connection(packet.destination)
    known.put(client, connection)
    return *opened, Sender(client, connection, is_server=False)


def _number(message: Cursor) -> int:
    """A variable-length integer."""
    first = message.number(1)
    size = 1 << (first >> 6)
    return (first & 0x3F) << 8 * (size - 1) | message.number(size - 1)
