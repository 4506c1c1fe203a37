"""Encodes rows as Protobuf, column by column: first the sizes of all messages, then the bytes.

Data structure: a batch becomes a tree. A `Level` is a sequence of messages of one type; its nodes are their fields,
each with the values of a whole column. Scalar nodes are `Numbers` and `Texts`. Nested types (struct, list of structs,
packed list, Timestamp) are a `Level` below, alone or inside `Items`, which assigns a range of messages of the level
below to each message above.

Algorithm: 1. `add` of each node adds the size of its field to the size of every message. 2. The sums of the sizes are
the offsets of the messages, the initial cursors. 3. `put` of each node writes its field into a range of messages, each
at its cursor, and advances the cursors.

Rules:
- Unknown or missing columns (unless `some`) and wrong types raise SchemaError before the first byte is written.
- Fields are in the order of their numbers, so that the bytes equal those of Protobuf's own classes.
- Null is an absent field; 0 and "" are present.
- Messages are written in pieces of about PIECE bytes, which fit in the CPU cache, because every column writes to all
  messages of a piece.
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
from netlake.packets import Bytes, Ints, Shorts
from netlake.schema import Kind, List, Struct, Table, arrow, proto
from netlake.schema.kinds import SCALARS

# greatest size of a message in bytes, for writer and reader; bounds the memory of a reader (Protobuf allows 2 GiB)
LARGEST = 64 << 20
# most values of a list; also most fields that the reader accepts in one level of a block
MOST = 1 << 20
PIECE = 256 << 10
VARINT, FIXED, LENGTH = 0, 1, 2


@cache
def _ones(count: int) -> Bytes:
    ones = np.ones(count, np.uint8)
    ones.flags.writeable = False
    return ones


def all_valid(count: int) -> Bytes:
    """A read-only array of `count` ones, shared."""
    return _ones(1 << max(count - 1, 1).bit_length())[:count]


@dataclass(slots=True)
class Numbers:
    """A scalar field: a varint, or eight bytes if `fixed`, in each message where `valid`."""

    values: Ints
    valid: Bytes
    key: int
    fixed: int = 0

    def add(self, sizes: Ints) -> None:
        """Add the size of this field to the size of every message."""
        kernels.number_sizes(self.values, self.valid, self.key, self.fixed, sizes)

    def put(self, first: int, end: int, out: Bytes, cursor: Ints) -> None:
        """Write this field into the messages `first` to `end` (exclusive), at their cursors."""
        kernels.put_numbers(self.values, self.valid, self.key, self.fixed, first, end, out, cursor)


@dataclass(slots=True)
class Texts:
    """A field of text or bytes: message i has text number `codes[i]`, none if that is negative."""

    codes: Shorts
    offsets: Shorts
    data: Bytes
    key: int

    def add(self, sizes: Ints) -> None:
        """Add the size of this field to the size of every message."""
        kernels.text_sizes(self.codes, self.offsets, self.key, sizes)

    def put(self, first: int, end: int, out: Bytes, cursor: Ints) -> None:
        """Write this field into the messages `first` to `end` (exclusive), at their cursors."""
        kernels.put_texts(self.codes, self.offsets, self.data, self.key, first, end, out, cursor)


class Level:
    """`count` messages of one type; `nodes` are their fields, `key` precedes the length of each message (0: no key).

    `bare` messages have neither key nor length: the texts of a repeated field, the numbers of a packed list.
    """

    def __init__(
        self, count: int, nodes: list[Node], key: int = 0, valid: Bytes | None = None, *, bare: bool = False
    ) -> None:
        self.count, self.nodes, self.key = count, nodes, key
        self.valid = all_valid(count) if valid is None else valid
        self.bare = bare
        self.inner = self.total = np.zeros(0, np.int64)

    def sizes(self) -> Ints:
        """The size of each message, key and length included."""
        self.inner = np.zeros(self.count, np.int64)
        for node in self.nodes:
            node.add(self.inner)
        self.total = self.inner
        if not self.bare:
            self.total = self.inner.copy()
            kernels.number_sizes(self.inner, self.valid, self.key, 0, self.total)
        return self.total

    def add(self, sizes: Ints) -> None:
        """Add the size of each message to that of the message above, one to one."""
        sizes += self.sizes()

    def put(self, first: int, end: int, out: Bytes, cursor: Ints) -> None:
        """Write the messages `first` to `end` (exclusive), at their cursors."""
        if not self.bare:
            kernels.put_numbers(self.inner, self.valid, self.key, 0, first, end, out, cursor)
        for node in self.nodes:
            node.put(first, end, out, cursor)


class Items:
    """A repeated field: message i has the messages offsets[i] to offsets[i + 1] (exclusive) of the level below."""

    def __init__(self, offsets: Ints, below: Level) -> None:
        self.offsets, self.below = offsets, below
        self.inner = np.zeros(below.count, np.int64)

    def add(self, sizes: Ints) -> None:
        """Add the sizes of the items to those of their messages above."""
        kernels.item_sizes(self.offsets, self.below.sizes(), sizes)

    def put(self, first: int, end: int, out: Bytes, cursor: Ints) -> None:
        """Write the items of the messages `first` to `end` (exclusive)."""
        kernels.place_items(self.offsets, self.below.total, first, end, cursor, self.inner)
        self.below.put(int(self.offsets[first]), int(self.offsets[end]), out, self.inner)


Node = Numbers | Texts | Items | Level


def encode(table: Table, rows: pa.RecordBatch, *, some: bool = False) -> memoryview:
    """Encode `rows` as messages, each preceded by its length; `some` allows missing columns. Raises SchemaError."""
    level, starts = _measure(table, rows, some=some)
    out = np.empty(int(starts[-1]), np.uint8)
    for first, end in _pieces(starts):
        level.put(first, end, out, starts)
    return out.data


def pieces(table: Table, rows: pa.RecordBatch, *, some: bool = False) -> Iterator[memoryview]:
    """As `encode`, in pieces of complete messages of about PIECE bytes."""
    level, starts = _measure(table, rows, some=some)
    for first, end in _pieces(starts):
        base = starts[first]
        out = np.empty(int(starts[end] - base), np.uint8)
        starts[first:end] -= base
        level.put(first, end, out, starts)
        yield out.data


def _measure(table: Table, rows: pa.RecordBatch, *, some: bool) -> tuple[Level, Ints]:
    """(level of the rows, offset of each message and the end of the last one); the offsets become cursors."""
    level = Level(rows.num_rows, _nodes(table, rows, some=some))
    sizes = level.sizes()
    if len(sizes) and int(sizes.max()) > LARGEST:
        row = int(sizes.argmax())
        raise SchemaError(
            f"Table {table.name}: the message of row {row} has {sizes[row]} bytes; the limit is {LARGEST}."
        )
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    return level, starts


def _pieces(starts: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of messages of about PIECE bytes, at least one message each; reads no offset behind a moved cursor."""
    first, last = 0, len(starts) - 1
    while first < last:
        end = int(np.searchsorted(starts[first:], starts[first] + PIECE, side="right")) + first - 1
        end = min(max(end, first + 1), last)
        yield first, end
        first = end


