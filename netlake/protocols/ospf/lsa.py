"""Link state advertisements: one row each, wherever a packet of OSPF names or holds one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part
from netlake.layers.parsed import NEXT, NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.protocols.ospf import version_2, version_3
from netlake.protocols.ospf.packet import ACKNOWLEDGMENT, DATABASE_DESCRIPTION, ON, UPDATE, VERSION_3, body_of
from netlake.schema import Column, List, Struct, Table

HEADER = 20
DO_NOT_AGE = 0x8000
# bytes before the first advertisement
BEFORE = {DATABASE_DESCRIPTION: (8, 12), UPDATE: (4, 4), ACKNOWLEDGMENT: (0, 0)}

LINK = Struct(
    (
        Column("type", "u8", "1 to a router, 2 to a transit network, 3 to a stub network, 4 virtual.",
               wireshark="ospf.lsa.router.linktype"),
        Column("metric", "u16", "What it costs.", wireshark="ospf.lsa.router.metric0"),
        Column("id", "ipv4", "Version 2: what it leads to.", wireshark="ospf.lsa.router.linkid"),
        Column("data", "ipv4", "Version 2: its address, or the mask of a stub.", wireshark="ospf.lsa.router.linkdata"),
        Column("interface_id", "u32", "Version 3: the interface.", wireshark="ospf.v3.lsa.interface_id"),
        Column("neighbor_interface_id", "u32", "Version 3: the neighbour's interface.",
               wireshark="ospf.v3.lsa.neighbor_interface_id"),
        Column("neighbor_router_id", "ipv4", "Version 3: the neighbour.", wireshark="ospf.v3.lsa.neighbor_router_id"),
    )
)  # fmt: skip
PREFIX = Struct(
    (
        Column("prefix", "ip", "The network, as an address.", wireshark="ospf.v3.address_prefix.ipv6"),
        Column("length", "u8", "Bits of it that are meant.", wireshark="ospf.prefix_length"),
        Column("options", "u8", "1 no unicast, 2 local address, 4 multicast, 8 to be propagated.",
               wireshark="ospf.v3.prefix.options"),
        Column("metric", "u16", "Intra-area: what it costs.", why="ospf.metric of several"),
    )
)  # fmt: skip
TYPE_OF_SERVICE = Struct(
    (
        Column("tos", "u8", "Type of service.", why="ospf.lsa.tos of the metric too"),
        Column("metric", "u32", "What it costs.", why="ospf.metric of several"),
    )
)
TLV = Struct(
    (
        Column("type", "u16", "Type, by type of opaque advertisement.", why="a field for each"),
        Column("value", "bytes", "The value as it lies; it may hold further ones.", why="a field for each"),
    )
)

TABLES = (
    Table(
        "ospf_lsa",
        "One row for each link state advertisement, or header of one, in an OSPF packet.",
        spec="RFC 2328, RFC 5340, RFC 3101, RFC 5250, RFC 7770",
        on=ON,
        columns=(
            Column("version", "u8", "Version of the protocol, 2 or 3.", why="ospf.version, once a packet"),
            Column("packet_type", "u8", "Where it stands: 2 database description, 4 update, 5 acknowledgment.",
                   why="ospf.msg, once a packet"),
            Column("age", "u16", "Seconds since it was made, up to 3600.", wireshark="ospf.lsa.age"),
            Column("do_not_age", "bool", "It does not grow old.", wireshark="ospf.lsa.donotage"),
            Column("options", "u8", "Version 2: bits of what the router can do.", wireshark="ospf.v2.options"),
            Column("type", "u16",
                   "1 router, 2 network, 3 and 4 summary, 5 external, 7 NSSA, 9 to 11 opaque; version 3: with its scope.",
                   wireshark="ospf.lsa"),
            Column("id", "ipv4", "Link state id: what it is about, by type.", why="several fields, by type"),
            Column("advertising_router", "ipv4", "Router that made it.", wireshark="ospf.advrouter"),
            Column("sequence", "u32", "Which of its versions.", wireshark="ospf.lsa.seqnum"),
            Column("checksum", "u16", "Fletcher checksum.", wireshark="ospf.lsa.chksum"),
            Column("length", "u16", "Bytes of it with its header of 20.", wireshark="ospf.lsa.length"),
            Column("flags", "u8", "Router: 1 border of area, 2 of AS, 4 virtual link; version 3, external: 4 type 2.",
                   wireshark="ospf.v2.router.lsa.flags"),
            Column("body_options", "u32", "Version 3: bits of what the router can do.", wireshark="ospf.v3.options"),
            Column("links", List(LINK), "Router: its links; group membership: its vertices."),
            Column("network_mask", "ipv4", "Version 2: mask of the network.", wireshark="ospf.lsa.network.netmask"),
            Column("attached_routers", List("ipv4"), "Network: its routers.", wireshark="ospf.lsa.network.attchrtr"),
            Column("metric", "u32", "What it costs.", why="ospf.metric of several"),
            Column("external_type_2", "bool", "External: the metric is larger than any within.",
                   wireshark="ospf.lsa.asext.type"),
            Column("forwarding_address", "ip", "External: where to send; null or 0.0.0.0: to the router.",
                   wireshark="ospf.lsa.asext.fwdaddr"),
            Column("external_route_tag", "u32", "External: what border routers tell each other.",
                   wireshark="ospf.lsa.asext.extrttag"),
            Column("tos_metrics", List(TYPE_OF_SERVICE), "Version 2: metrics by type of service."),
            Column("destination_router", "ipv4", "Version 3, inter-area router: the router.",
                   wireshark="ospf.v3.lsa.destination_router_id"),
            Column("router_priority", "u8", "Version 3, link: 0 is never designated.",
                   wireshark="ospf.v3.lsa.router_priority"),
            Column("link_local_address", "ip", "Version 3, link: address on the link.",
                   wireshark="ospf.v3.lsa.link_local_interface_address.ipv6"),
            Column("prefixes", List(PREFIX), "Version 3: networks."),
            Column("referenced_type", "u16", "Version 3: type of the advertisement that this belongs to.",
                   wireshark="ospf.v3.lsa.referenced_ls_type"),
            Column("referenced_id", "ipv4", "Version 3: its link state id.",
                   wireshark="ospf.v3.lsa.referenced_link_state_id"),
            Column("referenced_router", "ipv4", "Version 3: its router.",
                   wireshark="ospf.v3.lsa.referenced_advertising_router"),
            Column("opaque_type", "u8", "Version 2, opaque: 1 traffic engineering, 3 restart, 4 router information.",
                   wireshark="ospf.lsid_opaque_type"),
            Column("opaque_id", "i32", "Version 2, opaque: which of several, 24 bits.", why="three fields, by type"),
            Column("tlvs", List(TLV), "Opaque and router information: what it holds."),
            Column("data", "bytes", "The body where the type is another.", why="tshark has no field"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Every advertisement of one packet; one that is too short for its own type is marked, and the next is read."""
    found = _start(message)
    if found is None:
        yield NO_ROW, None
        return
    version, kind, instance, body = found
    while body.promised:
        yield "version", version
        yield "packet_type", kind
        header = _Header(version, body)
        yield from header.fields()
        if kind == UPDATE:
            yield from _body(header, instance, body)
        yield NEXT, None
    yield NO_ROW, None


