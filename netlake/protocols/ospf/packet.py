"""Packets of OSPF: header, hellos, database descriptions, requests; the advertisements have a table of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text, part
from netlake.layers.pools import address_text
from netlake.packets import Cursor
from netlake.schema import Column, List, Struct, Table

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

WANTED = Struct(
    (
        Column("type", "u16", "Kind of advertisement.", why="ospf.lsa or ospf.v3.lsa, by version"),
        Column("id", "ipv4", "Its link state id.", why="ospf.link_state_id, of advertisements too"),
        Column("advertising_router", "ipv4", "Its router.", why="ospf.advrouter, of advertisements too"),
    )
)

TABLES = (
    Table(
        "ospf",
        "One row for each OSPF packet; the advertisements in it stand in `ospf_lsa`.",
        spec="RFC 2328, RFC 5340",
        on=ON,
        columns=(
            Column("version", "u8", "Version of the protocol, 2 or 3.", wireshark="ospf.version"),
            Column("type", "u8", "1 hello, 2 database description, 3 request, 4 update, 5 acknowledgment.",
                   wireshark="ospf.msg"),
            Column("length", "u16", "Bytes of the packet.", wireshark="ospf.packet_length"),
            Column("router_id", "ipv4", "Who sends it.", wireshark="ospf.srcrouter"),
            Column("area_id", "ipv4", "Area that it belongs to; 0.0.0.0 is the backbone.", wireshark="ospf.area_id"),
            Column("checksum", "u16", "Checksum of the packet.", wireshark="ospf.checksum"),
            Column("auth_type", "u16", "Version 2: 0 none, 1 password, 2 cryptographic.", wireshark="ospf.auth.type"),
            Column("authentication", "bytes", "Version 2: the 8 bytes of it.", why="by type"),
            Column("password", "text", "Version 2: the password, in clear text.", wireshark="ospf.auth.simple"),
            Column("key_id", "u8", "Version 2, cryptographic: which key.", wireshark="ospf.auth.crypt.key_id"),
            Column("auth_sequence", "u32", "Version 2, cryptographic: number that grows.",
                   wireshark="ospf.auth.crypt.seq_nbr"),
            Column("digest", "bytes", "Version 2, cryptographic: the digest.", wireshark="ospf.auth.crypt.data"),
            Column("instance_id", "u8", "Version 3: which of several on a link; 64 and more: not of IPv6.",
                   wireshark="ospf.instance_id"),
            Column("options", "u32", "Hello and description: bits of what the router can do.",
                   why="ospf.v2.options or ospf.v3.options, of advertisements too"),
            Column("network_mask", "ipv4", "Hello, version 2: mask of the network.",
                   wireshark="ospf.hello.network_mask"),
            Column("interface_id", "u32", "Hello, version 3: the interface.", wireshark="ospf.hello.interface_id"),
            Column("hello_interval", "u16", "Hello: seconds between hellos.", wireshark="ospf.hello.hello_interval"),
            Column("router_priority", "u8", "Hello: 0 is never designated.", wireshark="ospf.hello.router_priority"),
            Column("dead_interval", "u32", "Hello: seconds after which silence is death.",
                   wireshark="ospf.hello.router_dead_interval"),
            Column("designated_router", "ipv4", "Hello: 0.0.0.0 if there is none.",
                   wireshark="ospf.hello.designated_router"),
            Column("backup_designated_router", "ipv4", "Hello: 0.0.0.0 if there is none.",
                   wireshark="ospf.hello.backup_designated_router"),
            Column("neighbors", List("ipv4"), "Hello: routers heard from.", wireshark="ospf.hello.active_neighbor"),
            Column("interface_mtu", "u16", "Description: bytes that the interface takes.",
                   wireshark="ospf.db.interface_mtu"),
            Column("description_flags", "u8", "Description: 1 master, 2 more, 4 first, 8 out of band.",
                   wireshark="ospf.dbd"),
            Column("dd_sequence", "u32", "Description: which of several.", wireshark="ospf.db.dd_sequence"),
            Column("requests", List(WANTED), "Request: advertisements wanted."),
            Column("lsa_count", "u32", "Update: how many advertisements follow.", wireshark="ospf.ls.number_of_lsas"),
            Column("reserved", "u8", "Version 3: the last byte of the header, 0.", why="ospf.reserved of many"),
        ),
    ),
)  # fmt: skip


def body_of(message: Cursor) -> tuple[int, int, int, Cursor]:
    """Version, type, instance (version 3) and body of a packet, for those who need nothing else of it."""
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
    """Bytes of the body; a length that does not fit marks the row."""
    if not 0 <= size <= message.promised:
        message.fault("bad_length")
    return min(max(size, 0), message.promised)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One packet; behind it there may be a digest, which its length does not count."""
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
            wanted = {"type": body.number(4) & 0xFFFF, "id": address_text(body.take(4))}
            requests.append(wanted)
            wanted["advertising_router"] = address_text(body.take(4))
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
