"""Messages that wait for evidence of later packets, and the rows that cannot be written before it is known.

Rules (netlake.layers.evidence has those of the evidence)
- A candidate that waits is copied with its context. When later packets confirm its flow, it becomes a row, and its
  packet gets the table on its stack and loses the stop reason `unknown_port`; after HOLD packets it is dropped.
- Rows are in the order of the capture, whatever the batches are: the messages of such a table that follow one that
  waits, and the rows of table `packet` from its batch on, are kept until it is decided.
- Without candidates that wait nothing is copied. With them, the copies are those of at most HOLD packets and the batch
  in which they began: 150 bytes for each packet, and the messages of these tables.
- Codes of pools and packets are void after a reset of the pools or a new sink, so `settle` then ends the waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from netlake.kernels.answers import Stop
from netlake.layers.classifier import Classifier, Pending
from netlake.layers.contest import in_order, joined, renumbered
from netlake.layers.evidence import HOLD
from netlake.layers.walk import Walked
from netlake.packets import ARRAYS, Ints, Messages, Packets
from netlake.records.context import BatchContext
from netlake.schema import Table

Put = Callable[[Packets, Walked, BatchContext], None]
Found = Sequence[tuple[Table, Messages]]
# what is known of a message
WAITS, TAKEN, DROPPED = 0, 1, 2


@dataclass(slots=True)
class Batch:
    """A batch whose packets have no rows yet: `waiting` is how many of its messages may still change them."""

    packets: Packets
    walked: Walked
    context: BatchContext
    waiting: int = 0


@dataclass(slots=True)
class Part:
    """Messages of one batch for `tables`, in order: those before `done` have their rows.

    `number` and `row` are those of the packet that completes each message, `start` its offset in the batch, -1 for one
    of a datagram.
    """

    tables: list[tuple[Table, Messages]]
    number: Ints
    row: Ints
    start: Ints
    tickets: Ints
    state: Ints
    batch: Batch
    group: int
    done: int = 0


@dataclass(slots=True)
class Held:
    """What waits in one capture: `parts` by the table of the evidence, `batches` whose packets have no rows."""

    classifier: Classifier
    put: Put
    parts: dict[str, deque[Part]] = field(default_factory=dict)
    batches: deque[Batch] = field(default_factory=deque)
    places: dict[tuple[str, int], tuple[Part, int]] = field(default_factory=dict)

    def batch(self, packets: Packets, walked: Walked, context: BatchContext, found: Found) -> Found:
        """Write the packets of a batch, or keep them; the messages of tables found by content that are decided.

        `found` are those of this batch.
        """
        pending, late = self.classifier.pending, self.classifier.late
        if not (pending or self.batches):
            self.put(packets, walked, context)
            return found
        for ticket in late:
            self._take(ticket)
        batch = frozen(packets, walked, context)
        self.batches.append(batch)
        decided: list[tuple[Table, Messages]] = []
        own: dict[str, list[tuple[Table, Messages]]] = {}
        for table, messages in found:
            name = table.inside or table.name
            if name in pending or self.parts.get(name):
                own.setdefault(name, []).append((table, messages))
            else:
                decided.append((table, messages))
        for name in {**own, **pending}:
            self._keep(name, own.get(name, []), pending.get(name), batch, walked)
        last = int(packets.number[packets.count - 1]) if packets.count else 0
        decided.extend(self._release(last + 1 - HOLD))
        return decided

    def settle(self) -> Found:
        """End the waiting: write all packets, and return the messages that were taken."""
        return list(self._release(np.iinfo(np.int64).max))

    def _keep(
        self, name: str, own: list[tuple[Table, Messages]], pending: Pending | None, batch: Batch, walked: Walked
    ) -> None:
        """Keep the messages of a batch that are the table's, and those that wait."""
        taken = own[0][1] if own else None
        parts = [one for one in (taken, pending.messages if pending else None) if one is not None]
        messages = joined(*parts) if len(parts) > 1 else parts[0]
        tickets = np.concatenate([
            np.full(0 if taken is None else len(taken), -1, np.int64),
            pending.tickets if pending else np.zeros(0, np.int64),
        ])  # fmt: skip
        order = in_order(walked, messages)
        messages, tickets = messages.take(order), tickets[order]
        row = walked.completing[messages.row]
        kept = []
        for table in self.classifier.tables[name]:
            copy = messages.compact()
            copy.context = batch.context.of(messages, table)
            kept.append((table, copy))
        part = Part(
            kept, walked.last[row], row, np.where(messages.row == row, messages.start, -1),
            tickets, np.where(tickets < 0, TAKEN, WAITS), batch, self.classifier.group_of[name],
        )  # fmt: skip
        self.parts.setdefault(name, deque()).append(part)
        for index in np.flatnonzero(tickets >= 0).tolist():
            self.places[name, int(tickets[index])] = part, index
            batch.waiting += 1

    def _take(self, ticket: tuple[str, int]) -> None:
        """A message that waits is its table's: it is on the stack of its packet."""
        part, index = self.places.pop(ticket, (None, 0))
        if part is None:  # it waited too long, or a later probe took it
            return
        part.state[index] = TAKEN
        part.batch.waiting -= 1
        record = part.batch.walked.packets[part.row[index]]
        record["stack"] = self.classifier.stacks.push(int(record["below"]), part.group)
        if record["stop"] == Stop.UNKNOWN_PORT and part.start[index] in (-1, record["stop_offset"]):
            record["stop"] = Stop.NONE

    def _release(self, least: int) -> Iterator[tuple[Table, Messages]]:
        """The messages of each table before the first one that waits since packet `least`; packets are written."""
        for name, parts in self.parts.items():
            ready: list[tuple[Part, int]] = []
            while parts:
                part = parts[0]
                old = np.flatnonzero((part.state == WAITS) & (part.number < least))
                part.state[old] = DROPPED
                part.batch.waiting -= len(old)
                for ticket in part.tickets[old].tolist():
                    del self.places[name, ticket]
                waits = np.flatnonzero(part.state == WAITS)
                # all messages of a packet together, so that they are numbered
                end = int(np.searchsorted(part.row, part.row[waits[0]])) if len(waits) else len(part.row)
                ready.append((part, end))
                if len(waits):
                    break
                parts.popleft()
            for part, end in ready:
                index = part.done + np.flatnonzero(part.state[part.done : end] == TAKEN)
                part.done = end
                if len(index):
                    for table, messages in part.tables:
                        yield table, renumbered(messages.take(index))
        while self.batches and not self.batches[0].waiting:
            batch = self.batches.popleft()
            self.put(batch.packets, batch.walked, batch.context)


def frozen(packets: Packets, walked: Walked, context: BatchContext) -> Batch:
    """A copy of what the rows of table `packet` need of a batch, whose arrays are used for the next one."""
    count = packets.count
    arrays = {name: getattr(packets, name)[:count].copy() for name in ARRAYS}
    copy = Packets(np.zeros(0, np.uint8), 0, count, count, **arrays)
    records = walked.packets[: packets.rows].copy()
    context.number, context.ts = context.number.copy(), context.ts.copy()
    if context.last is not None:
        context.last = context.last.copy()
    empty = walked.headers[:0].copy()
    return Batch(copy, Walked({}, empty, records, walked.completing, arrays["last"]), context)