def _nodes(table: Table, rows: pa.RecordBatch, *, some: bool) -> list[Node]:
    numbers = proto.numbers(table)
    columns = {column.name: column for column in table.all_columns}
    names = rows.schema.names
    if unknown := [name for name in names if name not in columns or names.count(name) > 1]:
        raise SchemaError(f"Table {table.name}: column {unknown[0]} is unknown or given twice; nothing was written.")
    if not some and (missing := [name for name in columns if name not in names]):
        raise SchemaError(f"Table {table.name}: column {missing[0]} is missing; nothing was written.")
    nanos = rows.column(proto.NANOS) if proto.NANOS in names and "ts" in names else None
    nodes: list[Node] = []
    for name in sorted(names, key=numbers.__getitem__):
        values, column = rows.column(name), columns[name]
        if not matches(values.type, column.kind):
            wanted = arrow.data_type(column.kind, name, _AnyId())
            raise SchemaError(
                f"Table {table.name}: column {name} has type {values.type} instead of {wanted}; nothing was written."
            )
        if values.null_count == len(values) and not isinstance(column.kind, List):
            continue
        below = nanos if name == "ts" else None
        nodes.append(_Field(table.name, name, numbers).node(column.kind, values, numbers[name], below))
    return nodes


class _AnyId(dict[str, int]):
    def __missing__(self, key: str) -> int:
        return 0


