"""Bodies of LSAs of OSPF version 2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items, remainder
from netlake.layers.pools import address_text
from netlake.packets import Cursor

ROUTER = 1
NETWORK = 2
SUMMARIES = (3, 4)
GROUP_MEMBERSHIP = 6
EXTERNALS = (5, 7)
OPAQUES = (9, 10, 11)
TYPE_2 = 0x80
TOS = 0x7F


def body(kind: int, identifier: bytes, message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the body of an LSA of type `kind`."""
    if kind == ROUTER:
        yield from _router(message)
    elif kind == NETWORK:
        yield "network_mask", message.take(4)
        routers: list[str] = []
        yield "attached_routers", routers
        while message.promised:
            router = message.take(4)
            routers.append(address_text(router))
    elif kind in SUMMARIES:
        yield "network_mask", message.take(4)
        yield "metric", message.number(4) & 0xFFFFFF
        yield from _tos_metrics(message)
    elif kind in EXTERNALS:
        yield from _external(message)
    elif kind == GROUP_MEMBERSHIP:
        vertices: list[dict[str, Any]] = []
        yield "links", vertices
        while message.promised:
            vertices.append({"type": message.number(4) & 0xFF, "id": address_text(message.take(4))})
    elif kind in OPAQUES:
        yield "opaque_type", identifier[0]
        yield "opaque_id", int.from_bytes(identifier[1:], "big")
        yield from tlvs(message)
    else:
        yield from remainder(message, "data")


def _router(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "flags", message.number(1)
    message.skip(1)
    links: list[dict[str, Any]] = []
    metrics: list[dict[str, Any]] = []
    yield "links", links
    yield "tos_metrics", metrics
    for _ in range(message.number(2)):
        link: dict[str, Any] = {"id": address_text(message.take(4)), "data": address_text(message.take(4))}
        links.append(link)
        link["type"] = message.number(1)
        count = message.number(1)
        link["metric"] = message.number(2)
        for _ in range(count):
            tos = message.number(2) >> 8
            metrics.append({"tos": tos, "metric": message.number(2)})


def _tos_metrics(message: Cursor) -> Iterator[tuple[str, Any]]:
    metrics: list[dict[str, Any]] = []
    yield "tos_metrics", metrics
    while message.promised:
        tos = message.number(1)
        metrics.append({"tos": tos, "metric": message.number(3)})


def _external(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "network_mask", message.take(4)
    flags = message.number(1)
    yield "external_type_2", bool(flags & TYPE_2)
    yield "metric", message.number(3)
    yield "forwarding_address", message.take(4)
    yield "external_route_tag", message.number(4)
    metrics: list[dict[str, Any]] = []
    yield "tos_metrics", metrics
    while message.promised:
        tos, metric = message.number(1) & TOS, message.number(3)
        metrics.append({"tos": tos, "metric": metric})
        message.skip(8)


def tlvs(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Column `tlvs` of an opaque LSA or router information; each TLV is padded to 4 bytes."""
    result: list[dict[str, Any]] = []
    yield "tlvs", result
    for kind, value in items(message, code=2, size=2, pad=4):
        result.append({"type": kind, "value": value})
