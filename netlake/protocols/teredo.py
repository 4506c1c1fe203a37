"""Teredo: IPv6 over UDP through NAT, with the authentication and origin indications of its servers."""

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
            Column("authentication", "bool", "The packet has an authentication indication.",
                   why="teredo.auth has no value"),
            Column("client_id", "bytes", "Authentication: client identifier; empty without a secret.",
                   wireshark="teredo.auth.id"),
            Column("authentication_value", "bytes", "Authentication: authentication value.",
                   wireshark="teredo.auth.value"),
            Column("nonce", "bytes", "Authentication: nonce, 8 bytes, repeated in the reply.",
                   wireshark="teredo.auth.nonce"),
            Column("confirmation", "u8", "Authentication: confirmation; 0, or non-zero if the client needs a new key.",
                   why="teredo.auth.conf is of type bytes"),
            Column("origin_ip", "ipv4", "Origin: IPv4 address of the client as seen by the server.",
                   wireshark="teredo.orig.addr"),
            Column("origin_port", "u16", "Origin: UDP port of the client as seen by the server.",
                   wireshark="teredo.orig.port"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the indications before the IPv6 packet; origin address and port are sent with inverted bits."""
    authenticated = _has_marker(message, AUTHENTICATION)
    yield "authentication", authenticated
    if authenticated:
        message.skip(2)
        sizes = message.number(1), message.number(1)
        for name, size in zip(("client_id", "authentication_value"), sizes, strict=True):
            value = message.take(size)
            if size:
                yield name, value
        yield "nonce", message.take(8)
        yield "confirmation", message.number(1)
    if _has_marker(message, ORIGIN):
        message.skip(2)
        yield "origin_port", message.number(2) ^ 0xFFFF
        yield "origin_ip", bytes(byte ^ 0xFF for byte in message.take(4))
    if message.number(1) >> 4 != IPV6:
        raise Malformed("bad_value")


def _has_marker(message: Cursor, marker: bytes) -> bool:
    """Whether `marker` is next; Short if the message ends within it."""
    if message.left < len(marker):
        raise Short
    return message.data[message.at : message.at + len(marker)] == marker
