"""Reads the flows of a protocol with `machine` (netlake.layers.dialog): feeds turns, and writes what is found.

- Rows and bytes of bodies wait in Findings (netlake.layers.findings).
- Of a flow that is handed over, the events behind the change are handed on (`tunnels`): those of the remaining turns of
  both sides. Bytes before them that were fed already go back to the arena, as bytes that were kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netlake.kernels import turns as kernels
from netlake.kernels.flow_state import Records
from netlake.kernels.http1_state import HANDED
from netlake.kernels.stream_state import Kind, Known
from netlake.layers.dialog import Announced, Body, Done, Expect, Handover, Machine, Piece, Row, Said, Where
from netlake.layers.findings import Findings, Places
from netlake.layers.streamed import Chains, Pool, Stream, Take
from netlake.layers.turns import Turn, keep, rest
from netlake.packets import NO_TIME, Columns, Messages
from netlake.schema import Table

# fields of PIECE that a turn has of each of its pieces
PLACE = ("number", "ts", "at", "event")
HANDED_FIELDS = ("stream", "event", "used", "unread")


@dataclass(slots=True)
class Dialog:
    """The machine of one flow, None when it is done, and the sides that have ended.

    `bodies` are those that are not over.
    """

    flow: int
    machine: Machine | None
    ended: set[int] = field(default_factory=set)
    places: Places = field(default_factory=Places)
    bodies: set[Body] = field(default_factory=set)


class DialogWalker:
    """Reads the flows of a protocol with `machine`, whose number in STREAM.protocol is `number` (Walker).

    `announced` are the announcements of flows (Announced) by the number of the flow;
    `expected` what the machines announced since it was last taken, with the row of their flow.
    """

    def __init__(
        self, stream: Stream, tables: Mapping[str, Table], number: int, failed: Callable[[str, Exception], None]
    ) -> None:
        assert stream.machine is not None  # noqa: S101 - the caller chose by it
        self.name, self.machine, self.number, self.failed = stream.name, stream.machine, number, failed
        self.is_announced = stream.is_announced
        self.tables = {name: tables[name] for name in stream.tables}
        self.findings = Findings(self.tables)
        self.dialogs: dict[int, Dialog] = {}
        self.announced: dict[int, Announced] = {}
        self.expected: list[tuple[int, Expect]] = []
        self.done: list[int] = []
        self.tunnels: Records = np.zeros(0, HANDED)
        self._handed: list[tuple[int, int, int, int]] = []
        self._heads, self._out = np.zeros(0, np.int32), np.zeros(0, np.uint8)
        self._turns, self._pieces = np.zeros(0, kernels.TURN), np.zeros(0, kernels.PIECE)
        self._need, self._used = np.zeros(1, kernels.USED), np.zeros(1, kernels.USED)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The rows that are not written yet."""
        return (self.findings.pool,)

    def walk(self, chains: Chains) -> None:
        """Feed the machines with what is said in the flows of the protocol."""
        self.tunnels = np.zeros(0, HANDED)
        kernels.measure(chains.first, chains.states, chains.arena, self.number, self._need)
        if not self._need["turns"][0]:
            return
        self._room(len(chains.states))
        kernels.join(
            chains.first, chains.states, chains.data, chains.arena, self.number, self._heads, self._out, self._used,
            self._turns, self._pieces,
        )  # fmt: skip
        over = -1
        for flow, turn in self._said(chains.states):
            slot = turn.stream >> 1
            if slot == over:
                continue
            dialog = self._dialog(slot, flow)
            handover = self._turn(dialog, turn, chains.states)
            if handover is not None:
                over = slot
                self._hand_over(dialog, turn, handover, chains)
        if self._handed:
            self.tunnels = np.zeros(len(self._handed), HANDED)
            for name, values in zip(HANDED_FIELDS, zip(*self._handed, strict=True), strict=True):
                self.tunnels[name] = values
            self._handed = []
        self.findings.give()

    def leave(self, slots: Any) -> None:
        """Forget the flows of these rows of the tracker's state, which are about to be freed."""
        for slot in self.dialogs.keys() & slots.tolist() if self.dialogs else ():
            self._drop(self.dialogs.pop(slot))

    def take_done(self) -> list[int]:
        """The streams that are to be muted, which are then forgotten."""
        done, self.done = self.done, []
        return done

    def take_expected(self) -> list[tuple[int, Expect]]:
        """The flows that were announced, each with the row of the announcing one; they are then forgotten."""
        expected, self.expected = self.expected, []
        return expected

    def rows(self, take: Take, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The rows, by table, if there are many or with `every`."""
        return self.findings.rows(take, every=every)

    def forget(self) -> None:
        """Forget the rows that are not written yet."""
        self.findings.forget()

    def close(self) -> None:
        """End the thread that reads bodies."""
        self.findings.contents.close()

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
            made = self.machine(self.announced.pop(flow, Announced())) if self.is_announced else self.machine()
            dialog = self.dialogs[slot] = Dialog(flow, made)
        return dialog

    def _said(self, states: Records) -> Iterator[tuple[int, Turn]]:
        """Every turn that was joined, with the number of its flow."""
        turns = self._turns[: int(self._used["turns"][0])]
        pieces = self._pieces[: int(self._used["pieces"][0])]
        starts, joined = pieces["start"].tolist(), self._out.data
        places = list(zip(*(pieces[name].tolist() for name in PLACE), strict=True))
        firsts = turns["pieces"].tolist()
        columns = (turns[name].tolist() for name in ("stream", "kind", "missing", "at", "start", "end"))
        flows = states["flow"][turns["stream"]].tolist()
        for number, (flow, first, last, stream, kind, missing, due, start, end) in enumerate(
            zip(flows, firsts, [*firsts[1:], len(places)], *columns, strict=True)
        ):
            data = bytes(joined[start:end])
            yield flow, Turn(number, stream, kind, missing, due, data, starts[first:last], places[first:last])

    def _turn(self, dialog: Dialog, turn: Turn, states: Records) -> Handover | None:
        """Feed a machine with one turn; the handover, if the flow is of another protocol from now on."""
        machine, side, before = dialog.machine, turn.side, len(self.findings.found)
        if machine is None:
            return None
        handover = None
        try:
            for said in _fed(machine, turn, int(states["known"][turn.stream])):
                if isinstance(said, Handover):
                    handover = said
                    break
                if isinstance(said, Done):
                    self._finish(dialog, turn.stream)
                    break
                self._take(dialog, turn, said)
        except Exception as error:  # noqa: BLE001 - any exception; decoding continues
            self.failed(self.name, error)
            begin = turn.at(0) if turn.data else Where(side, turn.due, NO_TIME, turn.due)
            self.findings.put(
                dialog.places, turn.stream, turn.due, Row(next(iter(self.tables)), {}, begin, fault="reader_failed")
            )
            self._finish(dialog, turn.stream)
        if len(self.findings.found) > before:
            self.findings.pool.control["used"] += len(turn.data)
        if any(machine.undecoded):
            both = turn.stream & ~1
            states["undecoded"][both : both + 2] += np.array(machine.undecoded, states["undecoded"].dtype)
            machine.undecoded[:] = 0, 0
        if turn.kind == Kind.END.value:
            dialog.ended.add(side)
            if len(dialog.ended) == 2 and handover is None:
                self.dialogs.pop(turn.stream >> 1, None)
                self._drop(dialog)
        return handover

    def _take(self, dialog: Dialog, turn: Turn, said: Said) -> None:
        """Take a row, a piece or an announcement."""
        if isinstance(said, Row):
            self.findings.put(dialog.places, turn.stream, turn.due, said)
        elif isinstance(said, Piece):
            (dialog.bodies.discard if said.is_last else dialog.bodies.add)(said.body)
            self.findings.bodies.add(said)
        elif isinstance(said, Expect):
            self.expected.append((turn.stream >> 1, said))

    def _finish(self, dialog: Dialog, stream: int) -> None:
        dialog.machine = None
        self._drop(dialog)
        self.done += [stream & ~1, stream | 1]

    def _drop(self, dialog: Dialog) -> None:
        """The bodies that a dialog has not ended will not end."""
        for body in dialog.bodies:
            self.findings.bodies.drop(body)
        dialog.bodies.clear()

    def _hand_over(self, dialog: Dialog, turn: Turn, handover: Handover, chains: Chains) -> None:
        """Hand on what follows in both streams of a flow."""
        self.dialogs.pop(turn.stream >> 1, None)
        self._drop(dialog)
        for stream in (turn.stream, turn.stream ^ 1):
            if chains.states["flow"][stream] != dialog.flow or chains.states["protocol"][stream] != self.number:
                continue
            unread, begin, event, used = handover.unread, handover.begin, -1, 0
            if stream == turn.stream:
                unread, begin, event, used = rest(turn, handover.used)
            if event < 0:
                unread, begin, event = self._following(turn, stream, unread, begin)
            kept = 0
            if unread and begin is not None and not (event < 0 and stream & 1 in dialog.ended):
                kept = keep(stream, unread, begin, chains.states, chains.arena)
            chains.states["undecoded"][stream] += len(unread) - kept
            self._handed.append((stream, event, used, kept))

    def _following(
        self, turn: Turn, stream: int, unread: bytes, begin: Where | None
    ) -> tuple[bytes, Where | None, int]:
        """The first event of a stream behind a turn, -1 without one, and the bytes before it."""
        turns = self._turns[: int(self._used["turns"][0])]
        for number in range(turn.number + 1, len(turns)):
            one = turns[number]
            if int(one["stream"]) >> 1 != stream >> 1:
                break
            if int(one["stream"]) != stream:
                continue
            if int(one["event"]) >= 0:
                return unread, begin, int(one["event"])
            piece = self._pieces[int(one["pieces"])]
            begin = begin or Where(stream & 1, int(piece["number"]), int(piece["ts"]), int(piece["at"]))
            unread += self._out[int(one["start"]) : int(one["end"])].tobytes()
        return unread, begin, -1


def _fed(machine: Machine, turn: Turn, known: int) -> Iterator[Said]:
    if turn.kind == Kind.GAP.value:
        return machine.gap(turn.side, turn.missing)
    if turn.kind != Kind.END.value:
        return machine.feed(turn.side, turn.data, turn.at)
    if (closed := getattr(machine, "closed", None)) is not None:
        closed[turn.side] = bool(known & Known.FIN)
    return machine.end(turn.side)
