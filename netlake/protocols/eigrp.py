"""Enhanced Interior Gateway Routing Protocol of Cisco: neighbours, and the routes that they tell each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Short
from netlake.schema import Column, List, Struct, Table

PARAMETERS = 0x0001
AUTHENTICATION = 0x0002
VERSIONS = 0x0004
NEXT_SEQUENCE = 0x0005
STUB = 0x0006
# types of routes: width of addresses, whether from outside
ROUTES = {0x0102: (4, False), 0x0103: (4, True), 0x0402: (16, False), 0x0403: (16, True)}
WIDE_ROUTES = {0x0602: False, 0x0603: True}
# address families of wide routes
WIDTHS = {1: 4, 2: 16}
TLV_HEADER = 4

ROUTE = Struct(
    (
        Column("type", "u16", "Type of the TLV: 258 within, 259 from outside, 1026 and 1027 IPv6.",
               why="eigrp.tlv_type of all"),
        Column("next_hop", "ip", "Where to send; 0.0.0.0 or :: is the sender.", wireshark="eigrp.ipv4.nexthop"),
        Column("prefix", "ip", "The network, as an address.", wireshark="eigrp.ipv4.destination"),
        Column("length", "u8", "Bits of it that are meant.", wireshark="eigrp.ipv4.prefixlen"),
        Column("delay", "u64", "Delay, scaled; all ones cannot be reached.", wireshark="eigrp.old_metric.delay"),
        Column("bandwidth", "u64", "Bandwidth, scaled.", wireshark="eigrp.old_metric.bw"),
        Column("mtu", "u32", "Bytes of the smallest MTU.", wireshark="eigrp.old_metric.mtu"),
        Column("hop_count", "u8", "Routers between.", wireshark="eigrp.old_metric.hopcount"),
        Column("reliability", "u8", "255 is sure.", wireshark="eigrp.old_metric.rel"),
        Column("load", "u8", "255 is full.", wireshark="eigrp.old_metric.load"),
        Column("tag", "u8", "Tag of a route within.", wireshark="eigrp.old_metric.intag"),
        Column("router_id", "ipv4", "Wide: router that has the route.", wireshark="eigrp.routerid"),
        Column("originating_router", "ipv4", "From outside: where it came in.", wireshark="eigrp.extdata.origrid"),
        Column("originating_as", "u32", "From outside: its autonomous system.", wireshark="eigrp.extdata.as"),
        Column("external_tag", "u32", "From outside: tag.", wireshark="eigrp.extdata.tag"),
        Column("external_metric", "u32", "From outside: metric there.", wireshark="eigrp.extdata.metric"),
        Column("external_protocol", "u8", "From outside: 3 static, 4 RIP, 6 OSPF, 9 BGP, 11 connected.",
               wireshark="eigrp.extdata.proto"),
    )
)  # fmt: skip
OTHER = Struct(
    (
        Column("type", "u16", "Type of the TLV.", wireshark="eigrp.tlv_type"),
        Column("value", "bytes", "The value as it lies.", why="many fields"),
    )
)
K_VALUES = Column("k_values", List("u8"), "Parameters: weights K1 to K6; all 255: farewell.", why="six fields")

TABLES = (
    Table(
        "eigrp",
        "One row for each EIGRP packet.",
        spec="RFC 7868",
        on=("ip.protocol=88",),
        columns=(
            Column("version", "u8", "Version of the protocol, 2.", wireshark="eigrp.version"),
            Column("opcode", "u8", "1 update, 3 query, 4 reply, 5 hello, 10 and 11 stuck in active.",
                   wireshark="eigrp.opcode"),
            Column("checksum", "u16", "Internet checksum of the packet.", wireshark="eigrp.checksum"),
            Column("flags", "u32", "1 first, 2 conditional, 4 restart, 8 end of table.", wireshark="eigrp.flags"),
            Column("sequence", "u32", "Which of several; 0 is not reliable.", wireshark="eigrp.seq"),
            Column("acknowledge", "u32", "Which was received.", wireshark="eigrp.ack"),
            Column("virtual_router_id", "u16", "0 unicast, 1 multicast, 32768 services.", wireshark="eigrp.vrid"),
            Column("autonomous_system", "u16", "Number of the autonomous system.", wireshark="eigrp.as"),
            K_VALUES,
            Column("hold_time", "u16", "Parameters: seconds after which silence is death.",
                   wireshark="eigrp.par.holdtime"),
            Column("auth_type", "u16", "Authentication: 2 MD5, 3 SHA-256.", wireshark="eigrp.auth.type"),
            Column("auth_key_id", "u32", "Authentication: which key.", wireshark="eigrp.auth.keyid"),
            Column("auth_sequence", "u32", "Authentication: number that grows.", wireshark="eigrp.auth.keyseq"),
            Column("auth_digest", "bytes", "Authentication: the digest.", wireshark="eigrp.auth.digest"),
            Column("release_version", "u16", "Versions: of the router, two bytes.", wireshark="eigrp.release_version"),
            Column("tlv_version", "u16", "Versions: of the TLVs, two bytes.", wireshark="eigrp.tlv_version"),
            Column("next_multicast_sequence", "u32", "Sequence of the next multicast.",
                   wireshark="eigrp.next_mcast_seq"),
            Column("stub_options", "u16", "Stub: 1 connected, 2 static, 4 summary, 8 receive only, 16 redistributed.",
                   wireshark="eigrp.stub_options"),
            Column("routes", List(ROUTE), "Every route in wire order."),
            Column("tlvs", List(OTHER), "Every TLV in wire order, those above too."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One packet; a TLV that is too short for its own type marks the row."""
    names = (
        ("version", 1), ("opcode", 1), ("checksum", 2), ("flags", 4), ("sequence", 4), ("acknowledge", 4),
        ("virtual_router_id", 2), ("autonomous_system", 2),
    )  # fmt: skip
    for name, size in names:
        yield name, message.number(size)
    routes: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    yield "routes", routes
    yield "tlvs", found
    for kind, data in items(message, code=2, size=2, header=TLV_HEADER):
        found.append({"type": kind, "value": data})
        value = Cursor(data)
        try:
            yield from _tlv(kind, value, routes)
        except Short:
            message.fault("bad_length")


