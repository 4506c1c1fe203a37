"""Teredo: IPv6 over UDP through address translation, with what its servers add before the packet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, Table

AUTHENTICATION = b"\0\1"
ORIGIN = b"\0\0"
IPV6 = 6

TABLES = (
    Table(
        "teredo",
        "One row for each Teredo packet.",
        spec="RFC 4380",
        on=("udp.port=3544",),
        columns=(
            Column("authentication", "bool", "An authentication is there.", why="teredo.auth is no value"),
            Column("client_id", "bytes", "Authentication: who asks; empty without a secret.",
                   wireshark="teredo.auth.id"),
            Column("authentication_value", "bytes", "Authentication: what proves it.", wireshark="teredo.auth.value"),
            Column("nonce", "bytes", "Authentication: 8 random bytes, the same in the answer.",
                   wireshark="teredo.auth.nonce"),
            Column("confirmation", "u8", "Authentication: 0, or why a new secret is needed.",
                   why="teredo.auth.conf is bytes"),
            Column("origin_ip", "ipv4", "Origin: the client's address as the server sees it.",
                   wireshark="teredo.orig.addr"),
            Column("origin_port", "u16", "Origin: the client's port as the server sees it.",
                   wireshark="teredo.orig.port"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """What stands before the IPv6 packet; address and port are sent with their bits turned."""
    found = _begins(message, AUTHENTICATION)
    yield "authentication", found
    if found:
        message.skip(2)
        sizes = message.number(1), message.number(1)
        for name, size in zip(("client_id", "authentication_value"), sizes, strict=True):
            value = message.take(size)
            if size:
                yield name, value
        yield "nonce", message.take(8)
        yield "confirmation", message.number(1)
    if _begins(message, ORIGIN):
        message.skip(2)
        yield "origin_port", message.number(2) ^ 0xFFFF
        yield "origin_ip", bytes(byte ^ 0xFF for byte in message.take(4))
    if message.number(1) >> 4 != IPV6:
        raise Malformed("bad_value")


def _begins(message: Cursor, marker: bytes) -> bool:
    """Whether `marker` stands next; Short where the two bytes of one are not there."""
    if message.left < len(marker):
        raise Short
    return message.data[message.at : message.at + len(marker)] == marker
