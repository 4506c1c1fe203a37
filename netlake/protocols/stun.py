"""STUN and TURN: discovery of translated addresses, connectivity checks (ICE) and relayed data.

Decided here:
- On the STUN ports `accept` takes messages with the cookie, those of RFC 3489 that have the length of their datagram,
  and channel data; DTLS and RTP on the same ports differ in their first byte (RFC 7983).
- On other ports `probe` requires the magic cookie and a length that fits to the byte; messages of RFC 3489, which have
  no cookie, are not recognized there. Channel data is recognized if such a message is before it in its flow
  (`evidence`): a channel is bound by one.
- XOR-mapped addresses are decoded; `mapped` has the mapped address in either form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.evidence import Candidates, Known
from netlake.layers.items import items, part, remainder, text
from netlake.layers.probes import by_content, byte_at, number_at
from netlake.packets import Cursor, Ints, Mask, Messages
from netlake.schema import Column, List, Message, Struct, Table

HEADER = 20
COOKIE = 0x2112A442
PORTS = (3478, 5349)
DTLS = range(20, 64)
MAPPED, PEER, RELAYED, XOR_MAPPED, OTHER = 0x0001, 0x0012, 0x0016, 0x0020, 0x802C
XORED = (PEER, RELAYED, XOR_MAPPED, 0x8020)
ADDRESSES = {
    MAPPED: "mapped", XOR_MAPPED: "mapped", 0x8020: "mapped", PEER: "peer", RELAYED: "relayed", 0x8023: "alternate",
    OTHER: "other",
}  # fmt: skip
TEXTS = {0x0006: "username", 0x0014: "realm", 0x0015: "nonce", 0x8022: "software"}
NUMBERS = {0x0024: "priority", 0x000D: "lifetime"}
ERROR, CHANNEL, DATA = 0x0009, 0x000C, 0x0013
ROLES = {0x8029: "controlled", 0x802A: "controlling"}

ATTRIBUTE = Struct(
    (
        Column("type", "u16", "IANA number of the attribute.", wireshark="stun.att.type"),
        Column("value", "bytes", "Attribute value, as sent, without padding.",
               why="one tshark field for each attribute"),
    )
)  # fmt: skip


def _pairs() -> Iterator[Column]:
    sentences = {
        "mapped": "Client as seen by the server", "peer": "TURN: peer of the relayed data",
        "relayed": "TURN: relayed transport address of the client", "alternate": "Alternate server",
        "other": "Other address of the server, for tests",
    }  # fmt: skip
    for name, sentence in sentences.items():
        yield Column(f"{name}_ip", "ip", f"{sentence}: address.", why="tshark has one field for all attributes")
        yield Column(f"{name}_port", "u16", f"{sentence}: port.", why="tshark has one field for all attributes")


TABLES = (
    Table(
        "stun",
        "One row for each STUN or TURN message, channel data included.",
        spec="RFC 8489, RFC 8656, RFC 8445, RFC 3489",
        on=("udp.port=3478", "udp.port=5349"),
        message=Message(
            "STUN {method:1=binding,3=allocate,4=refresh,6=send,7=data,8=create permission,9=channel bind} "
            "[{class?0}request|{class?1}indication|{class?2}success|{class?3}error {error_code}][ {username}]["
            " {mapped_ip}:{mapped_port}][ by {software}]",
            "voice", default=False, hosts=("mapped_ip", "peer_ip", "relayed_ip"),
        ),
        columns=(
            Column("class", "u8",
                   "Class: 0 request, 1 indication, 2 success response, 3 error response; null for channel data.",
                   why="stun.type.class is not shifted"),
            Column("method", "u16",
                   "Method: 1 binding, 3 allocate, 4 refresh, 6 send, 7 data, 8 permission, 9 channel bind.",
                   wireshark="stun.type.method"),
            Column("length", "u16", "Bytes after the header, or of the channel data.", wireshark="stun.length"),
            Column("cookie", "bool", "The message has the magic cookie of RFC 5389.",
                   why="stun.cookie is of type bytes"),
            Column("transaction_id", "bytes",
                   "Transaction ID that matches responses to requests; 12 bytes, 16 without cookie.",
                   wireshark="stun.id"),
            *_pairs(),
            Column("username", "text", "Username; for ICE the fragments of both sides.", wireshark="stun.att.username"),
            Column("realm", "text", "Realm.", wireshark="stun.att.realm"),
            Column("nonce", "text", "Nonce.", wireshark="stun.att.nonce"),
            Column("software", "text", "Software of the sender.", wireshark="stun.att.software"),
            Column("error_code", "u16", "Error code, 300 to 699, such as 401 unauthorized.", why="two tshark fields"),
            Column("error_reason", "text", "Reason phrase of the error.", wireshark="stun.att.error.reason"),
            Column("priority", "u32", "ICE: priority of the candidate.", wireshark="stun.att.priority"),
            Column("role", "word", "ICE: controlling or controlled.", why="stun.att.tie-breaker exists for both"),
            Column("use_candidate", "bool", "ICE: true if the sender nominates the pair; null without the attribute.",
                   why="the attribute has no value"),
            Column("lifetime", "u32", "TURN: lifetime of the allocation, seconds.", wireshark="stun.att.lifetime"),
            Column("channel", "u16", "TURN: channel number, 16384 to 20479.",
                   why="two tshark fields, stun.channel and stun.att.channelnum"),
            Column("data", "bytes", "TURN: relayed data.", why="tshark dissects it"),
            Column("attributes", List(ATTRIBUTE), "Attributes in wire order."),
            Column("heuristic", "bool", "Recognized by content, not by port.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Messages with the cookie, and channel data, which `evidence` judges; both have the length of their datagram."""
    first = byte_at(messages, 0)
    result = (first >= 0) & (first < 0x80)
    index = np.flatnonzero(result)
    if len(index):
        some = messages.take(index)
        size = some.end - some.start + some.missing
        first, length = byte_at(some, 0), number_at(some, 2, 2)
        channel = (first >= 0x40) & (length <= size - 4) & (length >= size - 7)
        fits = (first < 0x40) & (length == size - HEADER) & (length % 4 == 0)
        result[index] = channel | (fits & (number_at(some, 4, 4) == COOKIE))
    return np.asarray(result)