def matches(found: pa.DataType, kind: Kind) -> bool:
    """Whether a column of `kind` may have type `found`: its Arrow type, or a dictionary of strings."""
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
    """Creates the node of one column, or of a field in it; `path` is as in contract.paths."""

    table: str
    path: str
    numbers: dict[str, int]

    def below(self, name: str) -> _Field:
        """The field `name` inside this one."""
        return _Field(self.table, f"{self.path}.{name}", self.numbers)

    def node(self, kind: Kind, values: pa.Array, number: int, nanos: pa.Array | None = None) -> Node:
        """The node for `values`; `nanos` are the nanoseconds of a time below the microsecond, if known."""
        if isinstance(kind, List):
            return self._list(kind.element, values, number)
        if isinstance(kind, Struct):
            return self._struct(kind, values, number)
        return self.scalar(kind, values, number, nanos)

    def scalar(self, kind: str, values: pa.Array, number: int, nanos: pa.Array | None = None) -> Node:
        """The node for scalar values."""
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
        """Messages google.protobuf.Timestamp from microseconds, and nanoseconds below the microsecond, if known."""
        seconds, below = np.divmod(integers(values), 1_000_000)
        below *= 1000
        if nanos is not None:
            more = integers(nanos)
            more = np.where(valid(nanos), more, 0)
            if len(more) and (more.min() < 0 or more.max() > 999):
                raise SchemaError(
                    f"Table {self.table}: a value of {proto.NANOS} is outside 0 to 999; nothing was written."
                )
            below += more
        present = valid(values)
        inner: list[Node] = [
            Numbers(value, present & (value != 0), field << 3 | VARINT) for field, value in ((1, seconds), (2, below))
        ]
        return Level(len(values), inner, number << 3 | LENGTH, present)

    def _struct(self, kind: Struct, values: pa.Array, number: int) -> Node:
        """The messages of a struct; with nulls, the others are Items of their rows."""
        if values.null_count:
            present = valid(values)
            offsets = np.zeros(len(values) + 1, np.int64)
            np.cumsum(present, out=offsets[1:])
            kept = values.filter(pa.array(present.view(np.bool_)))
            return Items(offsets, self.messages(kind, kept, number))
        return self.messages(kind, values, number)

    def messages(self, kind: Struct, values: pa.Array, number: int) -> Level:
        """One message for each struct, its fields in the order of their numbers."""
        fields = zip(kind.columns, values.flatten(), strict=True)
        found = [(self.numbers[f"{self.path}.{column.name}"], column, child) for column, child in fields]
        nodes = [
            self.below(column.name).node(column.kind, child, inner)
            for inner, column, child in sorted(found, key=lambda each: each[0])
        ]
        return Level(len(values), nodes, number << 3 | LENGTH)

    def _list(self, kind: str | Struct, values: pa.Array, number: int) -> Items:
        if values.null_count:
            raise SchemaError(
                f"Table {self.table}: a list of {self.path} is null instead of empty; nothing was written."
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

    def _packed(self, offsets: Ints, node: Node, count: int, number: int) -> Items:
        """One packed field for all numbers of a row; no field for an empty list."""
        filled = np.diff(offsets) > 0
        runs = np.zeros(len(offsets), np.int64)
        np.cumsum(filled, out=runs[1:])
        inner = np.append(offsets[:-1][filled], offsets[-1])
        items = Items(inner, Level(count, [node], bare=True))
        return Items(runs, Level(int(runs[-1]), [items], number << 3 | LENGTH))


def valid(values: pa.Array) -> Bytes:
    """1 for each value, 0 for each null."""
    if values.null_count == 0:
        return all_valid(len(values))
    found: Bytes = np.asarray(values.is_valid()).view(np.uint8)
    return found


def integers(values: pa.Array) -> Ints:
    """The values as int64, undefined for null: microseconds of a time, days of a date, bits of a double."""
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
    """The node for strings, bytes, or a dictionary of strings."""
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
    """`count` values of an Arrow buffer, copied only if they are not aligned; zeros without a buffer."""
    size = np.dtype(kind).itemsize
    if buffer is None or buffer.size < (offset + count) * size:
        return np.zeros(count, kind)
    found = np.frombuffer(buffer, np.uint8, count * size, offset * size) if count else np.zeros(0, np.uint8)
    return np.require(found.view(kind), requirements="A")
