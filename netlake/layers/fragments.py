"""IP fragments put together again: datagrams are appended to the batch and walked like packets.

Rules of this file:
- A datagram is known by version, addresses, identification, protocol and the tunnel around it. Its time and number are
  those of the first piece seen; it is complete with the piece that closes the last gap.
- Where pieces overlap, the bytes that came first stand. Differing bytes mark the datagram `overlap`.
- Pieces that the capture cut are no help and are left out. Pieces wait 60 s of the capture's clock (RFC 8200), at most
  MOST_DATAGRAMS and MOST_BYTES of them; what is dropped is counted, never silent.
- Fragments are rare, so this is plain Python, bounded in time by one dictionary access and one slice a piece.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from netlake.kernels import steps as s
from netlake.packets import NO_TIME, Packets

MOST_DATAGRAMS = 16_384
MOST_BYTES = 64 << 20
LONGEST = 65_535
PATIENCE = 60 * 10**9

Key = tuple[bytes, int, int, int]
Rows = npt.NDArray[np.int64]
Counts = Callable[[int], dict[int, int]]
Made = tuple[int, int, dict[int, int]]


@dataclass(slots=True)
class Datagram:
    """Pieces of one datagram, as far as they came; `before` counts by group the messages of its first packet."""

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
    """Puts datagrams together over the batches of one capture; `counts` says what became of the pieces."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[Key, Datagram] = OrderedDict()
        self.size = 0
        self.counts: Counter[str] = Counter()

    def add(self, packets: Packets, found: Rows, conversations: Rows, counts: Counts) -> list[Made]:
        """Take the fragments `found` by the walk, in order; `counts` counts by group the messages of a row.

        Complete datagrams become rows of `packets`; returned are, for each of them, the row of the fragment that
        completed it, its conversation, and the messages before it in the packet that it begins in.
        Later fragments' conversations are given the ports of the first.
        """
        made = []
        for piece in found.tolist():
            conversation = conversations[piece[s.F_CONVERSATION]]
            complete = self._one(packets, piece, conversation, counts)
            if complete is not None:
                datagram, body = complete
                row = piece[s.F_ROW]
                packets.append(datagram.header + body, row, int(packets.number[row]), datagram.depth)
                new = packets.rows - 1
                packets.ts[new], packets.number[new] = datagram.ts, datagram.number
                packets.interface[new] = datagram.interface
                made.append((row, piece[s.F_CONVERSATION], datagram.before))
        return made

    def _one(
        self, packets: Packets, piece: list[int], conversation: Any, counts: Counts
    ) -> tuple[Datagram, bytes] | None:
        row = piece[s.F_ROW]
        self.counts["fragments"] += 1
        key = self._key(packets, piece, conversation)
        now = int(packets.ts[row])
        datagram = self.waiting.get(key)
        if datagram is not None and NO_TIME not in (now, datagram.ts) and now - datagram.ts > PATIENCE:
            self._drop(key, "expired")
            datagram = None
        if datagram is None:
            number, interface = int(packets.number[row]), int(packets.interface[row])
            datagram = Datagram(now, number, interface, piece[s.F_DEPTH], counts(row))
            self.waiting[key] = datagram
        if piece[s.F_OFFSET] == 0:
            datagram.ports = int(conversation[s.C_SRC_PORT]), int(conversation[s.C_DST_PORT])
            datagram.header = header(packets.data, piece)
        else:
            conversation[s.C_SRC_PORT], conversation[s.C_DST_PORT] = datagram.ports
        if piece[s.F_MISSING] > 0:
            self.counts["cut"] += 1
            return None
        self._put(datagram, piece, packets.data[piece[s.F_START] : piece[s.F_END]].tobytes())
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

    def _put(self, datagram: Datagram, piece: list[int], data: bytes) -> None:
        datagram.pieces.append((piece[s.F_OFFSET], data))
        datagram.size += len(data)
        self.size += len(data)
        if not piece[s.F_MORE]:
            datagram.total = piece[s.F_OFFSET] + len(data)

    def _drop(self, key: Key, why: str) -> None:
        datagram = self.waiting.pop(key)
        self.size -= datagram.size
        self.counts[why] += 1

    def _make_room(self) -> None:
        while len(self.waiting) > MOST_DATAGRAMS or self.size > MOST_BYTES:
            self._drop(next(iter(self.waiting)), "evicted")

    @staticmethod
    def _key(packets: Packets, piece: list[int], conversation: Any) -> Key:
        at = piece[s.F_NETWORK]
        addresses = (at + 12, at + 20) if conversation[s.C_VERSION] == 4 else (at + 8, at + 40)
        between = packets.data[addresses[0] : addresses[1]].tobytes()
        return between, piece[s.F_IDENTIFICATION], piece[s.F_PROTOCOL], int(conversation[s.C_KEY])

    def finish(self) -> None:
        """Count what never became whole."""
        self.counts["incomplete"] += len(self.waiting)
        self.waiting.clear()
        self.size = 0


def header(data: npt.NDArray[np.uint8], piece: list[int]) -> bytes:
    """The IP header of the datagram, as if it had never been fragmented; total length 0 means the rest of the row."""
    at, headers = piece[s.F_NETWORK], piece[s.F_HEADERS]
    if data[at] >> 4 == 4:
        first = bytearray(data[at:headers].tobytes())
        first[2:4] = first[6:8] = b"\0\0"
        return bytes(first)
    first = bytearray(data[at : at + 40].tobytes())
    first[4:6] = b"\0\0"
    first[6] = piece[s.F_PROTOCOL]
    return bytes(first)


def whole(datagram: Datagram) -> bytes | None:
    """The bytes of a datagram without gaps, None while there are any."""
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
