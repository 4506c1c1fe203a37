"""Feeds the readers of datagrams (netlake.layers.datagrams) with the messages of their tables.

It is called after the tracker. Rows are written as those of streams: their addresses and ports are looked up when the
messages of a batch were read, or when their flow is about to leave the tracker's state.

Readers that decrypt are made when there are secrets (`decrypt`). What is known of a flow that they read is corrected in
`connection`, when the flow leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa

from netlake import tables
from netlake.flows.ended import words
from netlake.flows.tracker import Flows, Tracker
from netlake.kernels.numbers import IpProtocol
from netlake.layers.contents import Contents
from netlake.layers.datagrams import Datagram, DatagramReader, DecryptingReader, Inner, Peer
from netlake.layers.decrypted import Outcome
from netlake.layers.dialog import Piece, Row, Said, Where
from netlake.layers.findings import Findings, Places
from netlake.layers.key_log import Secrets
from netlake.layers.streamed import Index, Pool
from netlake.layers.transfers import addresses
from netlake.packets import DATAGRAM, WHOLE, Columns, Headers, Messages, Packets, Shorts, Tiny
from netlake.records.located import take
from netlake.schema import Table

Failed = Callable[[str, Exception], None]
OUTCOMES = [one.value for one in Outcome]
UDP, UDP_HEADER = IpProtocol.UDP.value, 8


class DatagramFiles:
    """The readers of datagrams of one capture; arguments as of netlake.pipeline.streams.Streams."""

    def __init__(
        self, tracker: Tracker, wanted: Callable[[str], bool], failed: Failed, contents: Callable[[], Contents]
    ) -> None:
        self.tracker, self.failed, self.wanted, self.contents = tracker, failed, wanted, contents
        self.readers: dict[str, One] = {
            name: One(declared.reader(), declared.tables, contents())
            for name, declared in tables.in_datagrams().items()
            if declared.reader is not None and any(map(wanted, declared.tables))
        }
        self.decrypting: dict[str, DecryptingOne] = {}
        self.ended: dict[int, tuple[Outcome, tuple[str, ...]]] = {}

    def decrypt(self, secrets: Secrets) -> None:
        """Make the readers that decrypt with secrets, to which others can be added later."""
        for name, declared in tables.in_datagrams().items():
            if declared.decrypts is not None and any(map(self.wanted, (*declared.tables, "connection"))):
                reader, flows = declared.decrypts(secrets), len(self.tracker.state.flows)
                self.decrypting[name] = DecryptingOne(reader, declared.tables, self.contents(), flows)

    def batch(self, table: Table, messages: Messages, packets: Packets, headers: Headers, flows: Flows) -> None:
        """Read the messages of a table in a batch."""
        if not len(messages) or messages.context is not None:
            return
        if (decrypting := self.decrypting.get(table.name)) is not None:
            decrypting.note(messages)
        if (one := self.readers.get(table.name)) is None:
            return
        for index in np.flatnonzero(messages.header >= 0).tolist():
            try:
                one.feed(messages, index, packets, headers, flows)
            except Exception as error:  # noqa: BLE001 - any exception; decoding continues
                self.failed(table.name, error)
        one.settle(self.tracker.context)

    def decrypted(self, packets: Packets, headers: Headers, flows: Flows) -> None:
        """Decrypt the datagrams of a batch, behind the calls of `batch`."""
        for name, one in self.decrypting.items():
            one.batch(packets, headers, flows, partial(self.failed, name))
            one.settle(self.tracker.context)

    def leaving(self, slots: Shorts) -> None:
        """End what was transferred in flows that are about to leave the tracker's state."""
        for name, one in self._every():
            if not one.reader.open:
                continue
            numbers = self.tracker.state.flows["number"][slots]
            for slot, flow in zip(slots.tolist(), numbers.tolist(), strict=True):
                try:
                    one.take(slot, one.reader.leave(flow))
                except Exception as error:  # noqa: BLE001 - any exception; decoding continues
                    self.failed(name, error)
                    one.give_up(flow)
                if isinstance(one, DecryptingOne) and (known := one.outcome(slot, flow)) is not None:
                    self.ended[slot] = known
            one.settle(self.tracker.context)

    def corrected(self, slots: Shorts, columns: dict[str, pa.Array], counts: Counter[str]) -> dict[str, pa.Array]:
        """The columns of `connection` of flows that have left, with what was decrypted; `counts` get the outcomes."""
        if not self.ended:
            return columns
        services, outcomes = columns["service"].to_pylist(), columns["decryption"].to_pylist()
        for row, slot in enumerate(slots.tolist()):
            if (known := self.ended.pop(slot, None)) is not None:
                outcome, inside = known
                outcomes[row] = outcome.value
                services[row] = list(dict.fromkeys([*services[row], *inside]))
                counts[str(outcome.value)] += 1
        codes = np.array([OUTCOMES.index(one) for one in outcomes], np.int64)
        found = {"service": pa.array(services, columns["service"].type), "decryption": words(OUTCOMES, codes)}
        return columns | found

    @property
    def counts(self) -> Counter[str]:
        """What readers that decrypt have counted."""
        return sum((one.counts for one in self.decrypting.values()), Counter())

    def rows(self, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The rows that are complete."""
        for name, one in self._every():
            try:
                yield from one.rows(every=every)
            except Exception as error:  # noqa: BLE001 - any exception; decoding continues
                self.failed(name, error)
                one.findings.forget()

    def close(self) -> None:
        """End the threads that read bodies."""
        for _, one in self._every():
            one.findings.contents.close()

    def _every(self) -> Iterator[tuple[str, One]]:
        """All readers, with the table of their messages."""
        yield from self.readers.items()
        yield from self.decrypting.items()


class One:
    """A reader, and what it found; its rows are of `names`."""

    def __init__(self, reader: DatagramReader, names: Iterable[str], contents: Contents) -> None:
        self.reader = reader
        self.findings = Findings({name: tables.table(name) for name in names})
        self.findings.contents = contents
        self.inner: dict[str, InnerMessages] = {}

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

    def take(self, slot: int, said: Iterator[Said | Inner]) -> None:
        """Take what the reader returns of the flow in a row of the tracker's state."""
        for one in said:
            if isinstance(one, Piece):
                self.findings.bodies.add(one)
            elif isinstance(one, Row):
                self.findings.put(Places(), 2 * slot, 0, one)
            elif isinstance(one, Inner):
                self.inner.setdefault(one.table, InnerMessages()).add(slot, one)

    def settle(self, context: Callable[[Shorts, Tiny], Flows]) -> None:
        """Hand on bodies, and look up the flows of what was found."""
        self.findings.give()
        self.findings.pool.settle(context)
        for messages in self.inner.values():
            messages.pool.settle(context)

    def rows(self, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The rows that are complete, and messages of other tables."""
        yield from self.findings.rows(take, every=every)
        for name, messages in self.inner.items():
            if len(messages.hints) and (every or messages.pool.full):
                yield tables.table(name), messages.take(tables.table(name)), None

    def give_up(self, flow: int) -> None:
        """Nothing more can be read of a flow, because reading it raised."""


class InnerMessages:
    """Messages of one table that were decrypted, until they are read; `hints` are theirs."""

    def __init__(self) -> None:
        self.pool, self.hints = Pool(decrypted=True), list[int]()

    def add(self, slot: int, message: Inner) -> None:
        """Add a message of the flow in a row of the tracker's state."""
        pool, control = self.pool, self.pool.control[0]
        start, index = int(control["used"]), int(control["messages"])
        end = start + len(message.data)
        while end > len(pool.data) or index >= len(pool.messages):
            pool.grow()
        pool.data[start:end] = np.frombuffer(message.data, np.uint8)
        located, begin = pool.messages[index], message.begin
        located["start"], located["end"], located["missing"], located["place"] = start, end, 0, 0
        located["number"], located["ts"], located["at"] = begin.packet, begin.ts, message.end.due
        located["stream"] = 2 * slot + begin.side
        control["used"], control["messages"] = end, index + 1
        self.hints.append(message.hint)

    def take(self, table: Table) -> Messages:
        """All messages, which are then forgotten."""
        found = take(self.pool, table, np.arange(len(self.hints)))
        found.hint = np.array(self.hints, np.int64)
        found.data = found.data[: int(self.pool.control["used"][0])].copy()
        self.pool.clear()
        self.hints.clear()
        return found


class DecryptingOne(One):
    """A reader that decrypts; `active` are the flows, by row of the tracker's state, that are not idle.

    It is fed with all UDP payloads of flows that are not idle, whatever table they are of: who may set the bit of QUIC
    to 0 (RFC 9287) sends what looks like something else. Messages of its table can begin something in the others.
    """

    def __init__(self, reader: DecryptingReader, names: Iterable[str], contents: Contents, flows: int) -> None:
        super().__init__(reader, names, contents)
        self.decryptor, self.active = reader, np.zeros(flows, np.bool_)
        self.findings.pool.decrypted = True
        self.begun: list[Index] = []  # headers of messages of this batch that can begin something

    @property
    def counts(self) -> Counter[str]:
        """What is counted."""
        return self.decryptor.counts

    def note(self, messages: Messages) -> None:
        """Note messages of its table in this batch."""
        begins = self.decryptor.begins(messages) & (messages.header >= 0)
        if begins.any():
            self.begun.append(messages.header[begins].astype(np.intp))

    def batch(self, packets: Packets, headers: Headers, flows: Flows, failed: Callable[[Exception], None]) -> None:
        """Read the datagrams of this batch."""
        begun, self.begun = self.begun, []
        if not begun and not self.decryptor.open:
            return
        slots, can_begin = flows.slot, np.zeros(len(headers), np.bool_)
        for some in begun:
            can_begin[some] = True
        may = self.active.copy() if begun else self.active
        may[slots[can_begin & (slots >= 0)]] = True
        is_udp = (headers["protocol"] == UDP) & (headers["transport"] >= 0) & (slots >= 0)
        is_udp &= (headers["kind"] == WHOLE) | (headers["kind"] == DATAGRAM)
        for index in np.flatnonzero(is_udp & may[slots]).tolist():
            slot, number = int(slots[index]), int(flows.flow[index])
            if not (self.active[slot] or can_begin[index]):
                continue
            try:
                self.take(slot, self.reader.feed(_datagram(index, packets, headers, flows)))
            except Exception as error:  # noqa: BLE001 - any exception; decoding continues
                failed(error)
                self.give_up(number)
            self.active[slot] = not self.decryptor.is_idle(number)

    def give_up(self, flow: int) -> None:
        """As One.give_up."""
        self.decryptor.give_up(flow)

    def outcome(self, slot: int, flow: int) -> tuple[Outcome, tuple[str, ...]] | None:
        """What is known of a flow that leaves; None if nothing of it could be decrypted."""
        self.active[slot] = False
        outcome, services = self.decryptor.outcome(flow)
        return None if outcome is Outcome.NONE else (outcome, services)


def _datagram(index: int, packets: Packets, headers: Headers, flows: Flows) -> Datagram:
    """The UDP payload behind an IP header."""
    header = headers[index]
    row, start, length = int(header["row"]), int(header["transport"]) + UDP_HEADER, int(header["payload"])
    end = min(int(header["end"]), start + length)
    source, destination = addresses(packets.data, header)
    tunnel = int(header["key"])
    return Datagram(
        packets.data[start:end].tobytes(),
        start + length - end,
        Peer(tunnel, source, int(header["source_port"])),
        Peer(tunnel, destination, int(header["destination_port"])),
        Where(1 - int(flows.from_originator[index]), int(packets.number[row]), int(packets.ts[row]),
              int(packets.last[row])),
        int(flows.flow[index]),
    )  # fmt: skip
