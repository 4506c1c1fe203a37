"""WireGuard: handshakes and data packets of a tunnel; the payload is encrypted.

Decided here:
- Off its port, `probe` requires the type in the first four bytes, and the fixed length of the three handshake types;
  data must be in blocks of 16 bytes, with a counter below 2^32.
- On its port `accept` requires a type in the first four bytes; other payloads there are not WireGuard.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import complete
from netlake.layers.probes import by_content, byte_at, number_at
from netlake.packets import Cursor, Mask, Messages
from netlake.schema import Column, Message, Table

PORTS = (51820,)
INITIATION, RESPONSE, COOKIE, DATA = 1, 2, 3, 4
SIZES = {INITIATION: 148, RESPONSE: 92, COOKIE: 64}
DATA_HEADER = 16
TAG = 16

TABLES = (
    Table(
        "wireguard",
        "One row for each WireGuard message.",
        spec="wireguard.com/protocol",
        on=("udp.port=51820",),
        message=Message(
            "WireGuard {message_type:1=handshake initiation,2=handshake response,3=cookie reply,4=data}",
            "remote", only="{message_type?1,2,3}",
        ),
        columns=(
            Column("message_type", "u8", "Message type: 1 initiation, 2 response, 3 cookie reply, 4 data.",
                   wireshark="wg.type"),
            Column("sender", "u32", "Handshake: session index of the sender.", wireshark="wg.sender"),
            Column("receiver", "u32", "Session index of the receiver.", wireshark="wg.receiver"),
            Column("ephemeral", "bytes", "Handshake: ephemeral public key, 32 bytes.", wireshark="wg.ephemeral"),
            Column("mac1", "bytes", "Handshake: MAC with the receiver's public key, 16 bytes.", wireshark="wg.mac1"),
            Column("mac2", "bytes", "Handshake: MAC with a cookie, 16 bytes; zero without one.", wireshark="wg.mac2"),
            Column("nonce", "bytes", "Cookie reply: nonce of the encryption, 24 bytes.", wireshark="wg.nonce"),
            Column("counter", "i64", "Data: packet counter.", wireshark="wg.counter"),
            Column("encrypted_length", "i32", "Data: encrypted bytes, 16 for a keep-alive.",
                   why="tshark shows the bytes"),
            Column("heuristic", "bool", "Recognized by content, not by port.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """On the port: messages that start with a type and three zero bytes, or are cut before they end."""
    first = number_at(messages, 0, 4)
    return np.asarray(np.isin(first, [kind << 24 for kind in (*SIZES, DATA)]) | ((first < 0) & (messages.missing > 0)))


def probe(messages: Messages) -> Mask:
    """Messages of a known type and its length; data are blocks of 16 bytes and have a receiver."""
    first = byte_at(messages, 0)
    result = (first >= INITIATION) & (first <= DATA)
    index = np.flatnonzero(result)
    if len(index):
        result[index] = _valid(messages.take(index))
    return np.asarray(result)


def _valid(messages: Messages) -> Mask:
    """Of messages with a known type, those with its length and other fields that are fixed."""
    size = messages.end - messages.start + messages.missing
    first = number_at(messages, 0, 4)
    result = np.zeros(len(messages), np.bool_)
    for kind, length in SIZES.items():
        result |= (first == kind << 24) & (size == length)
    counter = number_at(messages, 8, 4)
    data = (first == DATA << 24) & (size >= DATA_HEADER + TAG) & (size % 16 == 0)
    # the counter is little-endian and starts at 0: its upper half is zero
    return np.asarray(result | (data & (counter >= 0) & (number_at(messages, 12, 4) == 0)))


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    yield "heuristic", by_content(message, PORTS)
    kind = message.number(1)
    yield "message_type", kind
    message.skip(3)
    if kind not in (*SIZES, DATA):
        message.fault("bad_value")
        return
    if kind in (INITIATION, RESPONSE):
        yield "sender", message.little(4)
    if kind != INITIATION:
        yield "receiver", message.little(4)
    if kind in (INITIATION, RESPONSE):
        yield "ephemeral", message.take(32)
        message.skip(48 + 28 if kind == INITIATION else 16)
        yield "mac1", message.take(16)
        yield "mac2", message.take(16)
    elif kind == COOKIE:
        yield "nonce", message.take(24)
        message.skip(32)
    else:
        yield "counter", message.little(8)
        yield "encrypted_length", message.promised
        message.skip(message.left)
        complete(message)
