"""OSPF packets: header, hello, database description and request; the LSAs in them are in table `ospf_lsa`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text, part
from netlake.layers.pools import address_text
from netlake.packets import Cursor
from netlake.schema import Column, List, Message, Struct, Table

ON = ("ip.protocol=89",)
HELLO = 1
DATABASE_DESCRIPTION = 2
REQUEST = 3
UPDATE = 4
ACKNOWLEDGMENT = 5
VERSION_3 = 3
HEADER = 16
AUTHENTICATION = 8
PASSWORD = 1
CRYPTOGRAPHIC = 2

REQUESTED = Struct(
    (
        Column("type", "u16", "LS type.", why="ospf.lsa or ospf.v3.lsa, by version"),
        Column("id", "ipv4", "Link state ID.", why="ospf.link_state_id also has those of LSAs"),
        Column("advertising_router", "ipv4", "Advertising router.", why="ospf.advrouter also has those of LSAs"),
    )
)

TABLES = (
    Table(
        "ospf",
        "One row for each OSPF packet; its link state advertisements are in `ospf_lsa`.",
        spec="RFC 2328, RFC 5340",
        on=ON,
        message=Message(
            "OSPF {type:1=hello,2=database description,3=request,4=update,5=acknowledgement} of router {router_id}"
            " area {area_id}",
            "routing", default=False,
        ),
        columns=(
            Column("version", "u8", "OSPF version, 2 or 3.", wireshark="ospf.version"),
            Column("type", "u8",
                   "Packet type: 1 hello, 2 database description, 3 request, 4 update, 5 acknowledgement.",
                   wireshark="ospf.msg"),
            Column("length", "u16", "Bytes of the packet.", wireshark="ospf.packet_length"),
            Column("router_id", "ipv4", "Router ID of the sender.", wireshark="ospf.srcrouter"),
            Column("area_id", "ipv4", "Area ID; 0.0.0.0 is the backbone.", wireshark="ospf.area_id"),
            Column("checksum", "u16", "Checksum of the packet.", wireshark="ospf.checksum"),
            Column("auth_type", "u16", "Version 2: authentication type: 0 none, 1 password, 2 cryptographic.",
                   wireshark="ospf.auth.type"),
            Column("authentication", "bytes", "Version 2: authentication field, 8 bytes.",
                   why="several tshark fields, by type"),
            Column("password", "text", "Version 2: password, in clear text.", wireshark="ospf.auth.simple"),
            Column("key_id", "u8", "Version 2, cryptographic: key ID.", wireshark="ospf.auth.crypt.key_id"),
            Column("auth_sequence", "u32", "Version 2, cryptographic: sequence number, increases.",
                   wireshark="ospf.auth.crypt.seq_nbr"),
            Column("digest", "bytes", "Version 2, cryptographic: message digest.", wireshark="ospf.auth.crypt.data"),
            Column("instance_id", "u8",
                   "Version 3: instance ID on the link; 0 to 63 IPv6, from 64 other address families.",
                   wireshark="ospf.instance_id"),
            Column("options", "u32", "Hello and description: options, bits of the router's optional capabilities.",
                   why="ospf.v2.options and ospf.v3.options also have those of LSAs"),
            Column("network_mask", "ipv4", "Hello, version 2: network mask.", wireshark="ospf.hello.network_mask"),
            Column("interface_id", "u32", "Hello, version 3: interface ID.", wireshark="ospf.hello.interface_id"),
            Column("hello_interval", "u16", "Hello: hello interval, seconds.", wireshark="ospf.hello.hello_interval"),
            Column("router_priority", "u8", "Hello: router priority; 0: never designated router.",
                   wireshark="ospf.hello.router_priority"),
            Column("dead_interval", "u32", "Hello: router dead interval, seconds.",
                   wireshark="ospf.hello.router_dead_interval"),
            Column("designated_router", "ipv4", "Hello: designated router; null if 0.0.0.0 (none).", unset=True,
                   wireshark="ospf.hello.designated_router"),
            Column("backup_designated_router", "ipv4", "Hello: backup designated router; null if 0.0.0.0.",
                   unset=True,
                   wireshark="ospf.hello.backup_designated_router"),
            Column("neighbors", List("ipv4"), "Hello: neighbors from which hellos were received.",
                   wireshark="ospf.hello.active_neighbor"),
            Column("interface_mtu", "u16", "Description: MTU of the interface, bytes.",
                   wireshark="ospf.db.interface_mtu"),
            Column("description_flags", "u8",
                   "Description: flags: 1 master, 2 more, 4 init, 8 out-of-band resynchronization.",
                   wireshark="ospf.dbd"),
            Column("dd_sequence", "u32", "Description: database description sequence number.",
                   wireshark="ospf.db.dd_sequence"),
            Column("requests", List(REQUESTED), "Request: requested LSAs in wire order."),
            Column("lsa_count", "u32", "Update: number of LSAs.", wireshark="ospf.ls.number_of_lsas"),
            Column("reserved", "u8", "Version 3: reserved byte of the header, 0.",
                   why="ospf.reserved also has other reserved fields"),
        ),
    ),
)  # fmt: skip


def body_of(message: Cursor) -> tuple[int, int, int, Cursor]:
    """Version, type, instance (0 in version 2) and body of a packet; other fields of the header are skipped."""
    version, kind, length = message.number(1), message.number(1), message.number(2)
    message.skip(10)
    instance = message.number(1)
    message.skip(1)
    header = HEADER
    if version < VERSION_3:
        message.skip(AUTHENTICATION)
        header += AUTHENTICATION
    return version, kind, instance if version >= VERSION_3 else 0, part(message, _size(message, length - header))


def _size(message: Cursor, size: int) -> int:
    """Bytes of the body, within the message; a length that does not fit marks the row."""
    if not 0 <= size <= message.promised:
        message.fault("bad_length")
    return min(max(size, 0), message.promised)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one packet; the packet length does not include the digest after it."""
    version, kind, length = message.number(1), message.number(1), message.number(2)
    yield from (("version", version), ("type", kind), ("length", length))
    yield "router_id", message.take(4)
    yield "area_id", message.take(4)
    yield "checksum", message.number(2)
    digest = 0
    if version < VERSION_3:
        authentication, data = message.number(2), message.take(AUTHENTICATION)
        yield "auth_type", authentication
        yield "authentication", data
        if authentication == PASSWORD:
            yield "password", c_text(data)
        elif authentication == CRYPTOGRAPHIC:
            digest = data[3]
            yield "key_id", data[2]
            yield "auth_sequence", int.from_bytes(data[4:], "big")
        header = HEADER + AUTHENTICATION
    else:
        yield "instance_id", message.number(1)
        yield "reserved", message.number(1)
        header = HEADER
    body = part(message, _size(message, length - header))
    yield from _body(version, kind, body)
    if digest:
        yield "digest", message.take(digest)


