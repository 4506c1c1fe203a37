"""Row groups: context and columns of every batch are copied into the slots of their tables until they are written.

When a row group is written:
- A table's row group is written when the next rows would exceed ROWS. Rows that are more than ROWS are split.
- When all row groups use more than `budget` bytes, the largest are written first. Row groups of a few rows cost more
  per row, so tables with few rows are kept.
- All row groups are written before the pools are reset, because they contain codes, and at the end.

Rows are written in the order in which they were added. A thread turns full row groups into Arrow record batches, so
that decoding continues; at most WAITING bytes are in its queue. The thread reads nothing that decoding changes: pools
only grow until all rows are written, and lists of words are taken before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.layers.pools import Pool
from netlake.packets import Codes, Columns, Messages, Nullable
from netlake.records.context import Context, parts_of
from netlake.records.ordered import Ordered
from netlake.records.slots import ArrowSlot, CodeSlot, NumberSlot, Slot, WordSlot, empty, slot_for, storage
from netlake.schema import Column, Table, arrow, faults

ROWS = 1 << 17
DAY = 86_400_000_000
# most bytes of row groups in the queue of the thread
WAITING = 48 << 20


class RowGroupSink(Protocol):
    """Receives full row groups; every sink is one."""

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Write one row group."""


class RowGroup:
    """The rows of one table that are not yet written."""

    def __init__(self, table: Table, capture: str, pools: Mapping[str, Pool]) -> None:
        self.table, self.capture, self.pools = table, capture, pools
        self.schema = arrow.schema(table)
        self.slots: dict[str, Slot] = {}
        # for columns whose values are numbers of words: the function that returns the list of words
        self.words: dict[str, Callable[[], Sequence[str | None]]] = {"fault": lambda: faults.NAMES}
        self.count = 0
        self.width = sum(width(field.type) for field in self.schema)
        self.held = 0  # bytes of Arrow arrays: text, bytes, lists

    @property
    def size(self) -> int:
        """Approximate bytes of its values."""
        return self.count * self.width + self.held

    def put(self, name: str, value: Any, first: int, last: int) -> None:
        """Add the values of column `name` for rows `first` to `last` (exclusive)."""
        slot = self.slots.get(name)
        if slot is None or not _fits(slot, value):
            slot = self._slot(name, value, first, last)
        slot.put(value, first, last)
        if isinstance(value, pa.Array):
            self.held += value.nbytes

    def _slot(self, name: str, value: Any, first: int, last: int) -> Slot:
        column = next(c for c in self.table.all_columns if c.name == name)
        data_type, dictionary = self.schema.field(name).type, by_dictionary(column)
        old = self.slots.get(name)
        if name in self.words:
            slot: Slot = WordSlot(self.words[name], ROWS, last - first)
        elif old is None:
            slot = slot_for(value, data_type, self.pools, ROWS, last - first, dictionary=dictionary)
        else:
            # earlier batches had codes and this one has text: convert the codes to text
            slot = ArrowSlot(data_type, self.pools, dictionary=dictionary)
            if first:
                slot.put(old.finish(first), 0, first)
        self.slots[name] = slot
        return slot

    def take(self) -> Filled:
        """Its rows, which the caller owns; the group is then empty. Lists of words are taken here (WordSlot.settle)."""
        for slot in self.slots.values():
            if isinstance(slot, WordSlot):
                slot.settle()
        filled = Filled(self.schema, self.capture, self.slots, self.count)
        self.slots, self.count, self.held = {}, 0, 0
        return filled


def width(data_type: pa.DataType) -> int:
    """Bytes of one value in its slot: a number with its validity, or a code; 0 for types kept as Arrow (see `held`)."""
    if pa.types.is_nested(data_type) or pa.types.is_binary(data_type):
        return 0
    return 4 if pa.types.is_string(data_type) else np.dtype(storage(data_type)).itemsize + 1


