"""Decodes Protobuf to rows, column by column: the inverse of protobuf_encode.

Algorithm: `blocks` splits a stream into blocks of complete messages. For each block a kernel lists all fields of the
messages (`_Fields`: message, value, size); `_Level` selects those of each column by key and converts them at once. A
nested message is a `_Level` again, with the byte ranges of its field as messages.

Rules:
- The input is untrusted. A message has at most LARGEST bytes, a block about BLOCK bytes, and one level of a block at
  most MOST fields, so that memory is bounded. Invalid input raises InputError with the number of the message, after
  the rows of all blocks before it.
- A field that the table does not have, or of another type than its column, raises SchemaError; none is dropped.
- The last of a repeated scalar field counts, as in Protobuf; a repeated nested message raises InputError.
- A column without a field is null, or an empty list. Times are truncated to microseconds; `ts_nanos` has the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from netlake.errors import InputError, SchemaError
from netlake.kernels import protobuf_read as kernels
from netlake.packets import Bytes, Ints
from netlake.schema import Column, Kind, List, Struct, Table, arrow, proto
from netlake.schema.contract import ids
from netlake.schema.kinds import SCALARS
from netlake.sinks.protobuf_encode import FIXED, LARGEST, LENGTH, MOST, VARINT

BLOCK = 1 << 20
ROWS = 1 << 14

_ERRORS = {
    kernels.CUT: "a field extends beyond its end",
    kernels.BAD_VARINT: "a varint has more than ten bytes",
    kernels.BAD_KEY: "a field has an invalid number or wire type, or is a group",
    kernels.TOO_MANY: f"it has more than {MOST} values",
}
_LIMITS = {
    "int16": (-(1 << 15), (1 << 15) - 1),
    "int32": (-(1 << 31), (1 << 31) - 1),
    "date32": (-(1 << 31), (1 << 31) - 1),
}


class Readable(Protocol):
    """An object with read()."""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes, none at the end."""


def blocks(stream: Readable, name: str) -> Iterator[tuple[Bytes, Ints, Ints]]:
    """Yield (bytes, starts, ends) of complete messages: at most ROWS, from about BLOCK bytes."""
    starts, ends = np.zeros(ROWS, np.int64), np.zeros(ROWS, np.int64)
    rest, before, need = b"", 0, 1
    while chunk := stream.read(max(BLOCK, need)):
        data = np.frombuffer(rest + chunk, np.uint8)
        count, at, least = kernels.delimit(data, 0, LARGEST, starts, ends)
        while count > 0:
            yield data, starts[:count].copy(), ends[:count].copy()
            before += count
            count, at, least = kernels.delimit(data, at, LARGEST, starts, ends)
        if count < 0:
            raise InputError(f"{name}: message {before + 1} has an invalid length; the limit is {LARGEST} bytes.")
        rest = data[at:].tobytes()
        need = least - len(rest)
    if rest:
        raise InputError(f"{name} ends within message {before + 1}; the {before} messages before it are complete.")


@dataclass(frozen=True, slots=True)
class MessageDecoder:
    """Decodes blocks to batches of `table`; `name` is the name of the stream in messages."""

    table: Table
    name: str

    def batch(self, data: Bytes, starts: Ints, ends: Ints, before: int) -> pa.RecordBatch:
        """The rows of a block; `before` is the number of messages before it. Raises InputError or SchemaError."""
        schema = arrow.schema(self.table)
        try:
            arrays = _Level(self.table, data, proto.numbers(self.table)).columns(
                self.table.all_columns, "", starts, ends
            )
        except _Unreadable as found:
            which = f"message {before + 1}" if len(starts) == 1 else f"messages {before + 1} to {before + len(starts)}"
            raise InputError(f"{self.name}: {which}: {found}.") from None
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Unreadable(Exception):  # noqa: N818 - becomes an InputError with the message number
    """The messages are invalid."""


@dataclass(frozen=True, slots=True)
class _Fields:
    """Fields of the messages of one level in order: message, number or offset of the value, size."""

    items: Ints
    values: Ints
    sizes: Ints


