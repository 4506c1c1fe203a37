"""Feeds the readers of datagrams (netlake.layers.datagrams) with the messages of their tables.

It is called after the tracker. Rows are written as those of streams: their addresses and ports are looked up when the
messages of a batch were read, or when their flow is about to leave the tracker's state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from netlake import tables
from netlake.flows.tracker import Flows, Tracker
from netlake.layers.contents import Contents
from netlake.layers.datagrams import Datagram, DatagramReader, Datagrams, Peer
from netlake.layers.dialog import Piece, Row, Said, Where
from netlake.layers.findings import Findings, Places
from netlake.layers.transfers import addresses
from netlake.packets import Columns, Headers, Messages, Packets, Shorts
from netlake.records.located import take
from netlake.schema import Table

Failed = Callable[[str, Exception], None]


class DatagramFiles:
    """The readers of datagrams of one capture; arguments as of netlake.pipeline.streams.Streams."""

    def __init__(
        self, tracker: Tracker, wanted: Callable[[str], bool], failed: Failed, contents: Callable[[], Contents]
    ) -> None:
        self.tracker, self.failed = tracker, failed
        self.readers: dict[str, One] = {
            name: One(declared, contents())
            for name, declared in tables.in_datagrams().items()
            if any(map(wanted, declared.tables))
        }

    def batch(self, table: Table, messages: Messages, packets: Packets, headers: Headers, flows: Flows) -> None:
        """Read the messages of a table in a batch."""
        one = self.readers.get(table.name)
        if one is None or not len(messages) or messages.context is not None:
            return
        try:
            for index in np.flatnonzero(messages.header >= 0).tolist():
                one.feed(messages, index, packets, headers, flows)
        except Exception as error:  # noqa: BLE001 - any exception; decoding continues
            self.failed(table.name, error)
        one.findings.give()
        one.findings.pool.settle(self.tracker.context)

    def leaving(self, slots: Shorts) -> None:
        """End what was transferred in flows that are about to leave the tracker's state."""
        for one in self.readers.values():
            if not one.reader.open:
                continue
            numbers = self.tracker.state.flows["number"][slots]
            for slot, flow in zip(slots.tolist(), numbers.tolist(), strict=True):
                one.take(slot, one.reader.leave(flow))
            one.findings.pool.settle(self.tracker.context)

    def rows(self, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The rows that are complete."""
        for name, one in self.readers.items():
            try:
                yield from one.findings.rows(take, every=every)
            except Exception as error:  # noqa: BLE001 - any exception; decoding continues
                self.failed(name, error)
                one.findings.forget()

    def close(self) -> None:
        """End the threads that read bodies."""
        for one in self.readers.values():
            one.findings.contents.close()


class One:
    """A reader, and what it found."""

    def __init__(self, declared: Datagrams, contents: Contents) -> None:
        self.reader: DatagramReader = declared.reader()
        self.findings = Findings({name: tables.table(name) for name in declared.tables})
        self.findings.contents = contents

    def feed(self, messages: Messages, index: int, packets: Packets, headers: Headers, flows: Flows) -> None:
        """Feed one message, unless its flow has left."""
        header, row = int(messages.header[index]), int(messages.row[index])
        slot = int(flows.slot[header])
        if slot < 0:
            return
        source, destination = addresses(messages.data, headers[header])
        tunnel, number = int(headers["key"][header]), int(packets.number[row])
        side = 1 - int(flows.from_originator[header])
        at = Where(side, number, int(packets.ts[row]), int(packets.last[row]))
        found = Datagram(
            messages.data[int(messages.start[index]) : int(messages.end[index])].tobytes(),
            int(messages.missing[index]),
            Peer(tunnel, source, int(messages.source_port[index])),
            Peer(tunnel, destination, int(messages.destination_port[index])),
            at,
            int(flows.flow[header]),
        )
        self.take(slot, self.reader.feed(found))

    def take(self, slot: int, said: Iterator[Said]) -> None:
        """Take what the reader returns of the flow in a row of the tracker's state."""
        for one in said:
            if isinstance(one, Piece):
                self.findings.bodies.add(one)
            elif isinstance(one, Row):
                self.findings.put(Places(), 2 * slot, 0, one)
