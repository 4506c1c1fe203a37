"""Handshake messages that were found in datagrams (netlake.layers.handshake), as messages with their context."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from netlake.kernels.tls_state import Handshake
from netlake.layers.handshake import HEADER, TABLES_OF, Found
from netlake.layers.parsed import Origin
from netlake.layers.pools import parse_ip
from netlake.packets import Messages
from netlake.records.context import Context
from netlake.records.located import MOST_PLACE

# packets of which the places of messages are remembered: those of messages that end late
MOST_PACKETS = 4096


class Places:
    """The places of messages among those of their table that begin in the same packet."""

    def __init__(self) -> None:
        self.next: OrderedDict[tuple[str, int], int] = OrderedDict()

    def of(self, table: str, number: int, rows: int) -> int:
        """The place of a message with `rows` rows."""
        place = self.next.pop((table, number), 0)
        self.next[table, number] = place + rows
        if len(self.next) > MOST_PACKETS:
            self.next.popitem(last=False)
        return min(place, MOST_PLACE)


def by_table(found: Sequence[Found], places: Places, pools: Mapping[str, Any]) -> Iterator[tuple[str, Messages]]:
    """The messages of each table, in the order in which they were found; `hint` is as in netlake.streams.tls."""
    for kind, name in TABLES_OF.items():
        some = [one for one in found if one.kind == kind]
        if some:
            yield name, _messages(name, some, places, pools)


def _messages(table: str, found: Sequence[Found], places: Places, pools: Mapping[str, Any]) -> Messages:
    sizes = np.array([len(one.data) for one in found], np.int64)
    end = np.cumsum(sizes)
    count = len(found)
    origins = [one.first for one in found if one.first is not None]
    return Messages(
        data=np.frombuffer(b"".join(one.data for one in found), np.uint8), start=end - sizes, end=end,
        row=np.arange(count, dtype=np.int32), missing=np.array([one.missing for one in found], np.int32),
        fault=np.zeros(count, np.int8), header=np.full(count, -1, np.int32),
        place=np.array([_place(table, one, places) for one in found], np.int16),
        source_port=np.array([one.source_port for one in origins], np.int32),
        destination_port=np.array([one.destination_port for one in origins], np.int32),
        hint=np.array([one.hint for one in found], np.int64), pools=pools, context=_context(found, origins, pools),
    )  # fmt: skip


def _context(found: Sequence[Found], origins: Sequence[Origin], pools: Mapping[str, Any]) -> Context:
    """The context of rows: that of the packet in which each begins, and the packet that completes it."""
    untimed = np.array([one.untimed for one in origins], np.bool_)
    last = [one.last if one.last is not None else one.first for one in found]
    return Context(
        np.array([one.number for one in origins], np.int64), np.array([one.ts for one in origins], np.int64),
        untimed if untimed.any() else None, np.array([one.last for one in last if one is not None], np.int64),
        np.array([one.flow for one in origins], np.int64),
        np.array([one.from_originator for one in origins], np.bool_),
        np.array([_code(one.sender, pools) for one in origins], np.int32),
        np.array([_code(one.receiver, pools) for one in origins], np.int32),
        np.array([one.source_port for one in origins], np.int32),
        np.array([one.destination_port for one in origins], np.int32),
    )  # fmt: skip


def _code(address: str | None, pools: Mapping[str, Any]) -> int:
    return -1 if address is None else int(pools["ip"].code(parse_ip(address)))


def _place(table: str, one: Found, places: Places) -> int:
    """The place of a message; a Certificate message has as many rows as certificates."""
    rows = 1
    if one.kind == Handshake.CERTIFICATE.value:
        rows, at = 1, HEADER + 3
        while at + 3 <= len(one.data):
            at += 3 + int.from_bytes(one.data[at : at + 3])
            rows += 1
    assert one.first is not None  # noqa: S101 - those outside of a capture are not kept
    return places.of(table, one.first.number, rows)
