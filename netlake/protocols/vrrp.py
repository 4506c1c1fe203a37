"""Virtual Router Redundancy Protocol, versions 2 and 3: routers that share an address elect the one that answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Table

VERSIONS = (2, 3)
NO_AUTHENTICATION_ANY_MORE = 3
IPV6_SIZE = 16
PASSWORD = 1

TABLES = (
    Table(
        "vrrp",
        "One row for each VRRP advertisement.",
        spec="RFC 9568, RFC 5798, RFC 3768, RFC 2338",
        on=("ip.protocol=112",),
        columns=(
            Column("version", "u8", "Version of the protocol, 2 or 3.", wireshark="vrrp.version"),
            Column("type", "u8", "1 is an advertisement, the only type.", wireshark="vrrp.type"),
            Column("router_id", "u8", "Virtual router that is spoken for, 1 to 255.", wireshark="vrrp.virt_rtr_id"),
            Column("priority", "u8", "255 owns the address, 0 gives it up, 100 is usual.", wireshark="vrrp.prio"),
            Column("address_count", "u8", "How many addresses it holds.", wireshark="vrrp.addr_count"),
            Column("auth_type", "u8", "Version 2: 0 none, 1 password, 2 IP authentication header.",
                   wireshark="vrrp.auth_type"),
            Column("interval", "duration", "Seconds between advertisements.",
                   why="vrrp.adver_int or vrrp.short_adver_int, by version"),
            Column("checksum", "u16", "Internet checksum of the message.", wireshark="vrrp.checksum"),
            Column("addresses", List("ip"), "Addresses that the virtual router holds.", wireshark="vrrp.ip_addr"),
            Column("password", "text", "Version 2: the password, in clear text.", wireshark="vrrp.auth_string"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One advertisement; version 3 has addresses of the family in which it was sent, told by their size."""
    first = message.number(1)
    version = first >> 4
    yield "version", version
    yield "type", first & 0x0F
    if version not in VERSIONS:
        raise Malformed("bad_version")
    yield "router_id", message.number(1)
    yield "priority", message.number(1)
    count = message.number(1)
    yield "address_count", count
    if version < NO_AUTHENTICATION_ANY_MORE:
        authentication, interval = message.number(1), message.number(1)
        yield "auth_type", authentication
        yield "interval", float(interval)
    else:
        authentication = 0
        yield "interval", (message.number(2) & 0x0FFF) / 100
    yield "checksum", message.number(2)
    size = IPV6_SIZE if version >= NO_AUTHENTICATION_ANY_MORE and message.promised >= IPV6_SIZE * count else 4
    addresses: list[str] = []
    yield "addresses", addresses
    for _ in range(count):
        address = message.take(size)
        addresses.append(address_text(address))
    if authentication == PASSWORD:
        yield "password", c_text(message.take(8))
