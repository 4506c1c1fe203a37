"""Rows -> Protobuf, by column: sizes first, then bytes.

A batch becomes a tree: a `Level` is some messages of one kind, its parts are their fields, each a whole column. A part
adds to the sizes of the messages, and later writes its field into all of them, at the cursor of each. What is nested
(a struct, a list of structs, a packed list, a Timestamp) is a level below, whose messages get their places from above.

Decided here:
- What does not fit is refused before a byte is written: a column too many, too few (unless `some`), or of another
  type. Nothing is dropped in silence.
- Fields stand in the order of their numbers, so the bytes are those that Protobuf's own classes write.
- A null is absent; 0 and "" are written.
- Rows are written in pieces of about PIECE bytes, since every column passes over all of them: they stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netlake.errors import SchemaError
from netlake.kernels import protobuf as kernels
from netlake.packets import Ints, Shorts
from netlake.schema import Kind, List, Struct, Table, arrow, proto
from netlake.schema.kinds import SCALARS

# a message above this is refused, here as by the reader: Protobuf itself ends at 2 GiB, a reader's memory before that
LARGEST = 64 << 20
# and a list of more values than this; the reader holds as many fields of a block, and no more
MOST = 1 << 20
PIECE = 256 << 10
VARINT, FIXED, LENGTH = 0, 1, 2

Bytes = npt.NDArray[np.uint8]


@cache
def _ones(count: int) -> Bytes:
    ones = np.ones(count, np.uint8)
    ones.flags.writeable = False
    return ones


def all_valid(count: int) -> Bytes:
    """`count` ones, shared."""
    return _ones(1 << max(count - 1, 1).bit_length())[:count]


@dataclass(slots=True)
class Numbers:
    """A field that is a varint or eight bytes in each message of the level where `valid`."""

    values: Ints
    valid: Bytes
    key: int
    fixed: int = 0

    def add(self, sizes: Ints) -> None:
        """Add the size of this field to that of every message."""
        kernels.number_sizes(self.values, self.valid, self.key, self.fixed, sizes)

    def put(self, first: int, end: int, out: Bytes, cursor: Ints) -> None:
        """Write this field into the messages `first` to `end`."""
        kernels.put_numbers(self.values, self.valid, self.key, self.fixed, first, end, out, cursor)


@dataclass(slots=True)
class Texts:
    """A field of text or bytes: message i has text `codes[i]`, none where that is negative."""

    codes: Shorts
    offsets: Shorts
    data: Bytes
    key: int

    def add(self, sizes: Ints) -> None:
        """Add the size of this field to that of every message."""
        kernels.text_sizes(self.codes, self.offsets, self.key, sizes)

    def put(self, first: int, end: int, out: Bytes, cursor: Ints) -> None:
        """Write this field into the messages `first` to `end`."""
        kernels.put_texts(self.codes, self.offsets, self.data, self.key, first, end, out, cursor)


class Level:
    """`count` messages and their fields; `key` stands before the length of each, 0 for none.

    Without a length (`bare`) the items are fields themselves: repeated text, the numbers in a packed list.
    """

    def __init__(
        self, count: int, parts: list[Part], key: int = 0, valid: Bytes | None = None, *, bare: bool = False
    ) -> None:
        self.count, self.parts, self.key = count, parts, key
        self.valid = all_valid(count) if valid is None else valid
        self.bare = bare
        self.inner = self.total = np.zeros(0, np.int64)

    def sizes(self) -> Ints:
        """The size of each message with what stands before it."""
        self.inner = np.zeros(self.count, np.int64)
        for part in self.parts:
            part.add(self.inner)
        self.total = self.inner
        if not self.bare:
            self.total = self.inner.copy()
            kernels.number_sizes(self.inner, self.valid, self.key, 0, self.total)
        return self.total

    def add(self, sizes: Ints) -> None:
        """Where each message is the field of one message above: add its size to that."""
        sizes += self.sizes()

    def put(self, first: int, end: int, out: Bytes, cursor: Ints) -> None:
        """Write the messages `first` to `end`."""
        if not self.bare:
            kernels.put_numbers(self.inner, self.valid, self.key, 0, first, end, out, cursor)
        for part in self.parts:
            part.put(first, end, out, cursor)


class Items:
    """A field that is any number of messages of the level below: offsets[i] to offsets[i + 1] in message i."""

    def __init__(self, offsets: Ints, below: Level) -> None:
        self.offsets, self.below = offsets, below
        self.inner = np.zeros(below.count, np.int64)

    def add(self, sizes: Ints) -> None:
        """Add the sizes of the items to those of their messages."""
        kernels.item_sizes(self.offsets, self.below.sizes(), sizes)

    def put(self, first: int, end: int, out: Bytes, cursor: Ints) -> None:
        """Write the items of the messages `first` to `end`."""
        kernels.place_items(self.offsets, self.below.total, first, end, cursor, self.inner)
        self.below.put(int(self.offsets[first]), int(self.offsets[end]), out, self.inner)


Part = Numbers | Texts | Items | Level


def encode(table: Table, rows: pa.RecordBatch, *, some: bool = False) -> memoryview:
    """All of `rows` as messages with their lengths before them. `some`: columns may be left out."""
    level, starts = _measure(table, rows, some=some)
    out = np.empty(int(starts[-1]), np.uint8)
    for first, end in _pieces(starts):
        level.put(first, end, out, starts)
    return out.data


def pieces(table: Table, rows: pa.RecordBatch, *, some: bool = False) -> Iterator[memoryview]:
    """The same, piece by piece: whole messages, about PIECE bytes of them."""
    level, starts = _measure(table, rows, some=some)
    for first, end in _pieces(starts):
        base = starts[first]
        out = np.empty(int(starts[end] - base), np.uint8)
        starts[first:end] -= base
        level.put(first, end, out, starts)
        yield out.data


def _measure(table: Table, rows: pa.RecordBatch, *, some: bool) -> tuple[Level, Ints]:
    """The level of the rows, and where each begins, with the end of the last; the entries become cursors."""
    level = Level(rows.num_rows, _parts(table, rows, some=some))
    sizes = level.sizes()
    if len(sizes) and int(sizes.max()) > LARGEST:
        row = int(sizes.argmax())
        raise SchemaError(f"Table {table.name}: row {row} has {sizes[row]} bytes as a message; {LARGEST} is the most.")
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    return level, starts


def _pieces(starts: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of messages of about PIECE bytes each, at least one in each; looks ahead only, since cursors move."""
    first, last = 0, len(starts) - 1
    while first < last:
        end = int(np.searchsorted(starts[first:], starts[first] + PIECE, side="right")) + first - 1
        end = min(max(end, first + 1), last)
        yield first, end
        first = end