def _body(version: int, kind: int, body: Cursor) -> Iterator[tuple[str, Any]]:
    if kind == HELLO:
        yield from _hello(version, body)
    elif kind == DATABASE_DESCRIPTION:
        yield from _description(version, body)
    elif kind == REQUEST:
        requests: list[dict[str, Any]] = []
        yield "requests", requests
        while body.promised:
            request = {"type": body.number(4) & 0xFFFF, "id": address_text(body.take(4))}
            requests.append(request)
            request["advertising_router"] = address_text(body.take(4))
    elif kind == UPDATE:
        yield "lsa_count", body.number(4)
    elif kind != ACKNOWLEDGMENT:
        body.fault("bad_value")


def _hello(version: int, body: Cursor) -> Iterator[tuple[str, Any]]:
    if version < VERSION_3:
        yield "network_mask", body.take(4)
        yield "hello_interval", body.number(2)
        yield "options", body.number(1)
        yield "router_priority", body.number(1)
        yield "dead_interval", body.number(4)
    else:
        yield "interface_id", body.number(4)
        yield "router_priority", body.number(1)
        yield "options", body.number(3)
        yield "hello_interval", body.number(2)
        yield "dead_interval", body.number(2)
    yield "designated_router", body.take(4)
    yield "backup_designated_router", body.take(4)
    neighbors: list[str] = []
    yield "neighbors", neighbors
    while body.promised:
        neighbor = body.take(4)
        neighbors.append(address_text(neighbor))


def _description(version: int, body: Cursor) -> Iterator[tuple[str, Any]]:
    if version < VERSION_3:
        yield "interface_mtu", body.number(2)
        yield "options", body.number(1)
    else:
        yield "options", body.number(4) & 0xFFFFFF
        yield "interface_mtu", body.number(2)
        body.skip(1)
    yield "description_flags", body.number(1)
    yield "dd_sequence", body.number(4)
