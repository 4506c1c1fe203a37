"""Messages that were located in streams, with their context: those of a pool (netlake.layers.streamed) as Messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from netlake.flows.tracker import Flows
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.times import microseconds
from netlake.layers.streamed import Index, Pool
from netlake.packets import NO_TIME, Messages
from netlake.records.context import Context, parts_of
from netlake.schema import Table

# the largest number of the column `place`
MOST_PLACE = 0x7FFF


def take(pool: Pool, table: Table, index: Index) -> Messages:
    """The messages of `pool` at `index`, which are settled, with the context that rows of `table` have."""
    chosen = pool.messages[index]
    count = len(index)
    return Messages(
        data=pool.data, start=chosen["start"].copy(), end=chosen["end"].copy(), row=np.arange(count, dtype=np.int32),
        missing=chosen["missing"].copy(), fault=np.zeros(count, np.int8), header=np.full(count, -1, np.int32),
        place=np.minimum(chosen["place"].astype(np.int32) + pool.first_place, MOST_PLACE).astype(np.int16),
        source_port=_of(pool, index, lambda flows: flows.ports.source),
        destination_port=_of(pool, index, lambda flows: flows.ports.destination),
        hint=np.full(count, IpProtocol.TCP.value, np.int64), context=_context(pool, table, index),
    )  # fmt: skip


def _of(pool: Pool, index: Index, of: Callable[[Flows], Any]) -> Any:
    """One column of the flows of messages."""
    if not pool.flows:
        return np.zeros(0, np.int32)
    return np.concatenate([of(flows) for flows in pool.flows])[index]


def _context(pool: Pool, table: Table, index: Index) -> Context:
    chosen, parts = pool.messages[index], parts_of(table)
    untimed = chosen["ts"] == NO_TIME
    context = Context(chosen["number"].copy(), microseconds(chosen["ts"]), untimed if untimed.any() else None)
    if parts.last:
        # one that ended with its flow has no packet that completes it
        context.last = np.where(chosen["at"] > 0, chosen["at"], chosen["number"])
    if parts.decrypted and pool.decrypted:
        context.decrypted = np.ones(len(chosen), np.bool_)
    if parts.addresses:
        context.src, context.dst = _of(pool, index, lambda flows: flows.src), _of(pool, index, lambda flows: flows.dst)
    if parts.flow:
        context.flow = _of(pool, index, lambda flows: flows.flow)
        context.from_originator = _of(pool, index, lambda flows: flows.from_originator).astype(np.bool_)
        context.src_port = _of(pool, index, lambda flows: flows.ports.source)
        context.dst_port = _of(pool, index, lambda flows: flows.ports.destination)
    return context
