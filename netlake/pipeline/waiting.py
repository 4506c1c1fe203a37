"""Messages of tables that are rare in a batch wait here for more of their kind, so that they are read many at a time.

Reading a table and putting its rows costs 0.2 to 2 ms however few there are, and a batch of real traffic holds a few
messages each of dozens of protocols: on the benchmark's capture that was a quarter of all decoding. What waits is
copied out of the batch (bytes and context), since the batch's buffer is used again; it is bounded by count and bytes
for each table. Codes of a pool wait with it, so whoever resets the pools takes everything out first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import starmap
from typing import Any

import numpy as np

from netlake.packets import Messages
from netlake.schema import Table
from netlake.sinks.rows import Context

# a table with at least so many messages in a batch is read at once
COMMON = 512
MOST_MESSAGES = 1024
MOST_BYTES = 1 << 20


@dataclass(slots=True)
class Waiting:
    """The messages of one table, in the order in which they came; rows and conversations are numbered anew."""

    table: Table
    data: list[bytes] = field(default_factory=list)
    parts: list[tuple[Any, ...]] = field(default_factory=list)
    contexts: list[tuple[Any, ...]] = field(default_factory=list)
    pools: Any = None
    count: int = 0
    rows: int = 0
    size: int = 0

    def add(self, messages: Messages, context: Context) -> None:
        """Copy messages of a batch and the context of each."""
        row, header = messages.row, messages.header
        begins = np.empty(len(row), np.bool_)
        begins[0] = True
        np.not_equal(row[1:], row[:-1], out=begins[1:])
        of = row[begins]
        last = context.number if context.last is None else context.last
        untimed = np.zeros(len(of), np.bool_) if context.untimed is None else context.untimed[of]
        by_row = (context.number[of], context.ts[of], untimed, last[of])
        by_message = (
            context.flow[header], context.from_originator[header], context.src[header],
            context.dst[header], context.src_port[header], context.dst_port[header],
        )  # fmt: skip
        self.contexts.append((*by_row, *by_message))
        sizes = messages.end - messages.start
        start = np.cumsum(sizes) - sizes + self.size
        local = (np.cumsum(begins) - 1 + self.rows).astype(np.int32)
        own = np.where(header >= 0, np.arange(self.count, self.count + len(row)), -1).astype(np.int32)
        # copies, since these are views of the whole batch's arrays
        own_copies = [array.copy() for array in (messages.missing, messages.fault)]
        more = [
            array.copy() for array in (messages.place, messages.source_port, messages.destination_port, messages.hint)
        ]
        self.parts.append((start, start + sizes, local, *own_copies, own, *more))
        view = messages.data.data
        slices = starmap(slice, zip(messages.start.tolist(), messages.end.tolist(), strict=True))
        self.data.append(b"".join(map(view.__getitem__, slices)))
        self.pools = messages.pools
        self.count += len(row)
        self.rows += len(of)
        self.size = int(start[-1] + sizes[-1])

    @property
    def full(self) -> bool:
        """Whether it holds as much as it may."""
        return self.count >= MOST_MESSAGES or self.size >= MOST_BYTES

    def take(self) -> tuple[Messages, Context]:
        """Everything that waited, with its context; it is then empty."""
        data = np.frombuffer(bytearray().join(self.data), np.uint8)
        parts: list[Any] = [np.concatenate(column) for column in zip(*self.parts, strict=True)]
        messages = Messages(data, *parts)
        messages.pools = self.pools
        number, ts, untimed, last, flow, direction, src, dst, src_port, dst_port = map(
            np.concatenate, zip(*self.contexts, strict=True)
        )
        context = Context(
            number, ts, untimed if untimed.any() else None, None if (last == number).all() else last,
            *(np.append(known, none).astype(known.dtype) for known, none in (
                (flow, 0), (direction, 0), (src, -1), (dst, -1), (src_port, -1), (dst_port, -1),
            )),
        )  # fmt: skip
        self.data, self.parts, self.contexts = [], [], []
        self.count = self.rows = self.size = 0
        return messages, context
