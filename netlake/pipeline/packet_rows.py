"""Rows of table `packet`: one for each captured packet, with its stack and where and why its walk stopped.

Reassembled datagrams have no row here: they are rows of Packets after the captured ones, and are left out.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from netlake.kernels.answers import STOPS, Stop
from netlake.kernels.times import FAR, is_far
from netlake.layers.walk import Walked, Walker
from netlake.packets import Messages, Nullable, Packets
from netlake.records.context import BatchContext
from netlake.records.rows import Rows
from netlake.schema import Table
from netlake.schema.faults import CUT, OUT_OF_RANGE

# the greatest length that the column `length` can contain
LONGEST = (1 << 31) - 1

# the ports from which systems choose those of clients (RFC 6335)
FIRST_DYNAMIC = 49152


class PacketRows:
    """Writes a row for each packet; counts what the quality report has.

    `stops` are stop reasons, `ports` those for unknown ports, `cut` truncated packets, `untimed` packets without time.
    """

    def __init__(self, table: Table, walker: Walker) -> None:
        self.table, self.walker = table, walker
        self.stops: Counter[tuple[str, int]] = Counter()
        self.ports = np.zeros(1 << 16, np.int64)
        self.cut = self.untimed = 0

    def put(self, rows: Rows, packets: Packets, walked: Walked, context: BatchContext) -> None:
        """Write the rows of one batch."""
        count = packets.count
        of = walked.packets[:count]
        captured, length = packets.captured[:count], packets.length[:count]
        messages = _messages(packets, of["header"])
        short = captured < length
        if short.any():
            messages.fault[short] = CUT
        long = length > LONGEST
        if long.any():
            messages.fault[long] = OUT_OF_RANGE
        stop, value = of["stop"], _services(of, context)
        stopped, offset = stop > 0, packets.offset[:count]
        if context.untimed is not None:
            self.untimed += int(np.count_nonzero(context.untimed[:count]))
        columns = {
            "ts_nanos": _nanoseconds(packets, context),
            "interface": packets.interface[:count],
            "link_type": packets.link_type[:count],
            "captured": captured,
            "length": Nullable(length, ~long) if long.any() else length,
            "offset": offset if (known := offset >= 0).all() else Nullable(offset, known),
            "stack": of["stack"],
            "stop_offset": Nullable(of["stop_offset"] - packets.start[:count], stopped),
            "stop_reason": stop,
            "stop_value": Nullable(value, stopped & (value >= 0)),
        }
        self._count(stop, value, int(np.count_nonzero(short)))
        rows.group(self.table).words.update(stack=self.walker.stacks.names, stop_reason=lambda: STOPS)
        rows.put(self.table, messages, columns, context.of(messages, self.table))

    def _count(self, stop: np.ndarray, value: np.ndarray, cut: int) -> None:
        self.cut += cut
        by_reason = np.bincount(stop, minlength=len(STOPS))
        for reason in np.flatnonzero(by_reason).tolist():
            name = STOPS[reason]
            if name is None:
                continue
            values = value[stop == reason]
            if reason == Stop.UNKNOWN_PORT:
                self.ports += np.bincount(values[values >= 0], minlength=1 << 16)
            else:
                distinct, counts = np.unique(values, return_counts=True)
                self.stops.update({(name, v): c for v, c in zip(distinct.tolist(), counts.tolist(), strict=True)})


def _messages(packets: Packets, header: np.ndarray) -> Messages:
    """Every packet as a message, so that its row is written as that of any other table."""
    count = packets.count
    start = packets.start[:count]
    zeros = np.zeros(count, np.int32)
    return Messages(
        packets.data, start, start + packets.captured[:count], np.arange(count, dtype=np.int32), zeros,
        np.zeros(count, np.int8), header, np.zeros(count, np.int16), zeros, zeros, np.zeros(count, np.int64),
    )  # fmt: skip


def _services(of: np.ndarray, context: BatchContext) -> np.ndarray:
    """Stop values, with the port of the service where the walk could not name it from two numbers alone.

    The first packet may be an answer: it is the only port that systems do not give to clients, or else the responder's.
    """
    value = of["stop_value"]
    unnamed = np.flatnonzero((of["stop"] == Stop.UNKNOWN_PORT) & (value < 0))
    if len(unnamed):
        value = value.copy()
        header = of["header"][unnamed]
        source, destination = (port[header] for port in context.ports)
        lower, higher = np.minimum(source, destination), np.maximum(source, destination)
        registered = (lower < FIRST_DYNAMIC) & (higher >= FIRST_DYNAMIC)
        responder = np.where(context.from_originator[header], destination, source)
        value[unnamed] = np.where(registered, lower, responder)
    return value


def _nanoseconds(packets: Packets, context: BatchContext) -> np.ndarray | Nullable:
    """Nanoseconds of each packet's time below the microsecond; null without a time."""
    count = packets.count
    ts = packets.ts[:count]
    nanoseconds = (ts - context.ts[:count] * 1000).astype(np.int16)
    if is_far(ts):
        nanoseconds = np.where((ts >= FAR) | (ts < -FAR), packets.nanos[:count], nanoseconds)
    return nanoseconds if context.untimed is None else Nullable(nanoseconds, ~context.untimed[:count])
