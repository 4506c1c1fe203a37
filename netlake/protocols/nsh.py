"""Network Service Header: which services a packet still has to pass through."""

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
            Column("oam", "bool", "A message of operations, no data.", wireshark="nsh.Obit"),
            Column("ttl", "u8", "Services that it may still pass, 0 to 63.", wireshark="nsh.ttl"),
            Column("length", "u16", "Bytes of the header, 8 to 252.", why="nsh.length counts four bytes"),
            Column("metadata_type", "u8", "1 sixteen bytes, 2 of any length.", wireshark="nsh.mdtype"),
            Column("next_protocol", "u8", "1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH, 5 MPLS.", wireshark="nsh.nextproto"),
            Column("path", "u32", "Number of the chain of services, 0 to 16777215.", wireshark="nsh.spi"),
            Column("index", "u8", "Where in the chain it is, falling.", wireshark="nsh.si"),
            Column("metadata", "bytes", "What services tell each other.", why="several fields by type"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One header."""
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
