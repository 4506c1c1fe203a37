"""Virtual Router Redundancy Protocol, versions 2 and 3: election of the router that owns a shared address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Table

VERSIONS = (2, 3)
WITHOUT_AUTHENTICATION = 3
IPV6_SIZE = 16
PASSWORD = 1

TABLES = (
    Table(
        "vrrp",
        "One row for each VRRP advertisement.",
        spec="RFC 9568, RFC 5798, RFC 3768, RFC 2338",
        on=("ip.protocol=112",),
        message=Message("VRRP router {router_id} priority {priority}[ {addresses}]", "routing", default=False),
        columns=(
            Column("version", "u8", "VRRP version, 2 or 3.", wireshark="vrrp.version"),
            Column("type", "u8", "Type: 1 advertisement, the only one.", wireshark="vrrp.type"),
            Column("router_id", "u8", "Virtual router ID, 1 to 255.", wireshark="vrrp.virt_rtr_id"),
            Column("priority", "u8", "Priority: 255 address owner, 100 default, 0 the sender stops.",
                   wireshark="vrrp.prio"),
            Column("address_count", "u8", "Number of addresses.", wireshark="vrrp.addr_count"),
            Column("auth_type", "u8", "Version 2: authentication type: 0 none, 1 password, 2 IP authentication header.",
                   wireshark="vrrp.auth_type"),
            Column("interval", "duration", "Advertisement interval, seconds.",
                   why="two tshark fields, vrrp.adver_int and vrrp.short_adver_int"),
            Column("checksum", "u16", "Internet checksum of the message.", wireshark="vrrp.checksum"),
            Column("addresses", List("ip"), "Addresses of the virtual router.", wireshark="vrrp.ip_addr"),
            Column("password", "text", "Version 2: password, in clear text.", wireshark="vrrp.auth_string"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one advertisement; in version 3 the size of the message decides between IPv4 and IPv6 addresses."""
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
    if version < WITHOUT_AUTHENTICATION:
        authentication, interval = message.number(1), message.number(1)
        yield "auth_type", authentication
        yield "interval", float(interval)
    else:
        authentication = 0
        yield "interval", (message.number(2) & 0x0FFF) / 100
    yield "checksum", message.number(2)
    size = IPV6_SIZE if version >= WITHOUT_AUTHENTICATION and message.promised >= IPV6_SIZE * count else 4
    addresses: list[str] = []
    yield "addresses", addresses
    for _ in range(count):
        address = message.take(size)
        addresses.append(address_text(address))
    if authentication == PASSWORD:
        yield "password", c_text(message.take(8))
