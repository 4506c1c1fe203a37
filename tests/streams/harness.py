"""Runs a protocol in streams on turns of text, without packets: events as reassembly makes them, cut as wished.

A turn is what one side sends, is missing, or its end. `segments` cuts turns into segments, of which each is a packet;
`run` gives their events to the walker of a protocol in batches, and returns the rows of each table.
"""

from __future__ import annotations

import random
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netlake.flows.tracker import Flows, Ports
from netlake.kernels.flow_state import FLOW_OF_HEADER
from netlake.kernels.stream_state import STREAM, Arena, Kind, new_arena
from netlake.layers.pools import new_pools
from netlake.layers.streamed import Chains, Stream, Walker
from netlake.records.located import take
from netlake.records.rows import Rows
from netlake.schema import Table

SIDES = {"client": 0, "server": 1}
# columns that depend on how a stream is cut into segments
CONTEXT = ("day", "ts", "capture", "packet", "place", "last_packet")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """What side `side` of flow `flow` sends; or `gap` bytes that are missing; or its end."""

    side: int
    data: bytes = b""
    gap: int = 0
    end: bool = False
    flow: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One case: turns, and the rows that they become, by table; `cut`: its segments may be cut anywhere."""

    name: str
    turns: tuple[Turn, ...]
    rows: dict[str, list[Row]]
    cut: bool = True


def load(path: Path) -> list[Case]:
    """The cases of a file.

    A case has `turns`, each with `from` (client or server) and one of `text` (with `times` to repeat it), `hex`, `gap`
    and `end = true`, and a list of rows for each table. `cut = false` keeps each turn in one segment.
    """
    return [_case(one) for one in tomllib.loads(path.read_text(encoding="utf-8"))["case"]]


def _case(found: dict[str, Any]) -> Case:
    known = {"name", "from", "turns", "cut"}
    rows = {name: value for name, value in found.items() if name not in known}
    return Case(found["name"], tuple(map(_turn, found["turns"])), rows, found.get("cut", True))


def _turn(found: dict[str, Any]) -> Turn:
    data = bytes.fromhex(found["hex"]) if "hex" in found else found.get("text", "").encode()
    return Turn(
        SIDES[found["from"]], data * found.get("times", 1), found.get("gap", 0), found.get("end", False),
        found.get("flow", 0),
    )  # fmt: skip


def segments(turns: Sequence[Turn], *, size: int = 0, seed: int | None = None, ends: bool = True) -> list[Turn]:
    """The turns in segments: whole, of `size` bytes, or of random sizes with `seed`.

    With `ends`, both sides of each flow end behind the last turn, unless a turn says that they did.
    """
    chosen = random.Random(seed)  # noqa: S311 - test data
    result = [part for turn in turns for part in _parts(turn, size, chosen if seed is not None else None)]
    ended = {(turn.flow, turn.side) for turn in turns if turn.end}
    if ends:
        flows = sorted({turn.flow for turn in turns})
        result += [
            Turn(side, end=True, flow=flow) for flow in flows for side in (0, 1) if (flow, side) not in ended
        ]  # fmt: skip
    return result


def _parts(turn: Turn, size: int, chosen: random.Random | None) -> Iterator[Turn]:
    if turn.end or turn.gap or not (size or chosen):
        yield turn
        return
    at = 0
    while at < len(turn.data):
        step = size or (chosen.choice((1, 2, 3, 7, 40, 200, 1460)) if chosen else 0)
        yield Turn(turn.side, turn.data[at : at + step], flow=turn.flow)
        at += step


class Sink:
    """Collects the rows of tables."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = defaultdict(list)

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        rows.validate(full=True)
        self.rows[table.name] += rows.to_pylist()