@dataclass(frozen=True, slots=True)
class _Level:
    table: Table
    data: Bytes
    numbers: dict[str, int]

    def columns(self, columns: tuple[Column, ...], prefix: str, starts: Ints, ends: Ints) -> list[pa.Array]:
        """An array for each column, from the messages starts[i] to ends[i]."""
        keys, found = self._fields(starts, ends)
        wanted = {column.name: self.numbers[prefix + column.name] << 3 | wire(column.kind) for column in columns}
        where = [np.flatnonzero(keys == wanted[column.name]) for column in columns]
        if sum(map(len, where)) < len(keys):
            self._refuse_others(keys, wanted, prefix)
        arrays = []
        for column, here in zip(columns, where, strict=True):
            taken = _Fields(found.items[here], found.values[here], found.sizes[here])
            arrays.append(self._column(column.kind, prefix + column.name, taken, len(starts)))
        return arrays

    def _fields(self, starts: Ints, ends: Ints) -> tuple[Ints, _Fields]:
        room = min(MOST, int((ends - starts).sum()) // 2 + 1)
        items, keys, values, sizes = (np.empty(room, np.int64) for _ in range(4))
        count = _checked(kernels.fields(self.data, starts, ends, items, keys, values, sizes))
        return keys[:count], _Fields(items[:count], values[:count], sizes[:count])

    def _refuse_others(self, keys: Ints, wanted: dict[str, int], prefix: str) -> None:
        """Raise SchemaError for the first of `keys` that is not `wanted`."""
        for key in np.setdiff1d(keys, np.array(list(wanted.values()), np.int64)).tolist():
            names = [prefix + name for name, known in wanted.items() if known >> 3 == key >> 3]
            if names:
                raise SchemaError(f"Table {self.table.name}: field {names[0]} does not have the type of its column.")
            where = f" of {prefix.rstrip('.')}" if prefix else ""
            raise SchemaError(
                f"Table {self.table.name}: field {key >> 3}{where} is unknown; a newer netlake may have written it."
            )

    def _column(self, kind: Kind, path: str, found: _Fields, count: int) -> pa.Array:
        if isinstance(kind, List):
            return self._list(kind.element, path + ".element", found, count)
        nested = isinstance(kind, Struct) or SCALARS[str(kind)].arrow == "timestamp"
        if nested and (found.items[1:] == found.items[:-1]).any():
            raise _Unreadable(f"{path} occurs twice in one message")
        return _spread(self._values(kind, path, found), found.items, count)

    def _values(self, kind: str | Struct, path: str, found: _Fields) -> pa.Array:
        """One value for each field of `found`."""
        if isinstance(kind, Struct):
            fields = self.columns(kind.columns, path + ".", found.values, found.values + found.sizes)
            return pa.StructArray.from_arrays(fields, fields=list(self._type(kind, path)))
        stored = SCALARS[kind].arrow
        if stored == "timestamp":
            return self._times(found)
        if stored in ("string", "binary"):
            return self._texts(arrow.TYPES[stored], path, found)
        if stored == "float64":
            return pa.array(self._joined(found.values, found.sizes).view("<f8"), pa.float64())
        return _integers(stored, path, found.values)

    def _type(self, kind: Kind, path: str) -> pa.DataType:
        return arrow.data_type(kind, path, ids(self.table))

    def _times(self, found: _Fields) -> pa.Array:
        keys, inner = self._fields(found.values, found.values + found.sizes)
        seconds, nanos = np.zeros(len(found.items), np.int64), np.zeros(len(found.items), np.int64)
        for number, values in ((1, seconds), (2, nanos)):
            here = keys == number << 3 | VARINT
            values[inner.items[here]] = inner.values[here]
        if not np.isin(keys, (8, 16)).all():
            raise _Unreadable("a time has a field other than seconds and nanoseconds")
        stored = seconds * 1_000_000 + nanos // 1000  # on overflow it wraps, and the check below fails
        if (nanos < 0).any() or (nanos > 999_999_999).any() or (stored // 1_000_000 != seconds).any():
            raise _Unreadable("a time is out of range")
        return pa.array(stored).view(arrow.TYPES["timestamp"])

    def _texts(self, data_type: pa.DataType, path: str, found: _Fields) -> pa.Array:
        offsets = np.zeros(len(found.sizes) + 1, np.int32)
        np.cumsum(found.sizes, out=offsets[1:])
        joined = pa.py_buffer(self._joined(found.values, found.sizes))
        made = pa.Array.from_buffers(data_type, len(found.sizes), [None, pa.py_buffer(offsets), joined])
        try:
            made.validate(full=True)
        except pa.ArrowInvalid:
            raise _Unreadable(f"{path} is not UTF-8") from None
        return made

    def _joined(self, starts: Ints, sizes: Ints) -> Bytes:
        out = np.empty(int(sizes.sum()), np.uint8)
        kernels.join(self.data, starts, sizes, out)
        return out

    def _list(self, kind: str | Struct, path: str, found: _Fields, count: int) -> pa.Array:
        counts: Ints = np.ones(len(found.items), np.int64)
        if isinstance(kind, str) and wire(kind) != LENGTH:
            values, counts = self._packed(kind, path, found)
        else:
            values = self._values(kind, path, found)
        offsets = np.zeros(count + 1, np.int64)
        np.add.at(offsets, found.items + 1, counts)
        numbered = np.cumsum(offsets).astype(np.int32)
        return pa.ListArray.from_arrays(numbered, values, type=self._type(List(kind), path.removesuffix(".element")))

    def _packed(self, kind: str, path: str, found: _Fields) -> tuple[pa.Array, Ints]:
        """(the numbers of all packed fields, how many each has)."""
        if SCALARS[kind].arrow == "float64":
            if (found.sizes % 8).any():
                raise _Unreadable(f"{path} has an incomplete value")
            return self._values(kind, path, found), found.sizes // 8
        values = np.empty(min(MOST, int(found.sizes.sum())), np.int64)
        counts = np.zeros(len(found.items), np.int64)
        count = _checked(kernels.packed(self.data, found.values, found.sizes, values, counts))
        return _integers(SCALARS[kind].arrow, path, values[:count]), counts


def wire(kind: Kind) -> int:
    """The wire type of a field of `kind`: a list is packed, text or messages."""
    stored = SCALARS[kind].arrow if isinstance(kind, str) else None
    if stored is None or stored in ("string", "binary", "timestamp"):
        return LENGTH
    return FIXED if stored == "float64" else VARINT


def _checked(count: int) -> int:
    if count < 0:
        raise _Unreadable(_ERRORS[count])
    return count


def _integers(stored: str, path: str, values: Ints) -> pa.Array:
    if stored == "bool":
        return pa.array(values != 0)
    low, high = _LIMITS.get(stored, (None, None))
    if low is not None and len(values) and (values.min() < low or values.max() > high):
        raise _Unreadable(f"{path} is out of range")
    made: Any = pa.array(values)
    if stored == "date32":
        return made.cast(pa.int32()).view(pa.date32())
    return made.cast(arrow.TYPES[stored])


def _spread(values: pa.Array, items: Ints, count: int) -> pa.Array:
    """`values` at the rows `items`, null elsewhere; the last of several values of a row counts."""
    index = np.full(count, -1, np.int64)
    index[items] = np.arange(len(items))
    if len(items) == count and (index == np.arange(count)).all():
        return values
    return values.take(pa.array(index, mask=index < 0))