@dataclass(frozen=True, slots=True)
class Filled:
    """The rows of a full row group, before they are Arrow."""

    schema: pa.Schema
    capture: str
    slots: dict[str, Slot]
    count: int

    def batch(self) -> pa.RecordBatch:
        """The rows as one record batch; can be called once, because slots give up their arrays."""
        arrays = [self._column(field) for field in self.schema]
        return pa.RecordBatch.from_arrays(arrays, names=self.schema.names)

    def _column(self, field: pa.Field) -> pa.Array:
        if field.name == "capture":
            codes = pa.array(np.zeros(self.count, np.int32))
            return pa.DictionaryArray.from_arrays(codes, pa.array([self.capture]))
        if field.name == "day":
            return self._days()
        slot = self.slots.get(field.name)
        return empty(field.type, self.count) if slot is None else slot.finish(self.count)

    def _days(self) -> pa.Array:
        slot, count = self.slots.get("ts"), self.count
        if not isinstance(slot, NumberSlot):
            return pa.nulls(count, pa.date32())
        days = NumberSlot(pa.date32(), count)
        days.valid = None if slot.valid is None else slot.valid[:count].copy()
        values = slot.values[:count] // DAY
        if days.valid is not None:
            values[~days.valid] = 0
        days.values[:] = values
        days.filled = min(slot.filled, count)
        return days.finish(count)


def by_dictionary(column: Column) -> bool:
    """Whether `column` is stored as a dictionary of strings."""
    scalar = column.scalar
    return scalar is not None and scalar.arrow == "string" and (column.encoding or scalar.encoding) == "dictionary"


def _fits(slot: Slot, value: Any) -> bool:
    if isinstance(slot, ArrowSlot):
        return True
    if isinstance(slot, NumberSlot | WordSlot):
        return isinstance(value, np.ndarray | Nullable)
    return isinstance(value, Codes) and isinstance(slot, CodeSlot) and slot.pool.name == value.pool


def _sliced(value: Any, start: int, count: int) -> Any:
    """At most `count` values of a column from `start`."""
    chosen = slice(start, start + count)
    if isinstance(value, Nullable):
        return Nullable(value.values[chosen], value.valid[chosen])
    if isinstance(value, Codes):
        return Codes(value.codes[chosen], value.pool)
    return value[chosen]


