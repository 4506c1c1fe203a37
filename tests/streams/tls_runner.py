"""Runs the TLS walker over steps of a conversation, cut into segments and batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from netlake.kernels.stream_state import EVENT, STREAM, Kind, new_arena
from netlake.layers.streamed import Chains
from netlake.packets import Nullable
from netlake.records.located import take
from netlake.schema import Table, arrow, faults
from netlake.streams.tls import TABLES
from netlake.streams.tls.walker import TlsWalker

PROTOCOL = 7
Row = dict[str, Any]
# what happens in a stream: its number, and bytes, a gap of some bytes, or None for its end
Step = tuple[int, bytes | int | None]


def cut(steps: Iterable[Step], size: int) -> Iterator[Step]:
    """The same steps with at most `size` bytes in each segment."""
    for stream, what in steps:
        if isinstance(what, bytes):
            yield from ((stream, what[at : at + size]) for at in range(0, len(what), size))
        else:
            yield stream, what


@dataclass
class Runner:
    """A walker with the state of some streams; segment n is packet n, from 1."""

    streams: int = 2
    walker: TlsWalker = field(default_factory=lambda: TlsWalker(PROTOCOL))

    def __post_init__(self) -> None:
        self.states = np.zeros(self.streams, STREAM)
        self.states["protocol"] = PROTOCOL
        self.arena = new_arena(4 << 20, 1 << 14, 1 << 16)
        self.number = 0
        self.found: dict[str, list[Row]] = {table.name: [] for table in TABLES}

    def batch(self, steps: list[Step]) -> None:
        """One batch."""
        data = bytearray()
        events = self.arena.events
        first: list[int] = []
        last: dict[int, int] = {}
        for index, (stream, what) in enumerate(steps):
            self.number += 1
            event = np.zeros(1, EVENT)
            event["stream"], event["link"], event["number"], event["at"] = stream, -1, self.number, self.number
            event["ts"], event["start"] = self.number * 1000, len(data)
            if isinstance(what, bytes):
                event["size"] = len(what)
                data += what
            else:
                event["kind"] = Kind.END if what is None else Kind.GAP
                event["size"] = what or 0
            events[index] = event[0]
            if stream in last:
                events["link"][last[stream]] = index
            else:
                first.append(index)
            last[stream] = index
        self.data = np.frombuffer(bytes(data), np.uint8).copy()
        chains = Chains(np.array(first, np.int32), self.states, self.data, self.arena)
        self.walker.walk(chains)
        for pool in self.walker.pools:
            pool.settle(context)

    def read(self) -> None:
        """Read all messages that were located."""
        for table, messages, columns in self.walker.rows(take, every=True):
            count = len(messages)
            rows: list[Row] = [{} for _ in range(count)]
            for name, value in columns.items():
                for row, one in zip(rows, listed(table, name, value), strict=True):
                    row[name] = one
            for index, row in enumerate(rows):
                row["fault"] = faults.NAMES[int(messages.fault[index])]
                row["packet"] = int(messages.context.number[index])
                row["last_packet"] = int(messages.context.last[index])
                row["place"] = int(messages.place[index])
                row["from_originator"] = bool(messages.context.from_originator[index])
            self.found[table.name] += rows

    def used_blocks(self) -> int:
        """Blocks of the arena that are in use."""
        control = self.arena.control[0]
        return int(control["used"]) - 1 - int(control["free"])


def listed(table: Table, name: str, value: Any) -> list[Any]:
    """A column as Python values, in the type of the table."""
    if isinstance(value, Nullable):
        value = pa.array(value.values, mask=~value.valid)
    elif isinstance(value, np.ndarray):
        value = pa.array(value)
    data_type = arrow.schema(table).field(name).type
    if isinstance(value, pa.Array):
        value.validate(full=True)
    return value.cast(data_type).to_pylist()


def context(slots: Any, sides: Any) -> Any:
    """Flows of the tracker: flow n is that of slot n - 1, between two fixed ports."""
    client = sides == 1
    one, other = (np.where(client, *ports).astype(np.int32) for ports in ((1234, 443), (443, 1234)))
    zero = np.zeros(len(slots), np.int32)
    ports = SimpleNamespace(source=one, destination=other)
    return SimpleNamespace(flow=slots.astype(np.int64) + 1, from_originator=sides, ports=ports, src=zero, dst=zero)


def run(steps: Iterable[Step], *, segment: int = 1 << 16, batch: int = 1 << 13) -> dict[str, list[Row]]:
    """The rows of every table, of streams that are cut into segments of `segment` bytes and batches of `batch`."""
    given = list(cut(steps, segment))
    runner = Runner(1 + max((stream for stream, _ in given), default=1))
    for begin in range(0, len(given), batch):
        runner.batch(given[begin : begin + batch])
    runner.read()
    return runner.found
