"""Enhanced Interior Gateway Routing Protocol of Cisco: neighbors and routes.

Decided here:
- Each destination of a route TLV is a row of `routes`; `tlvs` has every TLV as sent.
- A TLV that is shorter than its type requires gives the row the fault `bad_length`; the TLVs after it are read.
- An IPv6 prefix has length // 8 + 1 bytes: one more than it needs if its length is a multiple of 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Short
from netlake.schema import Column, List, Message, Struct, Table

PARAMETERS = 0x0001
AUTHENTICATION = 0x0002
VERSIONS = 0x0004
NEXT_SEQUENCE = 0x0005
STUB = 0x0006
# route TLVs: size of an address, whether external
ROUTES = {0x0102: (4, False), 0x0103: (4, True), 0x0402: (16, False), 0x0403: (16, True)}
WIDE_ROUTES = {0x0602: False, 0x0603: True}
# size of an address, by address family of wide-metric routes
WIDTHS = {1: 4, 2: 16}
TLV_HEADER = 4

ROUTE = Struct(
    (
        Column("type", "u16", "TLV type: 258 internal, 259 external, 1026 and 1027 IPv6; 1538 and 1539 wide metrics.",
               why="eigrp.tlv_type has every TLV"),
        Column("next_hop", "ip", "Next hop; 0.0.0.0 or :: is the sender.", wireshark="eigrp.ipv4.nexthop"),
        Column("prefix", "ip", "Destination prefix as an address.", wireshark="eigrp.ipv4.destination"),
        Column("length", "u8", "Prefix length, bits.", wireshark="eigrp.ipv4.prefixlen"),
        Column("delay", "u64", "Scaled delay; all bits set is unreachable.", wireshark="eigrp.old_metric.delay"),
        Column("bandwidth", "u64", "Scaled bandwidth.", wireshark="eigrp.old_metric.bw"),
        Column("mtu", "u32", "Path MTU, bytes.", wireshark="eigrp.old_metric.mtu"),
        Column("hop_count", "u8", "Hop count.", wireshark="eigrp.old_metric.hopcount"),
        Column("reliability", "u8", "Reliability of the path, 255 is 100 %.", wireshark="eigrp.old_metric.rel"),
        Column("load", "u8", "Load of the path, 255 is 100 %.", wireshark="eigrp.old_metric.load"),
        Column("tag", "u8", "Internal: administrative tag.", wireshark="eigrp.old_metric.intag"),
        Column("router_id", "ipv4", "Wide metric: router ID of the originator.", wireshark="eigrp.routerid"),
        Column("originating_router", "ipv4", "External: originating router.", wireshark="eigrp.extdata.origrid"),
        Column("originating_as", "u32", "External: autonomous system of the originating router.",
               wireshark="eigrp.extdata.as"),
        Column("external_tag", "u32", "External: administrative tag.", wireshark="eigrp.extdata.tag"),
        Column("external_metric", "u32", "External: metric in the external protocol.",
               wireshark="eigrp.extdata.metric"),
        Column("external_protocol", "u8", "External protocol: 3 static, 4 RIP, 6 OSPF, 9 BGP, 11 connected.",
               wireshark="eigrp.extdata.proto"),
    )
)  # fmt: skip
OTHER = Struct(
    (
        Column("type", "u16", "TLV type.", wireshark="eigrp.tlv_type"),
        Column("value", "bytes", "TLV value as sent.", why="one tshark field per TLV type"),
    )
)
K_VALUES = Column("k_values", List("u8"), "Parameters: K1 to K6; all 255 is a goodbye message.",
                  why="six tshark fields")  # fmt: skip

TABLES = (
    Table(
        "eigrp",
        "One row for each EIGRP packet.",
        spec="RFC 7868",
        on=("ip.protocol=88",),
        message=Message(
            "EIGRP {opcode:1=update,3=query,4=reply,5=hello,10=SIA query,11=SIA reply}[ AS {autonomous_system}]",
            "routing", default=False,
        ),
        columns=(
            Column("version", "u8", "Version, 2.", wireshark="eigrp.version"),
            Column("opcode", "u8", "Opcode: 1 update, 3 query, 4 reply, 5 hello, 10 SIA query, 11 SIA reply.",
                   wireshark="eigrp.opcode"),
            Column("checksum", "u16", "Internet checksum of the packet.", wireshark="eigrp.checksum"),
            Column("flags", "u32", "Flags: 1 init, 2 conditional receive, 4 restart, 8 end of table.",
                   wireshark="eigrp.flags"),
            Column("sequence", "u32", "Sequence number; 0 in packets that are not acknowledged.",
                   wireshark="eigrp.seq"),
            Column("acknowledge", "u32", "Sequence number of the acknowledged packet.", wireshark="eigrp.ack"),
            Column("virtual_router_id", "u16", "Virtual router ID: 0 unicast, 1 multicast, 32768 services.",
                   wireshark="eigrp.vrid"),
            Column("autonomous_system", "u16", "Autonomous system number.", wireshark="eigrp.as"),
            K_VALUES,
            Column("hold_time", "u16", "Parameters: hold time, seconds.", wireshark="eigrp.par.holdtime"),
            Column("auth_type", "u16", "Authentication: type, 2 MD5, 3 SHA-256.", wireshark="eigrp.auth.type"),
            Column("auth_key_id", "u32", "Authentication: key ID.", wireshark="eigrp.auth.keyid"),
            Column("auth_sequence", "u32", "Authentication: key sequence.", wireshark="eigrp.auth.keyseq"),
            Column("auth_digest", "bytes", "Authentication: digest.", wireshark="eigrp.auth.digest"),
            Column("release_version", "u16", "Software version: of the router, one byte major, one byte minor.",
                   wireshark="eigrp.release_version"),
            Column("tlv_version", "u16", "Software version: of the TLVs, one byte major, one byte minor.",
                   wireshark="eigrp.tlv_version"),
            Column("next_multicast_sequence", "u32", "Sequence number of the next multicast.",
                   wireshark="eigrp.next_mcast_seq"),
            Column("stub_options", "u16",
                   "Stub: options, 1 connected, 2 static, 4 summary, 8 receive only, 16 redistributed.",
                   wireshark="eigrp.stub_options"),
            Column("routes", List(ROUTE), "Routes in wire order, one per destination."),
            Column("tlvs", List(OTHER), "TLVs in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one packet."""
    names = (
        ("version", 1), ("opcode", 1), ("checksum", 2), ("flags", 4), ("sequence", 4), ("acknowledge", 4),
        ("virtual_router_id", 2), ("autonomous_system", 2),
    )  # fmt: skip
    for name, size in names:
        yield name, message.number(size)
    routes: list[dict[str, Any]] = []
    tlvs: list[dict[str, Any]] = []
    yield "routes", routes
    yield "tlvs", tlvs
    for kind, data in items(message, code=2, size=2, header=TLV_HEADER):
        tlvs.append({"type": kind, "value": data})
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
    """Append a route for each destination; the prefix length decides the size of its prefix."""
    if not value.left:
        routes.append(route)
    while value.left:
        length = value.number(1)
        if length > width * 8:
            raise Short
        size = (length + 7) // 8 if width == 4 else min(length // 8 + 1, width, value.left)
        prefix = value.take(size)
        routes.append({**route, "length": length, "prefix": address_text(prefix.ljust(width, b"\0"))})
