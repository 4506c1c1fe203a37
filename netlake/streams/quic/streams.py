"""The streams of a QUIC connection: the data of STREAM frames in order, as events.

Rules
- A direction of a stream begins with offset 0 and ends with its last byte (FIN), its reset, or the connection.
- Bytes that are missing are a gap when more than MOST_WAITING bytes or MOST_PIECES pieces of their direction wait
  behind them, or when the connection ends.
- At most MOST_OPEN directions are open; of more than that, the one without data for the longest time is ended. Of
  MOST_CLOSED ended ones the numbers are known, so that what is sent again is not a new stream.
- An event becomes due in the packet that completes it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from netlake.layers.dialog import Where
from netlake.layers.pieces import Pieces
from netlake.streams.quic.frames import Data

# bytes and pieces that wait in one direction
MOST_WAITING, MOST_PIECES = 1 << 20, 1024
MOST_OPEN, MOST_CLOSED = 2048, 8192


class What(Enum):
    """What a side did in a stream: STOP asks the other side to send nothing more."""

    DATA = 0
    GAP = 1
    END = 2
    STOP = 3


DATA, GAP, END, STOP = What


class Event(NamedTuple):
    """What a side sent in a stream: DATA, a GAP of `size` bytes, or its END, with `fin` if no more bytes belong to it.

    `code` is the error code of an END by RESET_STREAM, and of STOP. `place` is the packet that carries it; of a GAP or
    END the one in which it became due, None if the connection ended.
    """

    what: What
    stream: int
    side: int
    place: Where | None
    data: bytes = b""
    size: int = 0
    fin: bool = False
    code: int | None = None


class Direction:
    """One direction of a stream: `reached` bytes were handed on; `size` is where it ends, None if that is not known."""

    __slots__ = ("pieces", "reached", "side", "size", "stream")

    def __init__(self, stream: int, side: int) -> None:
        self.stream, self.side, self.reached = stream, side, 0
        self.size: int | None = None
        self.pieces: Pieces[Where] = Pieces(MOST_WAITING, MOST_PIECES)

    @property
    def is_over(self) -> bool:
        """Whether all of it was handed on."""
        return self.size is not None and self.reached >= self.size

    def offer(self, offset: int, data: bytes, place: Where) -> Iterator[Event]:
        """Add a piece; bytes that are known, and those behind the end, are left out."""
        if self.size is not None:
            data = data[: max(0, self.size - offset)]
        if offset + len(data) <= self.reached:
            return
        while offset > self.reached:
            if self.pieces.keep(offset, data, place):
                return
            # no room: the first missing bytes are given up
            first = self.pieces.first
            yield from self._missing(offset if first is None else min(first, offset), place)
        yield from self._next(offset, data, place, place)
        yield from self._due(place)

    def give_up(self, place: Where | None) -> Iterator[Event]:
        """Hand on all that waits, and what is missing."""
        while (first := self.pieces.first) is not None:
            yield from self._missing(first, place)
        if self.size is not None and self.size > self.reached:
            yield self._event(GAP, place, size=self.size - self.reached)
            self.reached = self.size

    def _missing(self, until: int, now: Where | None) -> Iterator[Event]:
        """Bytes up to an offset are missing."""
        if until > self.reached:
            yield self._event(GAP, now, size=until - self.reached)
            self.reached = until
        yield from self._due(now)

    def _due(self, now: Where | None) -> Iterator[Event]:
        for piece in self.pieces.due(self.reached):
            yield from self._next(piece.begin, piece.data, piece.origin, now)

    def _next(self, offset: int, data: bytes, place: Where, now: Where | None) -> Iterator[Event]:
        """Bytes that begin at the next one, or before it; those that wait already are left out."""
        first = self.pieces.first
        while offset + len(data) > self.reached:
            stop = len(data) if first is None else min(len(data), max(0, first - offset))
            part = data[self.reached - offset : stop]
            if part:
                self.reached = offset + stop
                yield self._event(DATA, place if now is None else place._replace(due=now.due), part)
            if stop == len(data):
                return
            yield from self._due(now)
            first = self.pieces.first

    def _event(self, what: What, place: Where | None, data: bytes = b"", size: int = 0) -> Event:
        return Event(what, self.stream, self.side, place, data, size)


class Streams:
    """The streams of one connection; `side` is 0 for what the originator of the flow sent."""

    def __init__(self) -> None:
        self.open: OrderedDict[tuple[int, int], Direction] = OrderedDict()
        self.closed: OrderedDict[tuple[int, int], None] = OrderedDict()
        self.held = self.gaps = 0

    def data(self, side: int, frame: Data, place: Where) -> Iterator[Event]:
        """Read a STREAM frame."""
        one = self._direction(frame.stream, side)
        if one is None:
            return
        before = one.pieces.cost
        if frame.fin and one.size is None:
            one.size = max(frame.offset + len(frame.data), one.reached)
        yield from self._counted(one.offer(frame.offset, frame.data, place))
        self.held += one.pieces.cost - before
        if one.is_over:
            yield from self._close(one, place)
        while len(self.open) > MOST_OPEN:
            yield from self._close(next(iter(self.open.values())), place)

    def reset(self, side: int, stream: int, code: int, place: Where) -> Iterator[Event]:
        """Read RESET_STREAM: what waits is not handed on."""
        one = self._direction(stream, side)
        if one is not None:
            self.held -= one.pieces.cost
            one.pieces.clear()
            one.size = None
            yield from self._close(one, place, code)

    def end(self) -> Iterator[Event]:
        """The connection is over."""
        while self.open:
            yield from self._close(next(iter(self.open.values())), None)

    def forget(self) -> None:
        """Keep nothing, without events."""
        for one in self.open.values():
            one.pieces.clear()
        self.held = 0

    def _direction(self, stream: int, side: int) -> Direction | None:
        """A direction, which begins if it is new; None if it is over."""
        key = stream, side
        one = self.open.get(key)
        if one is None:
            if key in self.closed:
                return None
            one = self.open[key] = Direction(stream, side)
        else:
            self.open.move_to_end(key)
        return one

    def _close(self, one: Direction, place: Where | None, code: int | None = None) -> Iterator[Event]:
        key = one.stream, one.side
        del self.open[key]
        self.closed[key] = None
        if len(self.closed) > MOST_CLOSED:
            self.closed.popitem(last=False)
        self.held -= one.pieces.cost
        yield from self._counted(one.give_up(place))
        yield Event(END, one.stream, one.side, place, fin=one.is_over, code=code)

    def _counted(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            self.gaps += event.what is GAP
            yield event
