"""The target of one protocol in streams: segments through reassembly, the first look and the walkers, to rows.

The flow has the protocol of the target, whatever its first bytes are; what follows a tunnel is looked at as in a
capture. Rows are compared without their order, because streams of a batch are read one after another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np

from netlake import tables
from netlake.flows import reassembly
from netlake.flows.reassembly import Reassembly
from netlake.flows.tracker import Flows, Ports
from netlake.kernels.flow_state import FLOW, FLOW_OF_HEADER, SIDE
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.stream_waiting import EVENTS_ROOM, TAIL_ROOM
from netlake.layers import streamed
from netlake.layers.contents import Contents, Job
from netlake.layers.dialog_walker import DialogWalker
from netlake.layers.pools import new_pools
from netlake.layers.streamed import UNSURE, Verdict
from netlake.packets import Codes, Columns, Messages
from netlake.pipeline import streams as pipeline
from netlake.pipeline.first_look import FirstLook
from netlake.pipeline.streams import Streams
from netlake.records import readers
from netlake.schema import Table, faults
from tests.fuzz.mutate import script_changed
from tests.fuzz.script import decoded, segments
from tests.streams.build import Segment, batch, held_blocks
from tests.streams.tls_runner import listed
from tests.test_protocols import filled

CLIENT_PORT, OTHER_PORT = 40000, 9
# bytes of a stream with which its probe is asked, at most
LEADING = 64
Rows = dict[str, Counter[str]]
# room of pools and of reassembly for one input
SMALL: dict[tuple[Any, str], int] = {
    (streamed, "MOST_MESSAGES"): 16,
    (streamed, "MOST_BYTES"): 1 << 14,
    (streamed, "ROOM_MESSAGES"): 48,
    (streamed, "ROOM_BYTES"): 1 << 14,
    (reassembly, "EVENTS"): EVENTS_ROOM + 64,
    (reassembly, "TAIL"): TAIL_ROOM + (1 << 16),
}


class DirectContents(Contents):
    """Reads bodies in the calling thread."""

    def add_runs(self, buffer: Any, runs: Any, readers: Any) -> None:
        self.worker._read(Job(buffer, runs, readers=readers))


class Forced(FirstLook):
    """Decides that each stream has one protocol when it is first looked at; later looks are those of FirstLook."""

    def __init__(self, of: FirstLook, number: int) -> None:
        self.__dict__.update(of.__dict__)
        self.number, self.seen = number, set[int]()

    def numbers_of(self, looks: Any, streams: Any, flow: Any, states: Any) -> Any:
        found = super().numbers_of(looks, streams, flow, states)
        for at, stream in enumerate(streams.tolist()):
            if stream not in self.seen:
                found[at] = self.number
                self.seen.add(stream)
        return found


class Kept:
    """What all readings of a target share, because it is costly to make: empty after each reading."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def reassembly(self, _flows: int) -> Reassembly:
        """Reassembly for one flow, with little room; `forget` after a failure."""
        if "reassembly" not in self.made:
            self.made["reassembly"] = Reassembly(1, arena=2 << 20)
        made: Reassembly = self.made["reassembly"]
        return made

    def look(self, streams: Any, numbers: Any, failed: Any, handed: Any = None) -> FirstLook:
        """The first look."""
        if "look" not in self.made:
            self.made["look"] = FirstLook(streams, numbers, failed)
        made: FirstLook = self.made["look"]
        made.failed, made.handed = failed, handed
        return made

    def forget(self) -> None:
        """Make everything anew."""
        self.made.clear()


@contextmanager
def small(kept: Kept) -> Iterator[None]:
    """Streams that are made here have little room, so that they have to make more, and inputs are read fast."""
    changed = {**SMALL, (pipeline, "Reassembly"): kept.reassembly, (pipeline, "FirstLook"): kept.look}
    before = {(module, name): getattr(module, name) for module, name in changed}
    try:
        for (module, name), value in changed.items():
            setattr(module, name, value)
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)


