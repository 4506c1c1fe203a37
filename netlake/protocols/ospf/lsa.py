"""Link state advertisements (LSAs) of OSPF: one row for each LSA, or LSA header, in a packet.

Decided here:
- Updates contain complete LSAs; database descriptions and acknowledgements contain headers only. Other packets have no
  row here.
- The length of an LSA bounds its body, so a body that is too short for its type marks its row, and the next LSA is
  read.
- One table has the columns of all types and of both versions; those of another type or version are null.
"""

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
# bytes of the body before the first LSA, in version 2 and 3
BEFORE = {DATABASE_DESCRIPTION: (8, 12), UPDATE: (4, 4), ACKNOWLEDGMENT: (0, 0)}

LINK = Struct(
    (
        Column("type", "u8", "Link type: 1 point-to-point, 2 transit network, 3 stub network, 4 virtual.",
               wireshark="ospf.lsa.router.linktype"),
        Column("metric", "u16", "Metric of the link.", wireshark="ospf.lsa.router.metric0"),
        Column("id", "ipv4", "Version 2: link ID.", wireshark="ospf.lsa.router.linkid"),
        Column("data", "ipv4", "Version 2: link data: interface address, or mask of a stub network.",
               wireshark="ospf.lsa.router.linkdata"),
        Column("interface_id", "u32", "Version 3: interface ID.", wireshark="ospf.v3.lsa.interface_id"),
        Column("neighbor_interface_id", "u32", "Version 3: interface ID of the neighbor.",
               wireshark="ospf.v3.lsa.neighbor_interface_id"),
        Column("neighbor_router_id", "ipv4", "Version 3: router ID of the neighbor.",
               wireshark="ospf.v3.lsa.neighbor_router_id"),
    )
)  # fmt: skip
PREFIX = Struct(
    (
        Column("prefix", "ip", "Prefix, as an address.", wireshark="ospf.v3.address_prefix.ipv6"),
        Column("length", "u8", "Bits of the prefix.", wireshark="ospf.prefix_length"),
        Column("options", "u8", "Prefix options: 1 no unicast, 2 local address, 4 multicast, 8 propagate.",
               wireshark="ospf.v3.prefix.options"),
        Column("metric", "u16", "Intra-area: metric.", why="ospf.metric also has other metrics"),
    )
)  # fmt: skip
TYPE_OF_SERVICE = Struct(
    (
        Column("tos", "u8", "Type of service.", why="ospf.lsa.tos also has that of the metric"),
        Column("metric", "u32", "Metric of the type of service.", why="ospf.metric also has other metrics"),
    )
)
TLV = Struct(
    (
        Column("type", "u16", "TLV type; its meaning depends on the opaque type.",
               why="one tshark field for each opaque type"),
        Column("value", "bytes", "Value, as sent; it may contain sub-TLVs.", why="one tshark field for each type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "ospf_lsa",
        "One row for each link state advertisement, or header of one, in an OSPF packet.",
        spec="RFC 2328, RFC 5340, RFC 3101, RFC 5250, RFC 7770",
        on=ON,
        columns=(
            Column("version", "u8", "OSPF version, 2 or 3.", why="ospf.version appears once for each packet"),
            Column("packet_type", "u8", "Type of the packet: 2 database description, 4 update, 5 acknowledgement.",
                   why="ospf.msg appears once for each packet"),
            Column("age", "u16", "LS age, seconds, 0 to 3600.", wireshark="ospf.lsa.age"),
            Column("do_not_age", "bool", "DoNotAge bit: the age does not increase.", wireshark="ospf.lsa.donotage"),
            Column("options", "u8", "Version 2: options, bits of the router's optional capabilities.",
                   wireshark="ospf.v2.options"),
            Column("type", "u16",
                   "LS type: 1 router, 2 network, 3 and 4 summary, 5 external, 7 NSSA, 9-11 opaque; v3 with scope.",
                   wireshark="ospf.lsa"),
            Column("id", "ipv4", "Link state ID; its meaning depends on the type.",
                   why="several tshark fields, by type"),
            Column("advertising_router", "ipv4", "Advertising router.", wireshark="ospf.advrouter"),
            Column("sequence", "u32", "LS sequence number.", wireshark="ospf.lsa.seqnum"),
            Column("checksum", "u16", "Fletcher checksum of the LSA.", wireshark="ospf.lsa.chksum"),
            Column("length", "u16", "Bytes of the LSA, its header of 20 bytes included.", wireshark="ospf.lsa.length"),
            Column("flags", "u8",
                   "Router: 1 ABR, 2 ASBR, 4 virtual link endpoint; version 3, external: 4 type 2 metric.",
                   wireshark="ospf.v2.router.lsa.flags"),
            Column("body_options", "u32", "Version 3: options, bits of the router's optional capabilities.",
                   wireshark="ospf.v3.options"),
            Column("links", List(LINK), "Router: links in wire order; group membership: vertices."),
            Column("network_mask", "ipv4", "Version 2: network mask.", wireshark="ospf.lsa.network.netmask"),
            Column("attached_routers", List("ipv4"), "Network: attached routers.",
                   wireshark="ospf.lsa.network.attchrtr"),
            Column("metric", "u32", "Metric.", why="ospf.metric also has other metrics"),
            Column("external_type_2", "bool", "External: type 2 metric, larger than any metric within the AS.",
                   wireshark="ospf.lsa.asext.type"),
            Column("forwarding_address", "ip", "External: forwarding address; null or 0.0.0.0: the advertising router.",
                   wireshark="ospf.lsa.asext.fwdaddr"),
            Column("external_route_tag", "u32", "External: route tag, defined by the AS boundary routers.",
                   wireshark="ospf.lsa.asext.extrttag"),
            Column("tos_metrics", List(TYPE_OF_SERVICE), "Version 2: metrics by type of service."),
            Column("destination_router", "ipv4", "Version 3, inter-area router: destination router ID.",
                   wireshark="ospf.v3.lsa.destination_router_id"),
            Column("router_priority", "u8", "Version 3, link: router priority; 0: never designated router.",
                   wireshark="ospf.v3.lsa.router_priority"),
            Column("link_local_address", "ip", "Version 3, link: link-local interface address.",
                   wireshark="ospf.v3.lsa.link_local_interface_address.ipv6"),
            Column("prefixes", List(PREFIX), "Version 3: prefixes in wire order."),
            Column("referenced_type", "u16", "Version 3: referenced LS type.",
                   wireshark="ospf.v3.lsa.referenced_ls_type"),
            Column("referenced_id", "ipv4", "Version 3: referenced link state ID.",
                   wireshark="ospf.v3.lsa.referenced_link_state_id"),
            Column("referenced_router", "ipv4", "Version 3: referenced advertising router.",
                   wireshark="ospf.v3.lsa.referenced_advertising_router"),
            Column("opaque_type", "u8",
                   "Version 2, opaque: opaque type: 1 traffic engineering, 3 graceful restart, 4 router information.",
                   wireshark="ospf.lsid_opaque_type"),
            Column("opaque_id", "i32", "Version 2, opaque: opaque ID, 24 bits.", why="three tshark fields, by type"),
            Column("tlvs", List(TLV), "Opaque and router information: TLVs in wire order."),
            Column("data", "bytes", "Body of other types, as sent.", why="no tshark field"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Rows of all LSAs of one packet; one that is too short for its type is marked, and the next is read."""
    start = _start(message)
    if start is None:
        yield NO_ROW, None
        return
    version, kind, instance, body = start
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
    """Version, packet type, instance and a cursor at the first LSA; None if the packet contains none."""
    try:
        version, kind, instance, body = body_of(message)
        if kind not in BEFORE:
            return None
        body.skip(BEFORE[kind][version >= VERSION_3])
    except Short:
        return None
    # the row of table `ospf` has the fault of a wrong packet length
    message.faults.clear()
    return version, kind, instance, body


class _Header:
    """Reader of an LSA header: yields its columns, and keeps type, ID and length for the reader of the body."""

    def __init__(self, version: int, body: Cursor) -> None:
        self.version, self.body = version, body
        self.kind = self.length = 0
        self.id = b""

    def fields(self) -> Iterator[tuple[str, Any]]:
        """Columns of the header."""
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
    except Malformed as error:
        # the length bounds the body, so the next LSA can be read
        body.fault(error.fault)
