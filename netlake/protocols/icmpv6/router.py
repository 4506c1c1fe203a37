"""Router discovery: routers and prefixes of a link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor
from netlake.protocols.icmpv6.options import LINK_MTU, OPTIONS, PREFIXES, RDNSS, SOURCE_MAC, options
from netlake.schema import Column, Message, Table

TABLES = (
    Table(
        "icmpv6_router_solicitation",
        "One row for each router solicitation.",
        spec="RFC 4861 section 4.1",
        on=("icmpv6.type=133",),
        message=Message("router solicitation[ {source_mac}]", "hosts"),
        columns=(SOURCE_MAC, OPTIONS),
    ),
    Table(
        "icmpv6_router_advertisement",
        "One row for each router advertisement.",
        spec="RFC 4861 section 4.2, RFC 4191, RFC 8106",
        on=("icmpv6.type=134",),
        message=Message("router advertisement[ {source_mac}][, prefixes {prefixes.prefix}][, DNS {rdnss}]", "hosts"),
        columns=(
            Column("hop_limit", "u8", "Hop limit that hosts should use; 0 if unspecified.",
                   wireshark="icmpv6.nd.ra.cur_hop_limit"),
            Column("managed", "bool", "Managed flag: addresses are available by DHCPv6.",
                   wireshark="icmpv6.nd.ra.flag.m"),
            Column("other", "bool", "Other flag: other configuration is available by DHCPv6.",
                   wireshark="icmpv6.nd.ra.flag.o"),
            Column("home_agent", "bool", "Home agent flag: the router is a Mobile IPv6 home agent.",
                   wireshark="icmpv6.nd.ra.flag.h"),
            Column("preference", "u8", "Default router preference: 0 medium, 1 high, 3 low; 2 is reserved.",
                   wireshark="icmpv6.nd.ra.flag.prf"),
            Column("proxy", "bool", "Proxy flag: neighbor discovery is proxied.", wireshark="icmpv6.nd.ra.flag.p"),
            Column("router_lifetime", "u16", "Lifetime as a default router, seconds; 0 if it is no default router.",
                   wireshark="icmpv6.nd.ra.router_lifetime"),
            Column("reachable_time", "u32",
                   "Time that a neighbor counts as reachable, milliseconds; 0 if unspecified.",
                   wireshark="icmpv6.nd.ra.reachable_time"),
            Column("retransmit_time", "u32", "Time between neighbor solicitations, milliseconds; 0 if unspecified.",
                   wireshark="icmpv6.nd.ra.retrans_timer"),
            SOURCE_MAC,
            LINK_MTU,
            PREFIXES,
            RDNSS,
            OPTIONS,
        ),
    ),
)  # fmt: skip


def parse_icmpv6_router_solicitation(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message, which starts at its ICMPv6 header."""
    message.skip(8)
    yield from options(message, "source_mac")


def parse_icmpv6_router_advertisement(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message, which starts at its ICMPv6 header."""
    message.skip(4)
    yield "hop_limit", message.number(1)
    flags = message.number(1)
    yield "managed", bool(flags & 0x80)
    yield "other", bool(flags & 0x40)
    yield "home_agent", bool(flags & 0x20)
    yield "preference", flags >> 3 & 3
    yield "proxy", bool(flags & 0x04)
    yield "router_lifetime", message.number(2)
    yield "reachable_time", message.number(4)
    yield "retransmit_time", message.number(4)
    yield from options(message, "source_mac", "mtu", "prefixes", "rdnss")
