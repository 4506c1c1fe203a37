"""The context columns of each row: time, packet, flow, addresses and ports.

- `BatchContext` contains them for every packet and every IP header of one batch.
- `BatchContext.of` gathers those of some messages into a `Context`: one entry per row, copied, so that it stays valid
  when the batch's arrays are reused.
- Time and packet are those of the packet in which the message begins; addresses, ports and flow are those of the
  message's IP header, the innermost one around it.
- Only columns that the table has are gathered: gathering is a fifth of the cost of a row, and tables of the link layer
  have neither addresses nor flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import numpy.typing as npt

from netlake.flows.tracker import Flows
from netlake.kernels.times import microseconds
from netlake.packets import NO_TIME, Ints, Mask, Messages, Packets, Shorts, Tiny
from netlake.schema import CONTEXTS, Table

Index = npt.NDArray[np.intp]


@dataclass(slots=True)
class Context:
    """Arrays with one entry per row; None for a column that no row has.

    `number` is the packet in which the row's message begins, `ts` its time in microseconds; `untimed` is True for rows
    without a time (None: all have one), `last` is the packet in which the message ends (None: `number` for all rows).
    `flow` is 0 for a row without flow; `src` and `dst` (codes of the pool `ip`), `src_port` and `dst_port` are -1 for a
    row without them. `decrypted` is True for rows of streams that were decrypted (None: no row is of such a stream).
    """

    number: Ints
    ts: Ints
    untimed: Mask | None = None
    last: Ints | None = None
    flow: Ints | None = None
    from_originator: Mask | None = None
    src: Shorts | None = None
    dst: Shorts | None = None
    src_port: Shorts | None = None
    dst_port: Shorts | None = None
    decrypted: Mask | None = None

    def __len__(self) -> int:
        return len(self.number)

    def take(self, index: Index) -> Context:
        """The context of some rows, in the order of `index`."""
        columns = (getattr(self, name) for name in NAMES)
        return Context(*(None if column is None else column[index] for column in columns))  # type: ignore[arg-type]

    @classmethod
    def concat(cls, parts: Sequence[Context]) -> Context:
        """The context of the rows of all `parts`, which are of one table.

        ValueError if only some have flows, or addresses and ports: parts of one table never differ in these columns.
        """
        return cls(**{name: _concat(name, parts) for name in NAMES})  # type: ignore[arg-type]


NAMES = tuple(field.name for field in fields(Context))
# columns that only some parts of a table may have
DIFFERING = ("last", "untimed", "decrypted")


def _concat(name: str, parts: Sequence[Context]) -> npt.NDArray[np.generic] | None:
    """One column of all parts; rows of parts without it get its default: `number` for `last`, else False.

    These depend on the batch. The other columns depend on the table, and have no default.
    """
    columns = [getattr(part, name) for part in parts]
    if all(column is None for column in columns):
        return None
    if name not in DIFFERING and any(column is None for column in columns):
        raise ValueError(f"only some parts have the column {name}, so they are of different tables")
    for at, part in enumerate(parts):
        if columns[at] is None:
            columns[at] = part.number if name == "last" else np.zeros(len(part), np.bool_)
    whole: npt.NDArray[np.generic] = np.concatenate(columns)
    return whole


@dataclass(frozen=True, slots=True)
class Parts:
    """Which columns of Context a table's rows have."""

    last: bool
    addresses: bool
    flow: bool
    decrypted: bool


@cache
def parts_of(table: Table) -> Parts:
    """Which columns of Context the rows of `table` have: those of its context, not its own of the same name."""
    names = {column.name for column in CONTEXTS[table.context]}
    return Parts("last_packet" in names, "src_ip" in names, "flow" in names, "decrypted" in names)


class BatchContext:
    """The context of a batch, by row of its Packets and by row of its Headers.

    Arrays by header have one more entry at their end, the null value, so that header -1 needs no branch.
    """

    def __init__(self, packets: Packets, flows: Flows) -> None:
        rows, ts = packets.rows, packets.ts[: packets.rows]
        none = np.int32(-1)
        untimed = ts == NO_TIME
        self.number = packets.number[:rows]
        self.ts = microseconds(ts)
        self.untimed: Mask | None = untimed if untimed.any() else None
        self.last = packets.last[:rows] if rows > packets.count else None
        self.flow = np.append(flows.flow, 0)
        self.from_originator = np.append(flows.from_originator, 0).astype(np.bool_)
        self.src, self.dst = np.append(flows.src, none), np.append(flows.dst, none)
        self.ports = tuple(np.append(port, none) for port in (flows.ports.source, flows.ports.destination))
        self.shift: Tiny = np.append(flows.shift, np.int8(-1))

    def of(self, messages: Messages, table: Table) -> Context:
        """The context of each of `messages`, those columns that `table` has."""
        if messages.context is not None:
            context: Context = messages.context
            return context
        row, header, parts = messages.row, messages.header, parts_of(table)
        context = Context(np.take(self.number, row), np.take(self.ts, row))
        if self.untimed is not None:
            context.untimed = np.take(self.untimed, row)
        if parts.last and self.last is not None:
            context.last = np.take(self.last, row)
        if parts.addresses:
            context.src, context.dst = (np.take(codes, header, mode="wrap") for codes in (self.src, self.dst))
        if parts.flow:
            context.flow = np.take(self.flow, header, mode="wrap")
            context.from_originator = np.take(self.from_originator, header, mode="wrap")
            context.src_port, context.dst_port = (np.take(port, header, mode="wrap") for port in self.ports)
        return context

    def shifts(self, messages: Messages) -> Tiny:
        """The window scale (bits to shift left) of each message's sender, -1 if the handshake was not captured."""
        return np.take(self.shift, messages.header, mode="wrap")