class Reading:
    """One reading of an input: `rows` by table, and what was noted as failed."""

    def __init__(self, name: str, port: int, kept: Kept) -> None:
        self.failed: list[Exception] = []
        flows, sides = np.zeros(1, FLOW), np.zeros((1, 2), SIDE)
        flows["a_port"], flows["b_port"], flows["protocol"] = CLIENT_PORT, port, IpProtocol.TCP
        state = SimpleNamespace(flows=flows, sides=sides)
        self.tracker: Any = SimpleNamespace(state=state, context=self._context, leaving=None)
        with small(kept):
            self.streams = Streams(self.tracker, lambda _: True, self._note, DirectContents)
        self.streams.look = Forced(self.streams.look, self.streams.numbers[name])
        self.rows: Rows = {}
        self.pools = new_pools()
        self.pools["ip"].code(bytes(4))
        self.left: list[dict[str, Any]] = []
        self.port, self.number = port, 1

    def _note(self, _name: str, error: Exception) -> None:
        self.failed.append(error)

    def _context(self, slots: Any, from_originator: Any) -> Flows:
        found = np.zeros(len(slots), FLOW_OF_HEADER)
        found["flow"], found["from_originator"] = self.tracker.state.flows["number"][slots], from_originator
        source = np.where(from_originator == 1, CLIENT_PORT, self.port).astype(np.int32)
        return Flows(found, Ports(source, (CLIENT_PORT + self.port - source).astype(np.int32)))

    def flow(self, sent: Sequence[Segment], sizes: Iterator[int]) -> None:
        """Read one flow in batches of these sizes; it then leaves."""
        state, streams, at = self.tracker.state, self.streams, 0
        state.flows["number"] += 1
        state.sides["payload_bytes"] = 0
        streams.look.seen.clear()  # type: ignore[attr-defined]
        while at < len(sent):
            some = sent[at : at + next(sizes)]
            packets, found = batch(some, self.number)
            for one in some:
                state.sides["payload_bytes"][0, 1 - one.from_originator] += (
                    len(one.payload) if one.size is None else one.size
                )
            for count in streams.reassembly.batch(packets, found):
                streams._events(packets.data, count)
            streams._settle()
            self._read(every=False)
            at, self.number = at + len(some), self.number + len(some)
        columns = streams.leaving(np.zeros(1, np.int32))
        self.left.append({name: value.to_pylist() for name, value in columns.items()})

    def end(self) -> None:
        """Read what is located, and check that nothing is kept."""
        self._read(every=True)
        streams = self.streams
        assert held_blocks(streams.reassembly) == 0, "blocks of the arena are kept after the flows left"
        for number, walker in streams.walkers.items():
            assert not any(len(pool) for pool in walker.pools), f"{streams.names[number]} keeps messages"
            assert not (isinstance(walker, DialogWalker) and walker.dialogs), f"{streams.names[number]} keeps a dialog"
        streams.close()

    def _read(self, *, every: bool) -> None:
        for table, messages, columns in self.streams.rows(every=every):
            messages.pools = self.pools
            self._add(table, *self._columns(table, messages, columns))

    def _text(self, value: Any) -> Any:
        """A column with the text of codes."""
        return self.pools[value.pool].text(value.codes) if isinstance(value, Codes) else value

    def _columns(self, table: Table, messages: Messages, columns: Columns | None) -> tuple[Messages, Columns]:
        if columns is not None:
            return messages, columns
        failures = readers.Failures()
        read = readers.reader(tables.entries()[table.name], failures, entropy=False)(messages)
        self.failed += [AssertionError(text) for text in failures.by_table.values()]
        return read

    def _add(self, table: Table, messages: Messages, columns: Columns) -> None:
        context = messages.context
        shown = {name: listed(table, name, self._text(value)) for name, value in columns.items()}
        shown["fault"] = [faults.NAMES[fault] for fault in messages.fault.tolist()]
        shown["packet"], shown["place"] = context.number.tolist(), messages.place.tolist()
        for name in ("last", "flow", "from_originator"):
            if getattr(context, name) is not None:
                shown[name] = getattr(context, name).tolist()
        some = self.rows.setdefault(table.name, Counter())
        for index in range(len(messages)):
            some[repr(filled({name: values[index] for name, values in shown.items()}))] += 1


def sizes(split: int) -> Iterator[int]:
    """Sizes of batches: all at once, one segment each, or random ones."""
    if split < 2:
        while True:
            yield 1 << 20 if split == 0 else 1
    chance = Random(split)  # noqa: S311 - test data
    while True:
        yield chance.choice((1, 2, 3, 7, 20))


class StreamTarget:
    """Fuzzes the protocol `name`."""

    def __init__(self, name: str) -> None:
        self.name, self.stream = name, tables.in_streams()[name]
        self.ports = (*self.stream.ports, OTHER_PORT)
        self.kept = Kept()

    def change(self, data: bytes, seeds: Sequence[bytes], chance: Random) -> bytes:
        """Another input."""
        return script_changed(data, seeds, chance)

    def run(self, data: bytes) -> None:
        """Read an input; AssertionError, or what was raised, for a failure."""
        script = decoded(data)
        flows, port = segments(script.steps), self.ports[script.port % len(self.ports)]
        self._probe(flows)
        try:
            first, second = (self._read(flows, port, split) for split in (0, 1 + script.split % 8))
        except Exception:
            self.kept.forget()
            raise
        assert first.rows == second.rows, f"rows depend on batches: {differing(first.rows, second.rows)}"
        assert first.left == second.left, f"columns of connection depend on batches: {first.left} {second.left}"

    def _read(self, flows: Sequence[Sequence[Segment]], port: int, split: int) -> Reading:
        reading, chosen = Reading(self.name, port, self.kept), sizes(split)
        for sent in flows:
            reading.flow(sent, chosen)
        reading.end()
        if reading.failed:
            raise reading.failed[0]
        return reading

    def _probe(self, flows: Sequence[Sequence[Segment]]) -> None:
        """The probe of the protocol does not change an answer when it is asked with more bytes."""
        for side in range(2):
            data = b"".join(one.payload for one in flows[0][:8] if one.from_originator == (side == 0))[:LEADING]
            before: Verdict = UNSURE
            for size in range(1, len(data) + 1):
                verdict = self.stream.probe(data[:size], side)
                assert before in (UNSURE, verdict), f"probe: {before} of {data[: size - 1]!r}, {verdict} of one more"
                before = verdict


def differing(first: Rows, second: Rows) -> str:
    """The tables that differ, then the rows."""
    names = [name for name in sorted(first.keys() | second.keys()) if first.get(name) != second.get(name)]
    empty: Counter[str] = Counter()
    shown = [
        f"{name}: {list(one.get(name, empty) - other.get(name, empty))}"
        for name in names
        for one, other in ((first, second), (second, first))
    ]
    return f"{', '.join(names)}\n" + "\n".join(shown)
