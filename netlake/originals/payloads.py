"""The payload of packets in the order in which it is due: streams of TCP, reassembled as when they were decoded.

Theory of operation
- Batches of packets are walked and tracked, and their segments are reassembled, by the code that decodes captures
  (netlake.layers.walk, netlake.flows): what is a stream, a repeat or a gap is decided there. No protocol is read.
- A `Piece` is what becomes due: bytes of a stream, bytes of it that are missing, or the payload of a UDP datagram.
  Datagrams of IP fragments are whole; bytes of a datagram that the capture did not keep are missing, as in a stream.
- The number of a flow is that of the lake if all packets of the capture are given, with the lake's flow key. Of some
  packets the flows are numbered anew, and `chosen` decides by their ends which ones have pieces.
- A piece refers to the buffer of its batch, and is valid until the next one is requested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from netlake import tables
from netlake.flows.reassembly import Reassembly
from netlake.flows.segments import segments
from netlake.flows.tracker import Flows, Tracker
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.stream_state import Kind
from netlake.layers.pools import new_pools
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walker
from netlake.packets import DATAGRAM, WHOLE, Headers, Ints, Packets, Shorts

TCP, UDP = IpProtocol.TCP.value, IpProtocol.UDP.value
UDP_HEADER = 8


class Ends(NamedTuple):
    """What identifies a flow: its protocol, and address and port of the originator and the responder."""

    protocol: int
    originator: tuple[str | None, int]
    responder: tuple[str | None, int]


@dataclass(slots=True)
class Piece:
    """Bytes of one direction of a flow, `data`, or `missing` ones, from `offset` of the direction on.

    `packet` is the one that carries the first byte; of missing bytes, the one by which they are known to be missing, 0
    at the end of a flow. Datagrams have the offset 0. A piece with neither `is_end`: the direction has no more.
    """

    flow: int
    from_originator: bool
    packet: int
    offset: int
    data: memoryview
    missing: int = 0
    is_stream: bool = True
    is_end: bool = False


NONE = memoryview(b"")


class Payloads:
    """Finds the pieces of one capture, batch after batch."""

    def __init__(self, *, flow_key: tuple[str, ...] = (), chosen: Callable[[Ends], bool] | None = None) -> None:
        self.pools = new_pools()
        self.walker = Walker(dispatch(tables.every()), self.pools)
        self.reassembly = Reassembly()
        self.tracker = Tracker(self.pools, flow_key=flow_key, leaving=self._leaving)
        self.headers: Headers
        self._chosen, self._wanted = chosen, dict[int, bool]()
        self._left: list[Piece] = []

    def batch(self, packets: Packets) -> Iterator[Piece]:
        """The pieces that a batch makes due; all of it has to be consumed before the next."""
        self.headers = self.walker.walk(packets).headers
        flows = self.tracker.update(packets, self.headers)
        if self._chosen is not None:
            self._decide(flows)
        yield from self._flush()
        yield from self._datagrams(packets, flows)
        for count in self.reassembly.batch(packets, segments(packets.data, self.headers, flows)):
            yield from self._events(count, packets)
        while self.tracker.ended() is not None:
            pass
        yield from self._flush()

    def finish(self) -> Iterator[Piece]:
        """The pieces that are due when the capture ends."""
        self.tracker.finish()
        while self.tracker.ended(least=1) is not None:
            pass
        yield from self._flush()

    def without_payload(self, packets: Packets) -> Ints:
        """The rows of the last batch without a header of TCP or UDP, whose bytes are in no piece."""
        carried = self.headers["row"][np.isin(self.headers["protocol"], (TCP, UDP))]
        has = np.zeros(packets.rows, np.bool_)
        has[carried] = True
        return np.flatnonzero(~has[: packets.count])

    def _flush(self) -> Iterator[Piece]:
        left, self._left = self._left, []
        yield from left

    def _leaving(self, slots: Shorts) -> dict[str, Any]:
        """Flows end: what waits of them is copied, because the buffer of late bytes is used again."""
        for count in self.reassembly.finish(slots):
            for piece in self._events(count, None):
                piece.data = memoryview(bytes(piece.data))
                self._left.append(piece)
        self.reassembly.clear(slots)
        return {}

    def _events(self, count: int, packets: Packets | None) -> Iterator[Piece]:
        arena, states = self.reassembly.arena, self.reassembly.states
        events = arena.events[:count]
        late = arena.tail.data
        now = late if packets is None else packets.data.data
        columns = (events[name].tolist() for name in ("kind", "stream", "number", "offset", "start", "size"))
        numbers = states["flow"][events["stream"]].tolist()
        for flow, kind, stream, number, offset, start, size in zip(numbers, *columns, strict=True):
            if not self._wanted.get(flow, self._chosen is None):
                continue
            if kind == Kind.END:
                yield Piece(flow, not stream & 1, number, offset, NONE, is_end=True)
            elif kind == Kind.GAP:
                yield Piece(flow, not stream & 1, number, offset, NONE, size)
            else:
                data = (late if kind == Kind.LATE else now)[start : start + size]
                yield Piece(flow, not stream & 1, number, offset, data)

    def _datagrams(self, packets: Packets, flows: Flows) -> Iterator[Piece]:
        headers = self.headers
        found = np.flatnonzero(
            (headers["protocol"] == UDP) & np.isin(headers["kind"], (WHOLE, DATAGRAM)) & (headers["transport"] >= 0)
        )
        one, view = headers[found], packets.data.data
        begin = one["transport"] + UDP_HEADER
        kept = np.clip(one["end"] - begin, 0, np.maximum(one["payload"], 0))
        numbers, sent_by = flows.flow[found], flows.from_originator[found]
        columns = (numbers, sent_by, packets.last[one["row"]], begin, kept, one["payload"])
        for flow, mine, packet, start, size, sent in zip(*(column.tolist() for column in columns), strict=True):
            if not self._wanted.get(flow, self._chosen is None):
                continue
            if size > 0:
                yield Piece(flow, mine == 1, packet, 0, view[start : start + size], is_stream=False)
            if sent > size:
                yield Piece(flow, mine == 1, packet, size, NONE, sent - size, is_stream=False)

    def _decide(self, flows: Flows) -> None:
        """Ask `chosen` for each flow that is new in the batch."""
        assert self._chosen is not None  # noqa: S101 - for types
        numbers, rows = np.unique(flows.flow, return_index=True)
        for flow, row in zip(numbers.tolist(), rows.tolist(), strict=True):
            if flow and flow not in self._wanted:
                self._wanted[flow] = self._chosen(self._ends(flows, row))

    def _ends(self, flows: Flows, row: int) -> Ends:
        codes = np.array([flows.src[row], flows.dst[row]], np.int32)
        texts = self.pools["ip"].text(codes).to_pylist()
        ends = list(zip(texts, (int(flows.ports.source[row]), int(flows.ports.destination[row])), strict=True))
        first, second = ends if flows.from_originator[row] == 1 else ends[::-1]
        return Ends(int(self.headers["protocol"][row]), first, second)