class _Relays(Known):
    """Flows with a message that has the cookie."""

    def certain(self, messages: Messages) -> Mask:
        """Messages, which are not channel data."""
        return np.asarray(byte_at(messages, 0) < 0x40)

    def topics(self, candidates: Candidates) -> tuple[tuple[Ints, ...], Ints]:
        """The flow."""
        return (candidates.flow,), candidates.flow


def evidence() -> _Relays:
    """What confirms the candidates of one capture."""
    return _Relays()


def accept(messages: Messages) -> Mask:
    """On STUN ports: messages that have the cookie or the length of their datagram, and channel data.

    First bytes are those of RFC 7983, which DTLS and RTP do not have. Channel data may be padded to 32-bit words. What
    the capture cut is accepted by what is there.
    """
    first, length, cookie = byte_at(messages, 0), number_at(messages, 2, 2), number_at(messages, 4, 4)
    size = messages.end - messages.start + messages.missing
    message = (first < 4) & ((cookie == COOKIE) | (length == size - HEADER))
    channel = (first >= 0x40) & (first < 0x80) & (length <= size - 4) & (length >= size - 7)
    cut = (messages.missing > 0) & (cookie < 0) & ((first < 4) | ((first >= 0x40) & (first < 0x80)))
    return np.asarray(message | channel | cut)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message, or of one packet of channel data."""
    yield "heuristic", by_content(message, PORTS)
    first = message.number(2)
    length = 0
    if first >> 14 == 1:
        yield "channel", first
        length = message.number(2)
        yield "length", length
        yield from remainder(part(message, length), "data")
        return
    if first >> 14:
        message.fault("bad_value")
        return
    yield "class", first >> 7 & 2 | first >> 4 & 1
    yield "method", first >> 2 & 0xF80 | first >> 1 & 0x70 | first & 0xF
    length = message.number(2)
    yield "length", length
    identity = message.take(16)
    new = int.from_bytes(identity[:4], "big") == COOKIE
    yield "cookie", new
    yield "transaction_id", identity[4:] if new else identity
    yield from _attributes(part(message, length), identity)


def _attributes(body: Cursor, identity: bytes) -> Iterator[tuple[str, Any]]:
    attributes: list[dict[str, Any]] = []
    yield "attributes", attributes
    for kind, value in items(body, code=2, size=2, pad=4):
        attributes.append({"type": kind, "value": value})
        if kind in ADDRESSES:
            yield from _address(ADDRESSES[kind], value, identity if kind in XORED else bytes(16))
        elif kind in TEXTS:
            yield TEXTS[kind], text(value)
        elif kind in NUMBERS and len(value) == 4:
            yield NUMBERS[kind], int.from_bytes(value, "big")
        elif kind in ROLES:
            yield "role", ROLES[kind]
        elif kind == ERROR and len(value) >= 4:
            yield "error_code", value[2] % 8 * 100 + value[3]
            yield "error_reason", text(value[4:])
        elif kind == CHANNEL and len(value) == 4:
            yield "channel", int.from_bytes(value[:2], "big")
        elif kind == DATA:
            yield "data", value
        elif kind == 0x0025:
            yield "use_candidate", True


def _address(name: str, value: bytes, mask: bytes) -> Iterator[tuple[str, Any]]:
    """Address and port, XORed with `mask`: cookie and transaction ID, or zero for plain attributes."""
    if len(value) in (8, 20):
        size = len(value) - 4
        address = int.from_bytes(value[4:], "big") ^ int.from_bytes(mask[:size], "big")
        yield f"{name}_ip", address.to_bytes(size, "big")
        yield f"{name}_port", int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
