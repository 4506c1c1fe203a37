"""One capture's batches become rows: walk, conversations, tables, in that order, one batch after another.

Pass one (walk, flow numbers) is sequential and cheap; the tables of a batch are read from its buffer before the next batch
reuses it; what costs most, encoding, happens behind the sink in threads of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from netlake import tables
from netlake.flows.tracker import Tracker
from netlake.layers.pools import new_pools
from netlake.layers.read import Columns, by_message, fixed
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walker
from netlake.packets import Messages, Packets
from netlake.pipeline.packet_rows import PacketRows
from netlake.schema import Table
from netlake.sinks import Sink
from netlake.sinks.rows import Context, Rows

Reader = Callable[[Messages], tuple[Messages, Columns]]


@dataclass(frozen=True, slots=True)
class Options:
    """What to decode: `include` names the only tables wanted (None: all), `exclude` those not wanted."""

    include: frozenset[str] | None = None
    exclude: frozenset[str] = field(default_factory=frozenset)
    entropy: bool = False

    def wants(self, name: str) -> bool:
        """Whether the table called `name` is to be written."""
        return name not in self.exclude and (self.include is None or name in self.include)


class Decoder:
    """Decodes the batches of one capture into `sink`."""

    def __init__(self, sink: Sink, capture: str, options: Options) -> None:
        self.options = options
        self.pools = new_pools()
        self.tables = {name: entry.table for name, entry in tables.entries().items()}
        self.walker = Walker(dispatch(self.tables.values()), self.pools)
        self.tracker = Tracker(self.pools)
        self.rows = Rows(sink, capture, self.pools)
        self.packet_rows = PacketRows(self.tables["packet"], self.walker)
        self.readers = {name: reader(entry) for name, entry in tables.entries().items() if options.wants(name)}

    def batch(self, packets: Packets) -> None:
        """Decode one batch."""
        walked = self.walker.walk(packets)
        flows = self.tracker.update(packets, walked.conversations)
        context = Context.of(packets, flows.flow, flows.from_originator, flows.src, flows.dst, flows.ports)
        if self.options.wants("packet"):
            self.packet_rows.put(self.rows, packets, walked, context)
        for table, messages in self.walker.tables(walked):
            read = self.readers.get(table.name)
            if read is not None:
                kept, columns = read(messages)
                if len(kept):
                    self.rows.put(table, kept, columns, context)
        self._ended()
        self.rows.trim()
        if any(pool.full for pool in self.pools.values()):
            self._renew()

    def finish(self) -> None:
        """End what is still open: conversations and fragments; then write every row."""
        self.walker.fragments.finish()
        self.tracker.finish()
        self._ended()
        self.rows.flush_all()

    def put(self, name: str, rows: object) -> None:
        """Whole rows of a table that no packet carries."""
        if self.options.wants(name):
            self.rows.put_batch(self.tables[name], rows)

    def _ended(self) -> None:
        rows = self.tracker.ended()
        if rows is not None and self.options.wants("connection"):
            self.rows.put_batch(self.tables["connection"], rows)

    def _renew(self) -> None:
        """Empty the pools: every row that holds a code is written first."""
        self.rows.flush_all()
        for pool in self.pools.values():
            pool.reset()


def reader(entry: tables.Entry) -> Reader:
    """How the messages of a table become columns: its own columnar reader, its parser, or its fixed header."""
    table = entry.table
    read, parse = entry.reader("read"), entry.reader("parse")
    if read is not None:
        return partial(_columnar, read)
    if parse is not None:
        return partial(by_message, table, parse)
    return partial(_columnar, partial(fixed, table))


def _columnar(read: Callable[[Messages], Columns | tuple[Messages, Columns]], messages: Messages) -> tuple[Messages, Columns]:
    """A columnar reader may keep, drop or multiply messages."""
    columns = read(messages)
    return columns if isinstance(columns, tuple) else (messages, columns)
