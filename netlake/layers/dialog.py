"""The contract of machines: protocols in streams with one Python object for each flow, which is fed with turns.

A Stream with `machine` (netlake.layers.streamed) is read by a DialogWalker (netlake.layers.dialog_walker). A machine
has both directions of a flow, as sides: 0 is the originator, 1 the responder. It is fed with turns, in the order of the
capture: what one side says within a batch until the other one speaks (netlake.kernels.turns).

Rules of machines
- Where a turn ends depends on segments and batches; rows must not depend on it. So a machine keeps what is not
  complete, at most MOST_KEPT bytes of each side, and looks at each byte a fixed number of times.
- It returns what it has found (Said):
  - Row: with the first byte of its message and the last one; rows of one table and side in the order of their first
    bytes. `fields` are the table's columns by name; a value may be what a hook `parse` may yield.
  - Piece: bytes of a body (a file, a mail), which the thread of netlake.layers.contents reads. A row with this body is
    completed by what the thread has made of it, so it is returned after the last piece.
  - Expect: another flow, which the dialog announces (netlake.layers.streamed).
  - Handover: from here on both directions are of another protocol, which is found by their next bytes. Bytes of the
    other side that belong to it and were fed before are kept in Early and returned with it.
  - DONE ends the dialog: its flow is muted, so it costs nothing from then on.
- A machine does no I/O, reads no clock, and raises no exception. If one raises, that is noted, the flow is muted, and a
  row of the protocol's first table has the fault `reader_failed`; it begins with the turn.
- `undecoded` are bytes of each side that it did not understand.
- After `end` of both sides, or when the flow leaves, it is dropped. Bodies without a last piece are dropped then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

# bytes that a machine keeps of one side, at most
MOST_KEPT = 64 << 10


class Where(NamedTuple):
    """A byte of a flow: its side, the packet that carries it, the time, and the packet in which it became due."""

    side: int
    packet: int
    ts: int
    due: int


At = Callable[[int], Where]
Fields = dict[str, Any]


@dataclass(slots=True, eq=False)
class Body:
    """Bytes that are transferred; `reader` makes what reads them (netlake.layers.contents.Reader), else it is a file.

    `coding` is the content coding of a file. `number` is given by the walker.
    """

    reader: Callable[..., Any] | None = None
    coding: int = 0
    number: int = -1


class Piece(NamedTuple):
    """The next bytes of a body, behind `missing` bytes that were not captured; with `is_last` it is over."""

    body: Body
    data: bytes = b""
    missing: int = 0
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `table` whose message begins with byte `begin` and ends with byte `end`.

    Without `end` it ends with what the machine is fed with at this time, a gap or an end. With a body the row has the
    columns of its content too, or it is replaced by the rows `made(fields, *contents)`: tables and fields, from what
    the thread has made of each of `bodies`. The fault of a content is that of the rows of `table`. Rows of one table
    and side that are not in the order of their first bytes give their `place` among those of the same packet.
    """

    table: str
    fields: Fields
    begin: Where
    end: Where | None = None
    fault: str | None = None
    bodies: tuple[Body, ...] = ()
    made: Callable[..., Iterable[tuple[str, Fields]]] | None = None
    place: int | None = None


class Expect(NamedTuple):
    """A flow of the protocol `stream` with one end at `port` of `address`, in packets behind that of `since`.

    Without `address`, it is that of side `side` of the flow that announces it. The machine of the flow is made with
    Announced; `about` is what the two machines share.
    """

    stream: str
    port: int
    side: int
    since: Where
    address: bytes | None = None
    about: Any = None


class Announced(NamedTuple):
    """What the machine of an announced flow is made with: `about` of Expect, and the number of the announcing flow."""

    about: Any = None
    flow: int | None = None


class Handover(NamedTuple):
    """The side that is fed is of another protocol behind data[:used], the other one from its next byte on.

    `unread` are bytes of the other side that were fed before and belong to that protocol; `begin` is the first one.
    """

    used: int
    unread: bytes = b""
    begin: Where | None = None


class Done(NamedTuple):
    """Nothing more is read of the flow."""


DONE = Done()
Said = Row | Piece | Expect | Handover | Done


class Early:
    """Bytes of one side before it is known whether they are of another protocol (Handover)."""

    __slots__ = ("begin", "data", "is_lost")

    def __init__(self) -> None:
        self.data, self.is_lost = bytearray(), False
        self.begin: Where | None = None

    def add(self, data: bytes, used: int, at: At) -> int:
        """Keep data[used:]; how many bytes are given up, because there are too many."""
        size = len(data) - used
        if self.is_lost or len(self.data) + size > MOST_KEPT:
            size += self.clear()
            self.is_lost = True
            return size
        self.begin = self.begin or at(used)
        self.data += data[used:]
        return 0

    def clear(self) -> int:
        """Forget all bytes; how many there were."""
        size, self.data, self.begin, self.is_lost = len(self.data), bytearray(), None, False
        return size


class Machine(Protocol):
    """Reads both directions of one flow."""

    undecoded: list[int]

    def feed(self, side: int, data: bytes, at: At) -> Iterator[Said]:
        """Read what a side said; `at` gives the place of the byte data[offset]."""

    def gap(self, side: int, size: int) -> Iterator[Said]:
        """`size` bytes of a side are missing."""

    def end(self, side: int) -> Iterator[Said]:
        """A side says nothing more."""
