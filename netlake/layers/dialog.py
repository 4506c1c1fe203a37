"""Protocols in streams with a machine: one Python object for each flow, which is fed with turns.

A Stream with `machine` (netlake.layers.streamed) is read by a DialogWalker. A machine has both directions of a flow, as
sides: 0 is the originator, 1 the responder. It is fed with turns, in the order of the capture: what one side says
within a batch until the other one speaks (netlake.kernels.turns).

Rules of machines
- Where a turn ends depends on segments and batches; rows must not depend on it. So a machine keeps what is not
  complete, at most MOST_KEPT bytes of each side, and looks at each byte a fixed number of times.
- It returns rows, each with the first byte of its message and the last one; rows of one table and side in the order of
  their first bytes. `fields` are the table's columns by name; a value may be what a hook `parse` may yield.
- Bodies that a protocol transfers are Pieces, and the row of their message names them (netlake.layers.bodies); so they
  get hashes and rows of `file`, which must be among the tables of the protocol.
- DONE ends the dialog: its flow is muted, so it costs nothing from then on.
- A machine does no I/O, reads no clock, and raises no exception. If one raises, that is noted, the flow is muted, and a
  row of the protocol's first table has the fault `reader_failed`; it begins with the turn.
- `undecoded` are bytes of each side that it did not understand.
- After `end` of both sides, or when the flow leaves, it is dropped.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from netlake.kernels import turns as kernels
from netlake.kernels.flow_state import Records
from netlake.kernels.stream_state import Kind
from netlake.layers.bodies import Bodies, File, Piece, file_fields, hash_of
from netlake.layers.streamed import Chains, Pool, Stream, Take
from netlake.layers.yielded import yielded_columns
from netlake.packets import NO_TIME, Columns, Messages
from netlake.schema import Table, faults

# bytes that a machine keeps of one side, at most
MOST_KEPT = 64 << 10
# what a row counts for the bytes of a pool, beside its texts and bytes
ROW_SIZE = 256
# the largest number of the column `place`
MOST_PLACE = 0x7FFF


class Where(NamedTuple):
    """A byte of a flow: its side, the packet that carries it, the time, and the packet in which it became due."""

    side: int
    packet: int
    ts: int
    due: int


At = Callable[[int], Where]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of `table` whose message begins with byte `begin` and ends with byte `end`.

    Without `end` it ends with what the machine is fed with at this time, a gap or an end. Rows of one table and side
    that are not in the order of their first bytes give their `place` among those that begin in the same packet.
    """

    table: str
    fields: dict[str, Any]
    begin: Where
    end: Where | None = None
    fault: str | None = None
    place: int | None = None
    files: tuple[File, ...] = ()


class Done(NamedTuple):
    """Nothing more is read of the flow."""


DONE = Done()
Said = Row | Piece | Done


class Machine(Protocol):
    """Reads both directions of one flow."""

    undecoded: list[int]

    def feed(self, side: int, data: bytes, at: At) -> Iterator[Said]:
        """Read what a side said; `at` gives the place of the byte data[offset]."""

    def gap(self, side: int, size: int) -> Iterator[Said]:
        """`size` bytes of a side are missing."""

    def end(self, side: int) -> Iterator[Said]:
        """A side says nothing more."""


@dataclass(slots=True)
class Dialog:
    """The machine of one flow, None when it is done, and the sides that have ended.

    `places` has the packet of the last row and its position there, by table and side.
    """

    flow: int
    machine: Machine | None
    ended: set[int] = field(default_factory=set)
    places: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def place(self, row: Row) -> int:
        """The position of a row among those of its table that begin in the same packet."""
        if row.place is not None:
            return row.place
        key = (row.table, row.begin.side)
        packet, count = self.places.get(key, (0, 0))
        count = count + 1 if packet == row.begin.packet else 0
        self.places[key] = (row.begin.packet, count)
        return count


@dataclass(slots=True)
class Turn:
    """What one side says until the other one speaks; or a gap, or an end, which became due in packet `due`.

    `starts` are the offsets of `pieces` (PIECE) in the joined bytes.
    """

    stream: int
    kind: int
    missing: int
    due: int
    data: bytes
    starts: list[int]
    pieces: Records

    @property
    def side(self) -> int:
        """The side that speaks."""
        return self.stream & 1

    def at(self, offset: int) -> Where:
        """The place of the byte data[offset]."""
        piece = self.pieces[max(0, bisect_right(self.starts, self.starts[0] + offset) - 1)]
        return Where(self.side, int(piece["number"]), int(piece["ts"]), int(piece["at"]))