class Harness:
    """A walker with streams of its own; `late`: all bytes come from reassembly's own buffer, as late segments do."""

    def __init__(self, stream: Stream, flows: int = 4, *, late: bool = False, arena: int = 1 << 22) -> None:
        assert stream.walker is not None
        self.walker: Walker = stream.walker(1)
        self.states, self.late = np.zeros(2 * flows, STREAM), late
        self.arena: Arena = new_arena(arena, 1 << 17, 1 << 24)
        self.pools, self.sink, self.number = new_pools(), Sink(), 0
        self.rows = Rows(self.sink, "0" * 16, self.pools)
        codes = [self.pools["ip"].code(bytes((192, 0, 2, last))) for last in (1, 2)]
        self.codes = np.array(codes, np.int32)

    def batch(self, turns: Sequence[Turn], *, every: bool = False) -> None:
        """Read one batch of segments; `every`: then write all rows."""
        data = np.frombuffer(b"".join(turn.data for turn in turns), np.uint8).copy()
        if self.late:
            self.arena.tail[: len(data)] = data
        first = self._events(turns)
        self.walker.walk(Chains(first, self.states, np.zeros(0, np.uint8) if self.late else data, self.arena))
        for pool in self.walker.pools:
            pool.settle(self._context)
        for table, messages, columns in self.walker.rows(take, every=every):
            self.rows.put(table, messages, columns, messages.context)

    def _events(self, turns: Sequence[Turn]) -> Any:
        first, last, at = [], {}, 0
        for index, turn in enumerate(turns):
            self.number += 1
            number, stream = self.number, 2 * turn.flow + turn.side
            event, state = self.arena.events[index], self.states[stream]
            if state["flow"] == 0:
                state["flow"], state["protocol"] = turn.flow + 1, 1
            kind = Kind.END if turn.end else Kind.GAP if turn.gap else Kind.LATE if self.late else Kind.DATA
            event["kind"], event["start"], event["size"] = kind, at, turn.gap or len(turn.data)
            event["offset"], event["number"], event["at"] = state["offset"], number, number
            event["ts"], event["stream"], event["link"], event["row"] = number * 1000, stream, -1, index
            state["offset"] += int(event["size"])
            at += len(turn.data)
            if stream in last:
                self.arena.events[last[stream]]["link"] = index
            else:
                first.append(index)
            last[stream] = index
        return np.array(first, np.int32)

    def _context(self, slots: Any, from_originator: Any) -> Flows:
        found = np.zeros(len(slots), FLOW_OF_HEADER)
        found["flow"], found["from_originator"], found["slot"] = slots + 1, from_originator, slots
        sent = from_originator == 1
        found["src"], found["dst"] = (np.where(one, *self.codes) for one in (sent, ~sent))
        ports = np.where(sent[:, None], (40000, 80), (80, 40000)).astype(np.int32)
        return Flows(found, Ports(ports[:, 0].copy(), ports[:, 1].copy()))

    def end(self) -> dict[str, list[Row]]:
        """The rows of all tables; the arena is empty again."""
        self.batch([], every=True)
        self.rows.flush_all()
        self.rows.end()
        close = getattr(self.walker, "close", None)
        if close is not None:
            close()
        return dict(self.sink.rows)

    @property
    def kept(self) -> int:
        """Blocks of the arena in use."""
        control = self.arena.control[0]
        return int(control["used"]) - 1 - int(control["free"])


def run(
    stream: Stream, turns: Sequence[Turn], size: int = 0, *, late: bool = False
) -> tuple[dict[str, list[Row]], Harness]:
    """The rows of segments in batches of `size` (0: one batch), and the harness after the end."""
    harness = Harness(stream, max((turn.flow for turn in turns), default=0) + 1, late=late)
    size = size or max(1, len(turns))
    for at in range(0, len(turns), size):
        harness.batch(turns[at : at + size])
    return harness.end(), harness


def without_context(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Rows without what depends on the segments."""
    return {
        table: [{name: value for name, value in row.items() if name not in CONTEXT} for row in found]
        for table, found in rows.items()
    }


def matching(rows: Iterable[Row], expected: Sequence[Row]) -> list[Row]:
    """The rows with the columns that `expected` names, and with what is wrong with them, if a row has it."""
    result = []
    for index, row in enumerate(rows):
        names = set(expected[index] if index < len(expected) else ())
        names |= {name for name in ("fault", "anomalies") if row.get(name)}
        result.append({name: _plain(row.get(name)) for name in names})
    return result


def _plain(value: Any) -> Any:
    """A value as cases write it: without the fields of structs that are null."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: one for name, one in value.items() if one is not None}
    return value