def _parts(table: Table, rows: pa.RecordBatch, *, some: bool) -> list[Part]:
    numbers = proto.numbers(table)
    columns = {column.name: column for column in table.all_columns}
    names = rows.schema.names
    if unknown := [name for name in names if name not in columns or names.count(name) > 1]:
        raise SchemaError(f"Table {table.name} has no column {unknown[0]}, or it came twice; nothing was written.")
    if not some and (missing := [name for name in columns if name not in names]):
        raise SchemaError(f"Table {table.name}: column {missing[0]} did not come; nothing was written.")
    nanos = rows.column(proto.NANOS) if proto.NANOS in names and "ts" in names else None
    parts: list[Part] = []
    for name in sorted(names, key=numbers.__getitem__):
        values, column = rows.column(name), columns[name]
        if not matches(values.type, column.kind):
            told = arrow.data_type(column.kind, name, _AnyId())
            raise SchemaError(
                f"Table {table.name}: column {name} came as {values.type}, not as {told}; nothing was written."
            )
        if values.null_count == len(values) and not isinstance(column.kind, List):
            continue
        under = nanos if name == "ts" else None
        parts.append(_Field(table.name, name, numbers).part(column.kind, values, numbers[name], under))
    return parts


class _AnyId(dict[str, int]):
    def __missing__(self, key: str) -> int:
        return 0