class Found(NamedTuple):
    """A row that is not written yet; `files` are its bodies with their numbers, or that of a row of `file`."""

    table: str
    fields: dict[str, Any]
    fault: int
    files: tuple[tuple[File, int], ...] = ()


class DialogWalker:
    """Reads the flows of a protocol with `machine`, whose number in STREAM.protocol is `number` (Walker)."""

    def __init__(
        self, stream: Stream, tables: Mapping[str, Table], number: int, failed: Callable[[str, Exception], None]
    ) -> None:
        assert stream.machine is not None  # noqa: S101 - the caller chose by it
        self.name, self.machine, self.number, self.failed = stream.name, stream.machine, number, failed
        self.tables = {name: tables[name] for name in stream.tables}
        self.dialogs: dict[int, Dialog] = {}
        self.pool = Pool(data=np.zeros(0, np.uint8))
        self.found: list[Found] = []
        self.bodies = Bodies()
        self.done: list[int] = []
        self._heads, self._out = np.zeros(0, np.int32), np.zeros(0, np.uint8)
        self._turns, self._pieces = np.zeros(0, kernels.TURN), np.zeros(0, kernels.PIECE)
        self._need, self._used = np.zeros(1, kernels.USED), np.zeros(1, kernels.USED)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The rows that are not written yet."""
        return (self.pool,)

    def walk(self, chains: Chains) -> None:
        """Feed the machines with what is said in the flows of the protocol."""
        kernels.measure(chains.first, chains.states, chains.arena, self.number, self._need)
        if not self._need["turns"][0]:
            return
        self._room(len(chains.states))
        kernels.join(
            chains.first, chains.states, chains.data, chains.arena, self.number, self._heads, self._out, self._used,
            self._turns, self._pieces,
        )  # fmt: skip
        for flow, turn in self._said(chains.states):
            self._turn(self._dialog(turn.stream >> 1, flow), turn, chains.states)
        self.bodies.flush()

    def leave(self, slots: Any) -> None:
        """Forget the flows of these rows of the tracker's state, which are about to be freed."""
        for slot in slots.tolist() if self.dialogs else ():
            self._forget(slot)
        self.bodies.flush()

    def take_done(self) -> list[int]:
        """The streams that are to be muted, which are then forgotten."""
        done, self.done = self.done, []
        return done

    def rows(self, take: Take, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The rows, by table, if there are many or with `every`."""
        if not (len(self.found) and (every or self.pool.full)):
            return
        self._read_bodies()
        for name, table in self.tables.items():
            index = np.array([at for at, one in enumerate(self.found) if one.table == name], np.intp)
            if len(index):
                messages = take(self.pool, table, index)
                some = [self.found[at] for at in index.tolist()]
                messages.fault = np.array([one.fault for one in some], np.int8)
                columns = yielded_columns(table, [one.fields for one in some], messages)
                yield table, messages, columns
        self.found.clear()
        self.pool.clear()

    def close(self) -> None:
        """End the thread that reads bodies."""
        self.bodies.contents.close()

    def _read_bodies(self) -> None:
        """Complete the rows that have bodies with what is known of them."""
        contents = self.bodies.take(number for one in self.found for _, number in one.files)
        for one in self.found if contents else ():
            for file, number in one.files:
                if one.table == "file":
                    one.fields.update(file_fields(file, contents[number]))
                else:
                    one.fields[file.sha256] = hash_of(contents[number])

    def _forget(self, slot: int) -> None:
        """A dialog is over, and bodies of it without a row are dropped."""
        dialog = self.dialogs.pop(slot, None)
        if dialog is not None:
            self.bodies.drop(dialog.flow)

    def _room(self, streams: int) -> None:
        """Make room for the turns of a batch, and for as many streams."""
        need = self._need[0]
        if len(self._out) < need["bytes"]:
            self._out = np.zeros(2 * int(need["bytes"]), np.uint8)
        if len(self._turns) < need["turns"]:
            self._turns = np.zeros(2 * int(need["turns"]), kernels.TURN)
            self._pieces = np.zeros(2 * int(need["turns"]), kernels.PIECE)
        if len(self._heads) != streams:
            self._heads = np.zeros(streams, np.int32)

    def _dialog(self, slot: int, flow: int) -> Dialog:
        """The dialog of a flow, which begins if there is none."""
        dialog = self.dialogs.get(slot)
        if dialog is None or dialog.flow != flow:
            self._forget(slot)
            dialog = self.dialogs[slot] = Dialog(flow, self.machine())
        return dialog

    def _said(self, states: Records) -> Iterator[tuple[int, Turn]]:
        """Every turn that was joined, with the number of its flow."""
        turns = self._turns[: int(self._used["turns"][0])]
        pieces = self._pieces[: int(self._used["pieces"][0])]
        starts, joined = pieces["start"].tolist(), self._out.data
        ends = np.append(turns["pieces"][1:], len(pieces)).tolist()
        flows = states["flow"][turns["stream"]].tolist()
        for flow, turn, last in zip(flows, turns, ends, strict=True):
            data = bytes(joined[int(turn["start"]) : int(turn["end"])])
            own = slice(int(turn["pieces"]), last)
            yield (
                flow,
                Turn(
                    int(turn["stream"]),
                    int(turn["kind"]),
                    int(turn["missing"]),
                    int(turn["at"]),
                    data,
                    starts[own],
                    pieces[own],
                ),
            )

    def _turn(self, dialog: Dialog, turn: Turn, states: Records) -> None:
        """Feed a machine with one turn."""
        machine, side = dialog.machine, turn.side
        if machine is None:
            return
        try:
            for said in _fed(machine, turn):
                if isinstance(said, Done):
                    self._finish(dialog, turn.stream)
                    break
                if isinstance(said, Piece):
                    self.bodies.add(dialog.flow, said)
                else:
                    self._put(dialog, turn, said)
        except Exception as error:  # noqa: BLE001 - any exception; decoding continues
            self.failed(self.name, error)
            begin = turn.at(0) if turn.data else Where(side, turn.due, NO_TIME, turn.due)
            self._put(dialog, turn, Row(next(iter(self.tables)), {}, begin, fault="reader_failed"))
            self._finish(dialog, turn.stream)
        for one in range(2):
            states["undecoded"][turn.stream & ~1 | one] += machine.undecoded[one]
            machine.undecoded[one] = 0
        if turn.kind == Kind.END.value:
            dialog.ended.add(side)
            if len(dialog.ended) == 2:
                self._forget(turn.stream >> 1)

    def _finish(self, dialog: Dialog, stream: int) -> None:
        dialog.machine = None
        self.bodies.drop(dialog.flow)
        self.done += [stream & ~1, stream | 1]

    def _put(self, dialog: Dialog, turn: Turn, row: Row) -> None:
        """Add a row to the pool, and behind it those of its files."""
        files = tuple((file, self.bodies.end(dialog.flow, file.body)) for file in row.files)
        self._locate(dialog, turn, row, files)
        for file, number in files if "file" in self.tables else ():
            self._locate(dialog, turn, Row("file", {}, file.begin, row.end, None, file.place), ((file, number),))

    def _locate(self, dialog: Dialog, turn: Turn, row: Row, files: tuple[tuple[File, int], ...]) -> None:
        pool, index = self.pool, len(self.found)
        if index == len(pool.messages):
            pool.grow()
        located = pool.messages[index]
        located["start"] = located["end"] = located["missing"] = 0
        located["number"], located["ts"] = row.begin.packet, row.begin.ts
        located["at"] = turn.due if row.end is None else row.end.due
        located["stream"], located["place"] = turn.stream & ~1 | row.begin.side, min(dialog.place(row), MOST_PLACE)
        self.found.append(Found(row.table, row.fields, faults.CODES[row.fault] if row.fault else 0, files))
        pool.control["messages"] += 1
        pool.control["used"] += ROW_SIZE + _size(row.fields)


def _fed(machine: Machine, turn: Turn) -> Iterator[Said]:
    if turn.kind == Kind.GAP.value:
        return machine.gap(turn.side, turn.missing)
    return machine.end(turn.side) if turn.kind == Kind.END.value else machine.feed(turn.side, turn.data, turn.at)


def _size(value: Any) -> int:
    """About how many bytes a value has."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 8
