"""Reassembly of IP fragments: datagrams are appended to the batch and walked like packets.

Rules
- A datagram is identified by version, addresses, identification, protocol and the tunnel around it. Its time and number
  are those of the first fragment in the capture; it is complete with the fragment that closes the last gap.
- Where fragments overlap, the bytes captured first are used. Differing bytes count the datagram as overlapping.
- The bytes of fragments that the capture cut are left out; their datagrams wait like others. Fragments wait for
  PATIENCE of the capture's clock (RFC 8200), at most MOST_DATAGRAMS datagrams and MOST_BYTES; what is dropped is
  counted.
- Only the first fragment has ports. The headers of later ones get them from it; those of earlier ones have none.

Data structures: `waiting` maps the key of a datagram to its fragments, oldest first, with a copy of their bytes.
Fragments are rare, so this is plain Python: one dictionary access and one slice a fragment.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from netlake.kernels.times import microsecond
from netlake.packets import NO_TIME, Headers, Packets

MOST_DATAGRAMS = 16_384
MOST_BYTES = 64 << 20
LONGEST = 65_535
PATIENCE = 60 * 10**6  # microseconds

Key = tuple[bytes, int, int, int]
Counts = Callable[[int], dict[int, int]]


class Piece(NamedTuple):
    """One record of FRAGMENT."""

    network: int
    headers: int
    start: int
    end: int
    offset: int
    identification: int
    missing: int
    row: int
    header: int
    protocol: int
    depth: int
    more: int


@dataclass(slots=True)
class Made:
    """A complete datagram: the row and header of the fragment that completed it, and its first packet's messages."""

    row: int
    header: int
    before: dict[int, int]


@dataclass(slots=True)
class Datagram:
    """The fragments of one datagram so far; `before` counts by group the messages of its first packet."""

    ts: int
    number: int
    interface: int
    depth: int
    before: dict[int, int]
    ports: tuple[int, int] = (-1, -1)
    header: bytes = b""
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    total: int = -1
    size: int = 0
    overlap: bool = False


class Fragments:
    """Reassembles datagrams over the batches of one capture; `counts` has the number of fragments by their outcome."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[Key, Datagram] = OrderedDict()
        self.size = 0
        self.counts: Counter[str] = Counter()

    def add(self, packets: Packets, found: npt.NDArray[np.void], headers: Headers, counts: Counts) -> list[Made]:
        """Add the fragments `found` by the walk, in order; returns one Made for each datagram that is now complete.

        `found` has dtype FRAGMENT; `counts` returns the messages of a row by group. Complete datagrams become rows of
        `packets`. The headers of fragments behind the first one get its ports.
        """
        made = []
        for piece in map(Piece._make, found[list(Piece._fields)].tolist()):
            header = headers[piece.header]
            complete = self._one(packets, piece, header, counts)
            if complete is not None:
                datagram, body = complete
                row = piece.row
                packets.append(datagram.header + body, row, int(packets.number[row]), datagram.depth)
                new = packets.rows - 1
                packets.ts[new], packets.number[new] = datagram.ts, datagram.number
                packets.interface[new] = datagram.interface
                made.append(Made(row, piece.header, datagram.before))
        return made

    def _one(self, packets: Packets, piece: Piece, header: Any, counts: Counts) -> tuple[Datagram, bytes] | None:
        """Add one fragment, whose IP header has the record `header`; the datagram that it completes, with its data."""
        row = piece.row
        self.counts["fragments"] += 1
        key = _key(packets, piece, header)
        now = int(packets.ts[row])
        datagram = self.waiting.get(key)
        if datagram is not None and _elapsed(datagram.ts, now) > PATIENCE:
            self._drop(key, "expired")
            datagram = None
        if datagram is None:
            number, interface = int(packets.number[row]), int(packets.interface[row])
            datagram = Datagram(now, number, interface, piece.depth, counts(row))
            self.waiting[key] = datagram
        if piece.offset == 0:
            datagram.ports = int(header["source_port"]), int(header["destination_port"])
            datagram.header = unfragmented(packets.data, piece)
        else:
            header["source_port"], header["destination_port"] = datagram.ports
        if piece.missing > 0:
            self.counts["cut"] += 1
            self._make_room()
            return None
        self._put(datagram, piece, packets.data[piece.start : piece.end].tobytes())
        body = whole(datagram)
        if body is None:
            self._make_room()
            return None
        self._drop(key, "reassembled")
        if len(datagram.header) + len(body) > LONGEST + 40:
            self.counts["too_large"] += 1
            return None
        self.counts["overlapping"] += datagram.overlap
        return datagram, body

    def _put(self, datagram: Datagram, piece: Piece, data: bytes) -> None:
        datagram.pieces.append((piece.offset, data))
        datagram.size += len(data)
        self.size += len(data)
        if not piece.more:
            datagram.total = piece.offset + len(data)

    def _drop(self, key: Key, why: str) -> None:
        datagram = self.waiting.pop(key)
        self.size -= datagram.size
        self.counts[why] += 1

    def _make_room(self) -> None:
        while len(self.waiting) > MOST_DATAGRAMS or self.size > MOST_BYTES:
            self._drop(next(iter(self.waiting)), "evicted")

    def finish(self) -> None:
        """Count the datagrams that are still incomplete."""
        self.counts["incomplete"] += len(self.waiting)
        self.waiting.clear()
        self.size = 0


def _elapsed(earlier: int, later: int) -> int:
    """Microseconds between two times; 0 if one of them is NO_TIME."""
    return 0 if NO_TIME in (earlier, later) else microsecond(later) - microsecond(earlier)


def _key(packets: Packets, piece: Piece, header: Any) -> Key:
    at = piece.network
    first, last = (at + 12, at + 20) if header["version"] == 4 else (at + 8, at + 40)
    return packets.data[first:last].tobytes(), piece.identification, piece.protocol, int(header["key"])


def unfragmented(data: npt.NDArray[np.uint8], piece: Piece) -> bytes:
    """The IP header of the datagram without fragmentation; its total length 0 means the rest of the row."""
    at, headers = piece.network, piece.headers
    if data[at] >> 4 == 4:
        first = bytearray(data[at:headers].tobytes())
        first[2:4] = first[6:8] = b"\0\0"
        return bytes(first)
    first = bytearray(data[at : at + 40].tobytes())
    first[4:6] = b"\0\0"
    first[6] = piece.protocol
    return bytes(first)


def whole(datagram: Datagram) -> bytes | None:
    """The bytes of a datagram without gaps, None while it has gaps."""
    if datagram.total < 0 or not datagram.header or datagram.size < datagram.total:
        return None
    body = bytearray(datagram.total)
    known = bytearray(datagram.total)
    for offset, data in datagram.pieces:
        end = min(offset + len(data), datagram.total)
        if end <= offset:
            continue
        here = known[offset:end]
        if not any(here):
            body[offset:end] = data[: end - offset]
        else:
            for position, value in enumerate(data[: end - offset], offset):
                if not known[position]:
                    body[position] = value
                elif body[position] != value:
                    datagram.overlap = True
        known[offset:end] = b"\1" * (end - offset)
    return bytes(body) if all(known) else None