def _start(message: Cursor) -> tuple[int, int, int, Cursor] | None:
    """Version, type and instance of a packet that holds advertisements, and where they begin."""
    try:
        version, kind, instance, body = body_of(message)
        if kind not in BEFORE:
            return None
        body.skip(BEFORE[kind][version >= VERSION_3])
    except Short:
        return None
    # a packet with a wrong length is marked in `ospf`
    message.faults.clear()
    return version, kind, instance, body


class _Header:
    """The header of an advertisement while it is read: its fields are given one by one, and its body needs three."""

    def __init__(self, version: int, body: Cursor) -> None:
        self.version, self.body = version, body
        self.kind = self.length = 0
        self.id = b""

    def fields(self) -> Iterator[tuple[str, Any]]:
        """Its columns."""
        body = self.body
        age = body.number(2)
        yield "age", age & ~DO_NOT_AGE
        yield "do_not_age", bool(age & DO_NOT_AGE)
        if self.version < VERSION_3:
            yield "options", body.number(1)
            self.kind = body.number(1)
        else:
            self.kind = body.number(2)
        yield "type", self.kind
        self.id = body.take(4)
        yield "id", self.id
        yield "advertising_router", body.take(4)
        yield "sequence", body.number(4)
        yield "checksum", body.number(2)
        self.length = body.number(2)
        yield "length", self.length


def _body(header: _Header, instance: int, body: Cursor) -> Iterator[tuple[str, Any]]:
    size = header.length - HEADER
    if size < 0 or size > body.promised:
        raise Malformed("bad_length")
    own = part(body, size)
    try:
        if header.version < VERSION_3:
            yield from version_2.body(header.kind, header.id, own)
        else:
            yield from version_3.body(header.kind, instance, own)
    except Short:
        if own.missing:
            raise
        body.fault("bad_length")
    except Malformed as found:
        # its length is known, so the next one can be read
        body.fault(found.fault)
