"""Decodes the batches of one capture into rows, one batch after another.

Order of work for a batch, and the reason for it:

1. Walk: find the offsets of all messages and IP headers. Everything after it needs these offsets.
2. Classify: assign payloads to tables by content. It adds to the packets' stacks, so table `packet` is written later.
3. Track: assign a flow to every IP header. Reassembled datagrams are among the headers, so the walk is complete by
   then.
4. Context: collect time, packet number, flow, addresses and ports, by packet and by header.
5. Rows: table `packet`, then each table with messages in this batch; those that wait for evidence are kept until it is
   known (netlake.pipeline.held). Tables with fewer than COMMON messages wait for
   more (netlake.records.waiting); their messages are copied, because the source reuses the batch's buffer.
6. Every BATCHES batches, rows of ended flows. Then row groups above the memory budget are written, and full pools
   reset.

Steps 1 to 3 depend on the order of packets and are one sequential pass in kernels. Encoding and writing cost more and
run in threads of the sink.

A code of a pool is valid until the pool is reset. Waiting messages and unwritten rows contain codes, so `_renew` writes
all of them before the reset. The tracker keeps addresses, and interns them again when their codes are void.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pyarrow as pa

from netlake import tables
from netlake.flows import address
from netlake.flows.tracker import LEAST_ROWS, Tracker
from netlake.layers.classifier import Classifier, Hooked
from netlake.layers.contents import Contents
from netlake.layers.key_log import Secrets
from netlake.layers.pools import new_pools
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walked, Walker
from netlake.packets import Messages, Packets
from netlake.pipeline.carried import Carried
from netlake.pipeline.decrypted import Decrypted
from netlake.pipeline.held import Held
from netlake.pipeline.key_logs import secrets_in
from netlake.pipeline.packet_rows import PacketRows
from netlake.pipeline.streams import Streams
from netlake.records.context import BatchContext
from netlake.records.readers import Failures, Trials, filler, reader
from netlake.records.rows import Rows
from netlake.records.waiting import COMMON, Waiting
from netlake.records.weak import weak
from netlake.schema import Table
from netlake.sinks import Sink
from netlake.sinks.extracted import ExtractedFiles

# batches between two calls of `Tracker.ended`: one record batch costs 4 ms, however few rows it has
BATCHES = 16


@dataclass(frozen=True, slots=True)
class Options:
    """How a capture is decoded.

    Tables to write are those of `include` (None: all) without those of `exclude`; `entropy` fills columns `entropy`;
    `flow_key` is what separates flows beside addresses, ports, protocol and tunnel (netlake.flows.tracker.FLOW_KEYS).
    `hashes` are computed of files beside SHA-256; `extract_files` is the folder in which their contents are stored.
    `keylog` are paths of logs with secrets. `bpf` is a filter expression of libpcap: only packets that it accepts are
    decoded (netlake.sources.bpf).
    """

    include: frozenset[str] | None = None
    exclude: frozenset[str] = field(default_factory=frozenset)
    entropy: bool = False
    flow_key: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    extract_files: str | None = None
    keylog: tuple[str, ...] = ()
    bpf: str | None = None

    def wants(self, name: str) -> bool:
        """Whether table `name` is written."""
        return name not in self.exclude and (self.include is None or name in self.include)


class Decoder:
    """Decodes the batches of one capture into `sink`."""

    def __init__(self, sink: Sink, capture: str, options: Options) -> None:
        self.options = options
        self.pools = new_pools()
        self.tables = {name: entry.table for name, entry in tables.entries().items()}
        self.failures = Failures()
        self.carried = Carried(options.wants, self.pools)
        self.walker, self.classifier = self._layers()
        self.tracker = Tracker(self.pools, flow_key=options.flow_key)
        store = None if options.extract_files is None else ExtractedFiles(Path(options.extract_files))
        self.contents = lambda: Contents(options.hashes, store)
        self.streams = Streams(self.tracker, options.wants, self.failures.note, self.contents)
        self.secrets: Secrets | None = None
        if options.keylog:
            self._decrypt(secrets_in(options.keylog))
        self.batches = 0
        self.rows = Rows(sink, capture, self.pools)
        self.packet_rows = PacketRows(self.tables["packet"], self.walker)
        self.held = Held(self.classifier, weak(self._packets))
        wanted = {name: entry for name, entry in tables.entries().items() if self._reads(name)}
        self.remembering = {name for name, entry in wanted.items() if entry.hooks.memory and not entry.hooks.read}
        self.remembering |= self.carried.carriers.keys()
        self.readers = {
            name: reader(entry, self.failures, entropy=options.entropy, memory=self.carried.memories.get(name))
            for name, entry in wanted.items()
        }
        self.from_flow = {
            name: filler(entry, hook, self.failures)
            for name, entry in wanted.items()
            if (hook := entry.hooks.fill_from_flow)
        }
        self.waiting: dict[str, Waiting] = {}

    def batch(self, packets: Packets) -> None:
        """Decode one batch."""
        walked = self.walker.walk(packets)
        by_content = self.classifier.classify(walked)
        flows = self.tracker.update(packets, walked.headers)
        context = BatchContext(packets, flows)
        by_port = list(self.walker.tables(walked))
        # before they are held: a reader of datagrams needs the headers of its batch
        for table, messages in chain(by_port, by_content):
            self.streams.datagrams.batch(table, messages, packets, walked.headers, flows)
        decided = self.held.batch(packets, walked, context, by_content)
        for table, messages in chain(by_port, decided):
            if table.name in self.from_flow:
                kept, columns = self.readers[table.name](messages)
                columns = self.from_flow[table.name](kept, columns, context.shifts(kept))
                self.rows.put(table, kept, columns, context.of(kept, table))
            elif table.name in self.readers:
                self._table(table, messages, context)
        self.streams.batch(packets, walked.headers, flows)
        self._streams()
        self.batches += 1
        if self.batches % BATCHES == 0:
            self._ended()
        self.rows.trim()
        if any(pool.full for pool in self.pools.values()):
            self._renew()

    def add_key_log(self, text: bytes) -> None:
        """Add the secrets of a key log in the capture, for the batches that follow."""
        if self.secrets is None:
            self._decrypt(Secrets())
        assert self.secrets is not None  # noqa: S101 - for types
        self.secrets.add_line(self.secrets.add(text))

    def _decrypt(self, secrets: Secrets) -> None:
        """Decrypt streams with secrets, to which others can be added later."""
        self.secrets = secrets
        inside = Decrypted(self.tracker, self.options.wants, self.failures.note, self.contents, secrets)
        self.streams.decrypt(inside, list(inside.decryptors), secrets)

    def _layers(self) -> tuple[Walker, Classifier]:
        """The walker and the classifier, which calls only probes whose messages a table that is written reads."""
        probes = {name: probe for name, entry in tables.entries().items() if (probe := entry.hooks.probe)}
        accepts = {name: accept for name, entry in tables.entries().items() if (accept := entry.hooks.accept)}
        # tables of plugins last: groups have the name of their first table
        ordered = sorted(tables.entries().values(), key=lambda entry: entry.outside)
        walker = Walker(dispatch((entry.table for entry in ordered), probes), self.pools)
        useful = {name for table in self.tables.values() if self._reads(table.name)
                  for name in (table.name, table.inside)}  # fmt: skip
        entries = tables.entries()
        continues = {name: hook for name, entry in entries.items() if (hook := entry.hooks.continues)}
        hooks = Hooked(
            probes={name: probe for name, probe in probes.items() if name in useful},
            accepts=accepts,
            doubts={name: doubt for name, entry in entries.items() if (doubt := entry.hooks.doubt)},
            opens={name: hook for name in continues.keys() & useful if (hook := entries[name].hooks.opens)},
            continues=continues,
            evidence={name: evidence() for name, entry in entries.items() if (evidence := entry.hooks.evidence)},
        )
        return walker, Classifier(walker.dispatch, walker.stacks, hooks, self.failures.note, Trials())

    def _reads(self, name: str) -> bool:
        """Whether messages of table `name` are read: it is written, or carries messages of a table that is."""
        return self.options.wants(name) or name in self.carried.carriers

    def _packets(self, packets: Packets, walked: Walked, context: BatchContext) -> None:
        """Write the rows of table `packet`, if it is wanted."""
        if self.options.wants("packet"):
            self.packet_rows.put(self.rows, packets, walked, context)

    def _table(self, table: Table, messages: Messages, context: BatchContext | None) -> None:
        """Read the messages of a table now if there are at least COMMON, else when enough of them wait.

        Without `context` they have their own.

        Those of a table with a hook `memory` always wait: only waiting messages have their context, with the sender.
        """
        waiting = self.waiting.get(table.name)
        if len(messages) >= COMMON and table.name not in self.remembering:
            if waiting is not None:
                self._read(waiting)
            kept, columns = self.readers[table.name](messages)
            if len(kept):
                self.rows.put(table, kept, columns, kept.context if context is None else context.of(kept, table))
            return
        if waiting is None:
            waiting = self.waiting[table.name] = Waiting(table)
        waiting.add(messages, context)
        if waiting.full:
            self._read(waiting)

    def _streams(self, *, every: bool = False) -> None:
        """Write the rows of streams whose messages fill a pool; with `every`, of all messages that are complete."""
        for table, messages, columns in self.streams.rows(every=every):
            if not self.options.wants(table.name):
                continue
            if columns is None:
                self._table(table, messages, None)
            else:
                self.rows.put(table, messages, columns, messages.context)

    def _read(self, waiting: Waiting) -> None:
        if waiting.count:
            name = waiting.table.name
            kept, columns = self.readers[name](waiting.take())
            if len(kept) and self.options.wants(name):
                self.rows.put(waiting.table, kept, columns, kept.context)
            self._handshakes(self.carried.found(name))

    def _handshakes(self, found: Iterable[tuple[Table, Messages]]) -> None:
        """Hand messages that datagrams carry to the readers of their tables, if these are written."""
        for table, messages in found:
            if table.name in self.readers:
                self._table(table, messages, None)

    def _flush(self) -> None:
        """Read all waiting messages and write all rows; tables without waiting messages first, so that both overlap."""
        self._settle()
        self._carriers()
        self._streams(every=True)
        self.rows.flush_but(self.waiting)
        for waiting in self.waiting.values():
            self._read(waiting)
        self.put("address", address.rows(self.pools["ip"]))
        self.rows.flush_all()

    def _settle(self) -> None:
        """End the waiting for evidence."""
        for table, messages in self.held.settle():
            if table.name in self.readers:
                self._table(table, messages, None)

    def _carriers(self) -> None:
        """Read waiting messages that carry those of other tables."""
        for name in self.carried.carriers:
            if name in self.waiting:
                self._read(self.waiting[name])

    def finish(self) -> None:
        """End all open flows and incomplete datagrams, and write all rows."""
        self.walker.fragments.finish()
        self.tracker.finish()
        self._ended()
        self._finish_handshakes()
        self._flush()
        self.streams.close()

    def _finish_handshakes(self) -> None:
        """Read what waits of carriers, then the messages in them that are not whole."""
        self._settle()
        self._carriers()
        self._handshakes(self.carried.finish())

    def rotate(self, sink: Sink) -> Counter[str]:
        """Write all rows so far to the current sink and later rows to `sink`; returns the rows written by table.

        Rows of all ended flows are among them. Live captures start new files this way. Open flows, fragments and packet
        numbers continue. The caller closes the current sink.
        """
        self._ended(least=1)
        self._flush()
        return self.rows.rotate(sink)

    def put(self, name: str, rows: pa.RecordBatch) -> None:
        """Write complete rows of a table that is not read from packets, if it is wanted."""
        if self.options.wants(name):
            self.rows.put_batch(self.tables[name], rows)

    def _ended(self, least: int = LEAST_ROWS) -> None:
        """Write the rows of ended flows, while there are at least `least`."""
        while (rows := self.tracker.ended(least=least)) is not None:
            self.put("connection", rows)

    def _renew(self) -> None:
        """Write all rows that contain codes, then reset the pools."""
        self._flush()
        for pool in self.pools.values():
            pool.reset()
