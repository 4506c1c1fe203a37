"""Bodies of LSAs of OSPF version 3. The upper bits of an LS type are the flooding scope, the lower the function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.protocols.ospf.version_2 import tlvs

FUNCTION = 0x1FFF
# instance IDs of IPv4 address families (RFC 5838)
IPV4_INSTANCES = range(64, 128)
LONGEST = {4: 32, 16: 128}
TYPE_2 = 4
FORWARDING = 2
TAG = 1
Fields = Iterator[tuple[str, Any]]


def body(kind: int, instance: int, message: Cursor) -> Fields:
    """Columns of the body of an LSA, by the function code of its type."""
    reader = READERS.get(kind & FUNCTION)
    if reader is None:
        yield from remainder(message, "data")
    else:
        yield from reader(message, 4 if instance in IPV4_INSTANCES else 16)


def _prefix(message: Cursor, length: int, width: int) -> str:
    """A prefix of `length` bits as an address; it is sent in as many 32-bit words as it needs."""
    if length > LONGEST[width]:
        raise Malformed("bad_value")
    return address_text(message.take((length + 31) // 32 * 4).ljust(width, b"\0"))


def _router(message: Cursor, _: int) -> Fields:
    yield "flags", message.number(1)
    yield "body_options", message.number(3)
    links: list[dict[str, Any]] = []
    yield "links", links
    while message.promised:
        link: dict[str, Any] = {"type": message.number(2) >> 8, "metric": message.number(2)}
        links.append(link)
        link["interface_id"], link["neighbor_interface_id"] = message.number(4), message.number(4)
        link["neighbor_router_id"] = address_text(message.take(4))


def _network(message: Cursor, _: int) -> Fields:
    message.skip(1)
    yield "body_options", message.number(3)
    routers: list[str] = []
    yield "attached_routers", routers
    while message.promised:
        router = message.take(4)
        routers.append(address_text(router))


def _inter_area_prefix(message: Cursor, width: int) -> Fields:
    yield "metric", message.number(4) & 0xFFFFFF
    prefixes: list[dict[str, Any]] = []
    yield "prefixes", prefixes
    length, options = message.number(1), message.number(1)
    message.skip(2)
    prefixes.append({"length": length, "options": options, "prefix": _prefix(message, length, width)})


def _inter_area_router(message: Cursor, _: int) -> Fields:
    message.skip(1)
    yield "body_options", message.number(3)
    yield "metric", message.number(4) & 0xFFFFFF
    yield "destination_router", message.take(4)


def _external(message: Cursor, width: int) -> Fields:
    flags = message.number(1)
    yield "flags", flags
    yield "external_type_2", bool(flags & TYPE_2)
    yield "metric", message.number(3)
    prefixes: list[dict[str, Any]] = []
    yield "prefixes", prefixes
    length, options, referenced = message.number(1), message.number(1), message.number(2)
    yield "referenced_type", referenced
    prefixes.append({"length": length, "options": options, "prefix": _prefix(message, length, width)})
    if flags & FORWARDING:
        yield "forwarding_address", message.take(16)[:width]
    if flags & TAG:
        yield "external_route_tag", message.number(4)
    if referenced:
        yield "referenced_id", message.take(4)


def _link(message: Cursor, width: int) -> Fields:
    yield "router_priority", message.number(1)
    yield "body_options", message.number(3)
    yield "link_local_address", message.take(16)[:width]
    yield from _prefixes(message, message.number(4), width)


def _intra_area_prefix(message: Cursor, width: int) -> Fields:
    count = message.number(2)
    yield "referenced_type", message.number(2)
    yield "referenced_id", message.take(4)
    yield "referenced_router", message.take(4)
    yield from _prefixes(message, count, width, metrics=True)


def _prefixes(message: Cursor, count: int, width: int, *, metrics: bool = False) -> Fields:
    prefixes: list[dict[str, Any]] = []
    yield "prefixes", prefixes
    for _ in range(count):
        length, options, metric = message.number(1), message.number(1), message.number(2)
        prefix: dict[str, Any] = {"length": length, "options": options, "metric": metric if metrics else None}
        prefix["prefix"] = _prefix(message, length, width)
        prefixes.append(prefix)


def _router_information(message: Cursor, _: int) -> Fields:
    yield from tlvs(message)


READERS: dict[int, Callable[[Cursor, int], Fields]] = {
    1: _router,
    2: _network,
    3: _inter_area_prefix,
    4: _inter_area_router,
    5: _external,
    7: _external,
    8: _link,
    9: _intra_area_prefix,
    # grace LSA and router information LSA
    11: _router_information,
    12: _router_information,
}
