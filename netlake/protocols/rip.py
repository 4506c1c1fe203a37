"""Routing Information Protocol, versions 1 and 2, and RIPng for IPv6: networks and their distance in hops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text, complete
from netlake.layers.pools import address_text
from netlake.packets import Cursor
from netlake.schema import Column, List, Message, Struct, Table

AUTHENTICATION = 0xFFFF
IPV4 = 2
TRAILER = 1
PASSWORD = 2
DIGEST = 3
ENTRY = 20
NEXT_HOP = 0xFF

ROUTE = Struct(
    (
        Column("family", "u16", "Address family: 2 IPv4, 0 the whole routing table.", wireshark="rip.family"),
        Column("tag", "u16", "Version 2: route tag of an external route.", wireshark="rip.route_tag"),
        Column("ip", "ipv4", "Network address; null for other families.", wireshark="rip.ip"),
        Column("mask", "ipv4", "Version 2: subnet mask.", wireshark="rip.netmask"),
        Column("next_hop", "ipv4", "Version 2: next hop; 0.0.0.0 is the sender.", wireshark="rip.next_hop"),
        Column("metric", "u32", "Metric: 1 to 15 hops, 16 unreachable.", wireshark="rip.metric"),
    )
)
PREFIX = Struct(
    (
        Column("prefix", "ipv6", "Prefix, as an address.", wireshark="ripng.rte.ipv6_prefix"),
        Column("tag", "u16", "Route tag of an external route.", wireshark="ripng.rte.route_tag"),
        Column("length", "u8", "Prefix length, bits.", wireshark="ripng.rte.prefix_length"),
        Column("metric", "u8",
               "Metric: 1 to 15 hops, 16 unreachable; 255: the prefix is the next hop of the following routes.",
               wireshark="ripng.rte.metric"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "rip",
        "One row for each RIP message.",
        spec="RFC 2453, RFC 1058, RFC 4822",
        on=("udp.port=520",),
        message=Message("RIP {command:1=request,2=response}[ {routes.ip}]", "routing", default=False),
        columns=(
            Column("command", "u8", "Command: 1 request, 2 response.", wireshark="rip.command"),
            Column("version", "u8", "Version, 1 or 2.", wireshark="rip.version"),
            Column("auth_type", "u16", "Authentication type: 2 password, 3 digest; null without authentication.",
                   wireshark="rip.auth.type"),
            Column("password", "text", "Password, in clear text.", wireshark="rip.auth.passwd"),
            Column("key_id", "u8", "Digest: key ID.", wireshark="rip.key_id"),
            Column("sequence", "u32", "Digest: sequence number, increases.", wireshark="rip.seq_num"),
            Column("digest", "bytes", "Digest: authentication data.", wireshark="rip.authentication_data"),
            Column("routes", List(ROUTE), "Routes in wire order."),
        ),
    ),
    Table(
        "ripng",
        "One row for each RIPng message.",
        spec="RFC 2080",
        on=("udp.port=521",),
        columns=(
            Column("command", "u8", "Command: 1 request, 2 response.", wireshark="ripng.cmd"),
            Column("version", "u8", "Version, 1.", wireshark="ripng.version"),
            Column("routes", List(PREFIX), "Route table entries in wire order."),
        ),
    ),
)  # fmt: skip


def parse_rip(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message: entries of 20 bytes, which are routes or authentication."""
    yield "command", message.number(1)
    version = message.number(1)
    yield "version", version
    message.skip(2)
    routes: list[dict[str, Any]] = []
    yield "routes", routes
    while message.promised:
        family, tag = message.number(2), message.number(2)
        if family == AUTHENTICATION and tag == TRAILER:
            yield "digest", message.rest()
            complete(message)
            return
        if family == AUTHENTICATION:
            yield "auth_type", tag
            yield from _authentication(tag, message)
            continue
        route: dict[str, Any] = {"family": family}
        routes.append(route)
        address, mask, hop = (address_text(message.take(4)) for _ in range(3))
        route["ip"] = address if family == IPV4 else None
        if version > 1:
            route |= {"tag": tag, "mask": mask, "next_hop": hop}
        route["metric"] = message.number(4)


def _authentication(kind: int, message: Cursor) -> Iterator[tuple[str, Any]]:
    entry = message.take(ENTRY - 4)
    if kind == PASSWORD:
        yield "password", c_text(entry)
    elif kind == DIGEST:
        yield "key_id", entry[2]
        yield "sequence", int.from_bytes(entry[4:8], "big")


def parse_ripng(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message: entries of 20 bytes."""
    yield "command", message.number(1)
    yield "version", message.number(1)
    message.skip(2)
    routes: list[dict[str, Any]] = []
    yield "routes", routes
    while message.promised:
        route: dict[str, Any] = {"prefix": address_text(message.take(16))}
        routes.append(route)
        for name, size in (("tag", 2), ("length", 1), ("metric", 1)):
            route[name] = message.number(size)