def matches(found: pa.DataType, kind: Kind) -> bool:
    """Whether a column of `kind` may come as `found`: its own type, or a dictionary of strings; nullability aside."""
    if isinstance(kind, List):
        return bool(pa.types.is_list(found)) and matches(found.value_type, kind.element)
    if isinstance(kind, Struct):
        fields = list(found) if pa.types.is_struct(found) else []
        return len(fields) == len(kind.columns) and all(
            field.name == column.name and matches(field.type, column.kind)
            for field, column in zip(fields, kind.columns, strict=True)
        )
    wanted = arrow.TYPES[SCALARS[kind].arrow]
    return bool(found == wanted or (wanted == pa.string() and found == pa.dictionary(pa.int32(), pa.string())))


@dataclass(frozen=True, slots=True)
class _Field:
    """Makes the part of one column, or of one field in it; `path` is as in contract.paths."""

    table: str
    path: str
    numbers: dict[str, int]

    def below(self, name: str) -> _Field:
        """The field called `name` inside this one."""
        return _Field(self.table, f"{self.path}.{name}", self.numbers)

    def part(self, kind: Kind, values: pa.Array, number: int, nanos: pa.Array | None = None) -> Part:
        """The part for `values`; `nanos` are the nanoseconds below a time, where there are any."""
        if isinstance(kind, List):
            return self._list(kind.element, values, number)
        if isinstance(kind, Struct):
            return self._struct(kind, values, number)
        return self.scalar(kind, values, number, nanos)

    def scalar(self, kind: str, values: pa.Array, number: int, nanos: pa.Array | None = None) -> Part:
        """The part for values that nest nothing."""
        stored = SCALARS[kind].arrow
        if stored in ("string", "binary"):
            return texts(values, number << 3 | LENGTH)
        if stored == "timestamp":
            return self.time(values, number, nanos)
        fixed = stored == "float64"
        return Numbers(
            integers(values), valid(values), number << 3 | (FIXED if fixed else VARINT) if number else 0, int(fixed)
        )

    def time(self, values: pa.Array, number: int, nanos: pa.Array | None) -> Level:
        """The messages google.protobuf.Timestamp of microseconds, with the nanoseconds below where known."""
        seconds, below = np.divmod(integers(values), 1_000_000)
        below *= 1000
        if nanos is not None:
            more = integers(nanos)
            more = np.where(valid(nanos), more, 0)
            if len(more) and (more.min() < 0 or more.max() > 999):
                raise SchemaError(f"Table {self.table}: {proto.NANOS} is not 0 to 999 everywhere; nothing was written.")
            below += more
        stands = valid(values)
        inner: list[Part] = [
            Numbers(value, stands & (value != 0), field << 3 | VARINT) for field, value in ((1, seconds), (2, below))
        ]
        return Level(len(values), inner, number << 3 | LENGTH, stands)

    def _struct(self, kind: Struct, values: pa.Array, number: int) -> Part:
        """The messages of a struct; where some are null, those that stand are items of their rows."""
        if values.null_count:
            stands = valid(values)
            offsets = np.zeros(len(values) + 1, np.int64)
            np.cumsum(stands, out=offsets[1:])
            kept = values.filter(pa.array(stands.view(np.bool_)))
            return Items(offsets, self.messages(kind, kept, number))
        return self.messages(kind, values, number)

    def messages(self, kind: Struct, values: pa.Array, number: int) -> Level:
        """One message for each struct, its fields in the order of their numbers."""
        fields = zip(kind.columns, values.flatten(), strict=True)
        found = [(self.numbers[f"{self.path}.{column.name}"], column, child) for column, child in fields]
        parts = [
            self.below(column.name).part(column.kind, child, inner)
            for inner, column, child in sorted(found, key=lambda each: each[0])
        ]
        return Level(len(values), parts, number << 3 | LENGTH)

    def _list(self, kind: str | Struct, values: pa.Array, number: int) -> Items:
        if values.null_count:
            raise SchemaError(
                f"Table {self.table}: a list of {self.path} is null; lists are empty. Nothing was written."
            )
        absolute = np.asarray(values.offsets).astype(np.int64)
        offsets, items = absolute - absolute[0], values.flatten()
        if items.null_count:
            raise SchemaError(f"Table {self.table}: a value in a list of {self.path} is null; nothing was written.")
        if len(values) and int(np.diff(offsets).max()) > MOST:
            raise SchemaError(
                f"Table {self.table}: a list of {self.path} has more than {MOST} values; nothing was written."
            )
        inside = self.below("element")
        if isinstance(kind, Struct):
            return Items(offsets, inside.messages(kind, items, number))
        stored = SCALARS[kind].arrow
        if stored == "timestamp":
            return Items(offsets, inside.time(items, number, None))
        if stored in ("string", "binary"):
            return Items(offsets, Level(len(items), [texts(items, number << 3 | LENGTH)], bare=True))
        return self._packed(offsets, inside.scalar(kind, items, 0), len(items), number)

    def _packed(self, offsets: Ints, part: Part, count: int, number: int) -> Items:
        """One field for all numbers of a row, none where there are none."""
        filled = np.diff(offsets) > 0
        runs = np.zeros(len(offsets), np.int64)
        np.cumsum(filled, out=runs[1:])
        inner = np.append(offsets[:-1][filled], offsets[-1])
        items = Items(inner, Level(count, [part], bare=True))
        return Items(runs, Level(int(runs[-1]), [items], number << 3 | LENGTH))


