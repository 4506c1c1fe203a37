"""Network Service Header: the service function chain of a packet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, remainder
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, Table

BASE = 8

TABLES = (
    Table(
        "nsh",
        "One row for each Network Service Header.",
        spec="RFC 8300",
        on=("ether.type=0x894f",),
        context="record",
        columns=(
            Column("version", "u8", "Version, 0.", wireshark="nsh.version"),
            Column("oam", "bool", "OAM packet: operations and management, no user data.", wireshark="nsh.Obit"),
            Column("ttl", "u8", "Time to live: service functions left, 0 to 63.", wireshark="nsh.ttl"),
            Column("length", "u16", "Bytes of the header, 8 to 252.", why="nsh.length counts 4 bytes"),
            Column("metadata_type", "u8", "Metadata type: 1 sixteen bytes, 2 variable length.", wireshark="nsh.mdtype"),
            Column("next_protocol", "u8", "Next protocol: 1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH, 5 MPLS.",
                   wireshark="nsh.nextproto"),
            Column("path", "u32", "Service path identifier, 0 to 16777215.", wireshark="nsh.spi"),
            Column("index", "u8", "Service index, decremented by each service function.", wireshark="nsh.si"),
            Column("metadata", "bytes", "Context headers, as sent.", why="several tshark fields by type"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header."""
    bits = message.number(2)
    yield "version", bits >> 14
    yield "oam", bool(bits & 0x2000)
    yield "ttl", bits >> 6 & 63
    size = (bits & 63) * 4
    yield "length", size
    yield "metadata_type", message.number(1) & 15
    yield "next_protocol", message.number(1)
    yield "path", message.number(3)
    yield "index", message.number(1)
    if bits >> 14:
        raise Malformed("bad_version")
    if size < BASE:
        raise Malformed("bad_length")
    left = min(size - BASE, message.promised)
    yield from remainder(part(message, left), "metadata")
    if left < size - BASE:
        message.fault("short_header")
