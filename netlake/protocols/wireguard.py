"""WireGuard: the handshakes and the packets of a tunnel; what they carry is encrypted.

Its first four bytes and the fixed lengths of three of its four messages tell it from all else, on any port.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import complete
from netlake.layers.probes import by_content, number_at
from netlake.packets import Cursor, Mask, Messages
from netlake.schema import Column, Table

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
        columns=(
            Column("message_type", "u8", "1 initiation, 2 response, 3 cookie, 4 data.", wireshark="wg.type"),
            Column("sender", "u32", "Handshake: the sender's number of the session.", wireshark="wg.sender"),
            Column("receiver", "u32", "The receiver's number of the session.", wireshark="wg.receiver"),
            Column("ephemeral", "bytes", "Handshake: public key made for it, 32 bytes.", wireshark="wg.ephemeral"),
            Column("mac1", "bytes", "Handshake: proof that the receiver's key is known, 16 bytes.",
                   wireshark="wg.mac1"),
            Column("mac2", "bytes", "Handshake: proof of a cookie, 16 bytes; zero without one.", wireshark="wg.mac2"),
            Column("nonce", "bytes", "Cookie: what it is encrypted with, 24 bytes.", wireshark="wg.nonce"),
            Column("counter", "i64", "Data: number of the packet.", wireshark="wg.counter"),
            Column("encrypted_length", "i32", "Data: encrypted bytes, 16 for a keep-alive.",
                   why="tshark shows the bytes"),
            Column("heuristic", "bool", "Whether it was found by its content and not by a port.", why="our own"),
        ),
    ),
)  # fmt: skip


def probe(messages: Messages) -> Mask:
    """Messages of a known type and its length; data is whole blocks of 16 bytes and names its receiver."""
    size = messages.end - messages.start + messages.missing
    first = number_at(messages, 0, 4)
    result = np.zeros(len(messages), np.bool_)
    for kind, length in SIZES.items():
        result |= (first == kind << 24) & (size == length)
    counter = number_at(messages, 8, 4)
    data = (first == DATA << 24) & (size >= DATA_HEADER + TAG) & (size % 16 == 0)
    # the counter begins at 0 and is little-endian: its upper half is zero
    return np.asarray(result | (data & (counter >= 0) & (number_at(messages, 12, 4) == 0)))


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message."""
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
        counter = message.little(8)
        yield "counter", counter if counter < 1 << 63 else None
        yield "encrypted_length", message.promised
        message.skip(message.left)
        complete(message)
