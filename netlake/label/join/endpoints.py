"""Which hosts are on the sides of rules: networks are resolved against the hosts of the captures once.

Afterwards the join compares integers only. A side is a set of networks that some rule names; `host` has the addresses
that are on any side, `member` the hosts of each side. Single addresses are compared as text, which both the lake and
ground truth write in canonical form; the addresses of captures are parsed only if a rule names a larger network.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.label.join.opened import Opened
from netlake.layers.pools import address_text, parse_network

Longs = npt.NDArray[np.int64]
_ADDRESSES = "SELECT orig_ip AS ip FROM connection UNION SELECT resp_ip FROM connection"


class Endpoints:
    """The sides of all rules; `resolve` creates the tables `host` and `member` for the captures that are bound."""

    def __init__(self, sides: Sequence[tuple[int, list[str]]]) -> None:
        self._ids: dict[str, int] = {}
        self._members: dict[tuple[int, int], None] = {}
        self._wide: list[tuple[int, bytes, bytes]] = []
        for side, networks in sides:
            for network in networks:
                first, last = parse_network(network)
                if first == last:
                    self._add(side, address_text(first))
                else:
                    self._wide.append((side, first, last))

    def _add(self, side: int, address: str) -> None:
        host = self._ids.setdefault(address, len(self._ids))
        self._members[side, host] = None

    def resolve(self, lake: Opened) -> None:
        """Create `host` (id, ip) and `member` (side, host)."""
        if self._wide:
            addresses = lake.sql.sql(_ADDRESSES).to_arrow_table().column(0).to_pylist()
            self._resolve(addresses)
        hosts = pa.table({"id": pa.array(self._ids.values(), pa.int32()), "ip": pa.array(self._ids, pa.string())})
        sides, members = zip(*self._members, strict=True) if self._members else ((), ())
        both = pa.table({"side": pa.array(sides, pa.int32()), "host": pa.array(members, pa.int32())})
        for name, table in (("host", hosts), ("member", both)):
            lake.sql.register("arriving", table)
            lake.sql.execute(f"CREATE OR REPLACE TABLE {name} AS FROM arriving")
            lake.sql.unregister("arriving")

    def _resolve(self, addresses: Iterable[str | None]) -> None:
        """Add the members of the networks that are larger than one host."""
        for family, texts in _by_family(addresses).items():
            size = 4 if family == socket.AF_INET else 16
            high, low = _halves(b"".join(socket.inet_pton(family, text) for text in texts), size)
            for side, first, last in self._wide:
                if len(first) == size:
                    begin, end = _halves(first, size), _halves(last, size)
                    after = (high > begin[0]) | ((high == begin[0]) & (low >= begin[1]))
                    before = (high < end[0]) | ((high == end[0]) & (low <= end[1]))
                    for index in np.flatnonzero(after & before).tolist():
                        self._add(side, texts[index])


def _by_family(addresses: Iterable[str | None]) -> dict[socket.AddressFamily, list[str]]:
    found: dict[socket.AddressFamily, list[str]] = {socket.AF_INET: [], socket.AF_INET6: []}
    for text in addresses:
        if text:
            found[socket.AF_INET6 if ":" in text else socket.AF_INET].append(text)
    return found


def _halves(data: bytes, size: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Addresses of `size` bytes as two numbers each, the second 0 for IPv4."""
    if size == 4:
        low = np.frombuffer(data, ">u4").astype(np.uint64)
        return low, np.zeros(len(low), np.uint64)
    both = np.frombuffer(data, ">u8").astype(np.uint64).reshape(-1, 2)
    return both[:, 0], both[:, 1]