def _tlv(kind: int, value: Cursor, routes: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    if kind == PARAMETERS:
        yield "k_values", list(value.take(6))
        yield "hold_time", value.number(2)
    elif kind == AUTHENTICATION:
        yield "auth_type", value.number(2)
        size = value.number(2)
        yield "auth_key_id", value.number(4)
        yield "auth_sequence", value.number(4)
        value.skip(8)
        yield "auth_digest", value.take(min(size, value.left))
    elif kind == VERSIONS:
        yield "release_version", value.number(2)
        yield "tlv_version", value.number(2)
    elif kind == NEXT_SEQUENCE:
        yield "next_multicast_sequence", value.number(4)
    elif kind == STUB:
        yield "stub_options", value.number(2)
    elif kind in ROUTES:
        _routes(kind, value, routes)
    elif kind in WIDE_ROUTES:
        _wide_routes(kind, value, routes)


def _routes(kind: int, value: Cursor, routes: list[dict[str, Any]]) -> None:
    width, external = ROUTES[kind]
    route: dict[str, Any] = {"type": kind, "next_hop": address_text(value.take(width))}
    if external:
        _external(value, route)
    route["delay"], route["bandwidth"], route["mtu"] = value.number(4), value.number(4), value.number(3)
    for name in ("hop_count", "reliability", "load", "tag"):
        route[name] = value.number(1)
    value.skip(1)
    _destinations(value, route, width, routes)


def _wide_routes(kind: int, value: Cursor, routes: list[dict[str, Any]]) -> None:
    value.skip(2)
    width = WIDTHS.get(value.number(2))
    route: dict[str, Any] = {"type": kind, "router_id": address_text(value.take(4))}
    attributes = value.number(1) * 2
    value.skip(1)
    route["reliability"], route["load"], route["mtu"] = value.number(1), value.number(1), value.number(3)
    route["hop_count"], route["delay"], route["bandwidth"] = value.number(1), value.number(6), value.number(6)
    value.skip(4 + attributes)
    if width is None:
        routes.append(route)
        return
    route["next_hop"] = address_text(value.take(width))
    if WIDE_ROUTES[kind]:
        _external(value, route)
    _destinations(value, route, width, routes)


def _external(value: Cursor, route: dict[str, Any]) -> None:
    route["originating_router"] = address_text(value.take(4))
    for name in ("originating_as", "external_tag", "external_metric"):
        route[name] = value.number(4)
    value.skip(2)
    route["external_protocol"] = value.number(1)
    value.skip(1)


def _destinations(value: Cursor, route: dict[str, Any], width: int, routes: list[dict[str, Any]]) -> None:
    """A route for each destination, which takes the bytes that its prefix needs, of IPv6 one more if that is even."""
    if not value.left:
        routes.append(route)
    while value.left:
        length = value.number(1)
        if length > width * 8:
            raise Short
        size = (length + 7) // 8 if width == 4 else min(length // 8 + 1, width, value.left)
        prefix = value.take(size)
        routes.append({**route, "length": length, "prefix": address_text(prefix.ljust(width, b"\0"))})
