"""Anything In Anything: IPv6 that tunnel brokers carry over UDP, through NAT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor
from netlake.schema import Column, Table

TABLES = (
    Table(
        "ayiya",
        "One row for each AYIYA header.",
        spec="draft-massar-v6ops-ayiya-02",
        on=("udp.port=5072",),
        columns=(
            Column("identity_type", "u8", "Type of the identity: 0 none, 1 integer, 2 ASCII string.",
                   wireshark="ayiya.idtype"),
            Column("hash_method", "u8", "Hash of the signature: 0 none, 1 MD5, 2 SHA-1.", wireshark="ayiya.hashmethod"),
            Column("authentication_method", "u8", "Authentication: 0 none, 1 shared secret, 2 public key.",
                   wireshark="ayiya.authmethod"),
            Column("operation", "u8",
                   "Operation: 0 heartbeat, 1 forward, 2 echo request, 3 echo request and forward, 4 echo response.",
                   wireshark="ayiya.opcode"),
            Column("next_header", "u8", "IANA protocol number of the payload: 41 IPv6, 59 none.",
                   wireshark="ayiya.nextheader"),
            Column("epoch", "ts", "Time of the sender, seconds.", wireshark="ayiya.epoch"),
            Column("identity", "bytes", "Identity of the sender: 1 to 32768 bytes, a power of two; often its address.",
                   wireshark="ayiya.identity"),
            Column("signature", "bytes", "Signature; null without one.", wireshark="ayiya.signature"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header."""
    first, second, third = message.number(1), message.number(1), message.number(1)
    yield "identity_type", first & 15
    yield "hash_method", second & 15
    yield "authentication_method", third >> 4
    yield "operation", third & 15
    yield "next_header", message.number(1)
    yield "epoch", message.number(4) * 1_000_000
    yield "identity", message.take(1 << (first >> 4))
    if second >> 4:
        yield "signature", message.take(4 * (second >> 4))