def valid(values: pa.Array) -> Bytes:
    """1 where a value stands, 0 where null."""
    if values.null_count == 0:
        return all_valid(len(values))
    found: Bytes = np.asarray(values.is_valid()).view(np.uint8)
    return found


def integers(values: pa.Array) -> Ints:
    """The values as int64, anything where null: a time its microseconds, a day its number, a double its bits."""
    kind = values.type
    if pa.types.is_floating(kind):
        return _view(values.buffers()[1], np.float64, values.offset, len(values)).view(np.int64)
    if pa.types.is_date(kind):
        values = values.view(pa.int32())
    elif pa.types.is_timestamp(kind):
        values = values.view(pa.int64())
    values = values.cast(pa.int64())
    return _view(values.buffers()[1], np.int64, values.offset, len(values))


def texts(values: pa.Array, key: int) -> Texts:
    """The part for strings, bytes, or a dictionary of strings."""
    if pa.types.is_dictionary(values.type):
        if values.dictionary.null_count:
            return texts(values.cast(pa.string()), key)
        indices = pc.fill_null(values.indices, -1) if values.indices.null_count else values.indices
        codes = _view(indices.buffers()[1], np.int32, indices.offset, len(indices))
        words = values.dictionary
    else:
        codes = np.arange(len(values), dtype=np.int32)
        if values.null_count:
            codes[valid(values) == 0] = -1
        words = values
    _, offsets, data = words.buffers()
    bounds = _view(offsets, np.int32, words.offset, len(words) + 1)
    return Texts(codes, bounds, _view(data, np.uint8, 0, data.size if data else 0), key)


def _view(buffer: pa.Buffer | None, kind: type[np.generic], offset: int, count: int) -> npt.NDArray[Any]:
    """`count` values of an Arrow buffer as they lie, or copied where they lie askew; zeros where there is no buffer."""
    size = np.dtype(kind).itemsize
    if buffer is None or buffer.size < (offset + count) * size:
        return np.zeros(count, kind)
    found = np.frombuffer(buffer, np.uint8, count * size, offset * size) if count else np.zeros(0, np.uint8)
    return np.require(found.view(kind), requirements="A")
