"""Neighbor discovery between hosts: address resolution and redirects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor
from netlake.protocols.icmpv6.options import OPTIONS, SOURCE_MAC, TARGET_MAC, options
from netlake.schema import Column, Message, Table

TABLES = (
    Table(
        "icmpv6_neighbor_solicitation",
        "One row for each neighbor solicitation.",
        spec="RFC 4861 section 4.3",
        on=("icmpv6.type=135",),
        message=Message("who has {target}?[ asks {source_mac}]", "hosts", hosts=("target", "source_mac")),
        columns=(
            Column("target", "ipv6", "Target address: the address to resolve.",
                   wireshark="icmpv6.nd.ns.target_address"),
            SOURCE_MAC,
            OPTIONS,
        ),
    ),
    Table(
        "icmpv6_neighbor_advertisement",
        "One row for each neighbor advertisement.",
        spec="RFC 4861 section 4.4",
        on=("icmpv6.type=136",),
        message=Message(
            "{target} is[ at {target_mac}][{router?}, a router][{override?}, override]",
            "hosts", hosts=("target", "target_mac"),
        ),
        columns=(
            Column("router", "bool", "Router flag: the sender is a router.", wireshark="icmpv6.nd.na.flag.r"),
            Column("solicited", "bool", "Solicited flag: it is a reply to a solicitation.",
                   wireshark="icmpv6.nd.na.flag.s"),
            Column("override", "bool", "Override flag: it replaces a cached link-layer address.",
                   wireshark="icmpv6.nd.na.flag.o"),
            Column("target", "ipv6", "Target address: the address that is advertised.",
                   wireshark="icmpv6.nd.na.target_address"),
            TARGET_MAC,
            OPTIONS,
        ),
    ),
    Table(
        "icmpv6_redirect",
        "One row for each redirect.",
        spec="RFC 4861 section 4.5",
        on=("icmpv6.type=137",),
        message=Message("redirect: {destination} by {target}", "hosts", hosts=("target", "destination")),
        columns=(
            Column("target", "ipv6", "Target address: the better first hop.", wireshark="icmpv6.nd.rd.target_address"),
            Column("destination", "ipv6", "Destination address: the destination that is redirected.",
                   wireshark="icmpv6.rd.na.destination_address"),
            TARGET_MAC,
            OPTIONS,
        ),
    ),
)  # fmt: skip


def parse_icmpv6_neighbor_solicitation(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message, which starts at its ICMPv6 header."""
    message.skip(8)
    yield "target", message.take(16)
    yield from options(message, "source_mac")


def parse_icmpv6_neighbor_advertisement(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message, which starts at its ICMPv6 header."""
    message.skip(4)
    flags = message.number(1)
    yield "router", bool(flags & 0x80)
    yield "solicited", bool(flags & 0x40)
    yield "override", bool(flags & 0x20)
    message.skip(3)
    yield "target", message.take(16)
    yield from options(message, "target_mac")


def parse_icmpv6_redirect(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message, which starts at its ICMPv6 header."""
    message.skip(8)
    yield "target", message.take(16)
    yield "destination", message.take(16)
    yield from options(message, "target_mac")
