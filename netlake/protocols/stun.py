"""STUN and TURN: how hosts behind address translation learn their addresses, test paths and relay data.

On the ports of STUN each message is a row, TURN's channel data included, but for DTLS, which has the same ports.
Elsewhere (calls use any port) `probe` finds messages by the magic cookie and a length that fits to the byte; the old
form without a cookie is not looked for there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import items, part, remainder, text
from netlake.layers.probes import by_content, byte_at, number_at
from netlake.packets import Cursor, Mask, Messages
from netlake.schema import Column, List, Struct, Table

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
        Column("value", "bytes", "What it holds, as sent, without padding.", why="a field for each attribute"),
    )
)


def _pairs() -> Iterator[Column]:
    about = {
        "mapped": "The asker as the server sees it", "peer": "TURN: the other end of what is relayed",
        "relayed": "TURN: what stands for the asker at the server", "alternate": "Server to ask instead",
        "other": "The server's other address, for tests",
    }  # fmt: skip
    for name, sentence in about.items():
        yield Column(f"{name}_ip", "ip", f"{sentence}: address.", why="one field for all attributes")
        yield Column(f"{name}_port", "u16", f"{sentence}: port.", why="one field for all attributes")


TABLES = (
    Table(
        "stun",
        "One row for each STUN or TURN message, channel data included.",
        spec="RFC 8489, RFC 8656, RFC 8445, RFC 3489",
        on=("udp.port=3478", "udp.port=5349"),
        columns=(
            Column("class", "u8", "0 request, 1 indication, 2 success, 3 error; null for channel data.",
                   why="stun.type.class keeps the bits where they lie"),
            Column("method", "u16", "1 binding, 3 allocate, 4 refresh, 6 send, 7 data, 8 permission, 9 channel.",
                   wireshark="stun.type.method"),
            Column("length", "u16", "Bytes behind the header, or of the channel's data.", wireshark="stun.length"),
            Column("cookie", "bool", "Whether the magic cookie of the new form is there.", why="stun.cookie is bytes"),
            Column("transaction_id", "bytes", "What ties answers to the question; 12 bytes, 16 in the old form.",
                   wireshark="stun.id"),
            *_pairs(),
            Column("username", "text", "Who asks; of ICE both sides' fragments.", wireshark="stun.att.username"),
            Column("realm", "text", "Where the user is known.", wireshark="stun.att.realm"),
            Column("nonce", "text", "What the answer must be made with.", wireshark="stun.att.nonce"),
            Column("software", "text", "Program of the sender.", wireshark="stun.att.software"),
            Column("error_code", "u16", "300 to 699, such as 401 unauthorised.", why="in two fields"),
            Column("error_reason", "text", "The same in words.", wireshark="stun.att.error.reason"),
            Column("priority", "u32", "ICE: priority of the candidate.", wireshark="stun.att.priority"),
            Column("role", "word", "ICE: controlling or controlled.", why="stun.att.tie-breaker of either"),
            Column("use_candidate", "bool", "ICE: true if the pair is chosen; null if not said.",
                   why="an attribute without value"),
            Column("lifetime", "u32", "TURN: how long the allocation lives, seconds.", wireshark="stun.att.lifetime"),
            Column("channel", "u16", "TURN: number of the channel, 16384 to 20479.",
                   why="stun.channel and stun.att.channelnum"),
            Column("data", "bytes", "TURN: data that is relayed.", why="dissected by tshark"),
            Column("attributes", List(ATTRIBUTE), "Every attribute in wire order."),
            Column("heuristic", "bool", "Whether it was found by its content and not by a port.", why="our own"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Messages with the magic cookie that are as long as they say, in whole words."""
    size = messages.end - messages.start + messages.missing
    length = number_at(messages, 2, 2)
    fits = (length == size - HEADER) & (length % 4 == 0) & (byte_at(messages, 0) < 0x40)
    return np.asarray(fits & (number_at(messages, 4, 4) == COOKIE))


def accept(messages: Messages) -> Mask:
    """On its ports: what begins as a message or as channel data does; DTLS and RTP do not (RFC 7983)."""
    first = byte_at(messages, 0)
    return np.asarray((first < 4) | ((first >= 0x40) & (first < 0x80)))


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message or one piece of channel data."""
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
    """An address of either family, with its bits turned by the cookie and the transaction where it is sent so."""
    if len(value) in (8, 20):
        size = len(value) - 4
        turned = int.from_bytes(value[4:], "big") ^ int.from_bytes(mask[:size], "big")
        yield f"{name}_ip", turned.to_bytes(size, "big")
        yield f"{name}_port", int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