class Rows:
    """The row groups of one capture; full ones are written to `sink`."""

    def __init__(self, sink: RowGroupSink, capture: str, pools: Mapping[str, Pool], *, budget: int = 64 << 20) -> None:
        self.sink, self.capture, self.pools, self.budget = sink, capture, pools, budget
        self.groups: dict[str, RowGroup] = {}
        self.thread = Ordered(1, WAITING, "netlake-rows")
        self.written: Counter[str] = Counter()
        self.faults: Counter[tuple[str, str]] = Counter()

    def group(self, table: Table) -> RowGroup:
        """The row group of `table`, created if it does not exist."""
        if table.name not in self.groups:
            self.groups[table.name] = RowGroup(table, self.capture, self.pools)
        return self.groups[table.name]

    def put(self, table: Table, messages: Messages, columns: Columns, context: Context) -> None:
        """Add the rows that a reader read from `messages`, with their context, and count their faults.

        More than ROWS rows are added in parts.
        """
        count = len(messages)
        if count > ROWS:
            for start in range(0, count, ROWS):
                index = np.arange(start, min(start + ROWS, count))
                some = {name: _sliced(value, start, ROWS) for name, value in columns.items()}
                self.put(table, messages.take(index), some, context.take(index))
            return
        group = self.group(table)
        first = self._room(group, len(messages))
        last = first + len(messages)
        put_context(group, messages, context, first, last)
        for name, value in columns.items():
            group.put(name, value, first, last)
        group.count = last
        if messages.fault.any():
            self._count_faults(table, messages.fault)

    def put_batch(self, table: Table, rows: pa.RecordBatch) -> None:
        """Add rows that are Arrow already (`connection`, `interface`); columns `capture` and `day` are added."""
        group = self.group(table)
        for start in range(0, rows.num_rows, ROWS):
            part = rows.slice(start, ROWS)
            first = self._room(group, part.num_rows)
            last = first + part.num_rows
            for name, value in zip(part.schema.names, part.columns, strict=True):
                if name == "ts":
                    group.put(name, times(value), first, last)
                elif name == "fault":
                    codes = np.array([faults.CODES.get(word, 0) for word in value.to_pylist()], np.int8)
                    group.put(name, codes, first, last)
                    self._count_faults(table, codes)
                elif name not in ("capture", "day"):
                    group.put(name, value, first, last)
            group.count = last

    def _room(self, group: RowGroup, more: int) -> int:
        if group.count + more > ROWS:
            self.flush(group)
        return group.count

    def _count_faults(self, table: Table, codes: npt.NDArray[np.int8]) -> None:
        for code, count in enumerate(np.bincount(codes).tolist()):
            name = faults.NAMES[code]
            if name is not None and count:
                self.faults[table.name, name] += count

    def flush(self, group: RowGroup) -> None:
        """Pass the rows of `group` to the thread."""
        if group.count:
            self.written[group.table.name] += group.count
            self.thread.put("rows", group.size, partial(self._write, group.table, group.take()))

    def _write(self, table: Table, filled: Filled) -> None:
        self.sink.write(table, filled.batch())

    def trim(self) -> None:
        """Write the largest groups until all together are within the budget."""
        while sum(group.size for group in self.groups.values()) > self.budget:
            self.flush(max(self.groups.values(), key=lambda group: group.size))

    def flush_but(self, names: Container[str]) -> None:
        """Pass the rows of all tables except `names` to the thread, the largest first."""
        for group in sorted(self.groups.values(), key=lambda group: -group.size):
            if group.table.name not in names:
                self.flush(group)

    def flush_all(self) -> None:
        """Write all rows and wait until the sink has them; afterwards pools may be reset."""
        for group in self.groups.values():
            self.flush(group)
        self.thread.wait()

    def rotate(self, sink: RowGroupSink) -> Counter[str]:
        """Write later rows to `sink`; call `flush_all` before. Returns rows by table written to the sink before it."""
        written, self.written, self.sink = self.written, Counter(), sink
        return written

    def end(self) -> None:
        """End the thread; rows that are not written yet are dropped."""
        self.thread.end()


def times(value: pa.Array) -> Nullable:
    """Arrow timestamps as microseconds since 1970."""
    return Nullable(value.cast(pa.int64()).fill_null(0).to_numpy(), np.asarray(value.is_valid()))


def put_context(group: RowGroup, messages: Messages, context: Context, first: int, last: int) -> None:
    """Add the context columns of rows `first` to `last` (exclusive), one for each message."""
    number, untimed = context.number, context.untimed
    group.put("ts", context.ts if untimed is None else Nullable(context.ts, ~untimed), first, last)
    group.put("packet", number, first, last)
    group.put("place", messages.place, first, last)
    if messages.fault.any():
        group.put("fault", messages.fault, first, last)
    if context.last is not None:
        group.put("last_packet", Nullable(context.last, context.last != number), first, last)
    for name, codes in (("src_ip", context.src), ("dst_ip", context.dst)):
        if codes is not None:
            group.put(name, Codes(codes, "ip"), first, last)
    if context.flow is not None:
        known = context.flow > 0
        columns: Columns = {"flow": context.flow, "from_originator": context.from_originator}
        for name, value in columns.items():
            group.put(name, value if known.all() else Nullable(value, known), first, last)
    if parts_of(group.table).decrypted:
        decrypted = np.zeros(last - first, np.bool_) if context.decrypted is None else context.decrypted
        group.put("decrypted", decrypted, first, last)
    for name, port in (("src_port", context.src_port), ("dst_port", context.dst_port)):
        if port is not None:
            group.put(name, port if (shown := port >= 0).all() else Nullable(port, shown), first, last)
