"""Readers of fixed headers, and functions for columnar readers: from messages to columns with array operations.

Three ways to read the messages of a table, the fastest first:
1. Fixed header: all columns have `at`. The declaration becomes one structured dtype, and `fixed` reads all messages
   with one gather. No code is needed.
2. Columnar: the hook `read(messages)` returns columns, for protocols with much traffic. It may start with
   `fixed(table, messages)` and read the variable part of some messages with `netlake.layers.parsed.each`. If rows and
   messages do not correspond one to one, it returns `(messages, columns)` with one message for each row.
3. Message by message: the hook `parse(cursor)` yields (column, value) pairs (netlake.layers.parsed).

The value of a column is a NumPy array (no nulls), Nullable, Codes, or an Arrow array of the column's type. A column
that a reader leaves out is null (a list: empty).

Messages that end too early have the fault `cut` if the capture truncated the packet, else `short_header`, and keep the
columns whose bytes they contain. A number that its column's type cannot store is null with the fault `out_of_range`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netlake.kernels.numbers import FIRST_ETHERTYPE
from netlake.layers.pools import ipv4_text, ipv6_text, mac_text
from netlake.packets import Bytes, Codes, Columns, Ints, Mask, Messages, Nullable, Value
from netlake.schema import Column, Table, arrow, faults
from netlake.schema.kinds import SCALARS

TEXT: dict[str, Callable[[Bytes, Ints], pa.Array]] = {"ipv4": ipv4_text, "ipv6": ipv6_text, "mac": mac_text}
# the greatest number of bytes in a column i32; no header from which bytes are counted is longer than the other number
MOST_LENGTH, FURTHEST_HEADER = (1 << 31) - 1, 1 << 16
# pool and address family of each kind of address that fixed headers contain
POOLS = {"ipv4": ("ip", 4), "ipv6": ("ip", 6), "mac": ("mac", 0)}


def gather(data: Bytes, at: Ints, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """One record of `dtype` at each offset of `at`; IndexError if one is not completely in `data`.

    Indexes a view of `data` with a stride of one byte: 18 million records a second.
    """
    size = dtype.itemsize
    every = np.ndarray((max(0, len(data) - size + 1),), f"V{size}", data, strides=(1,))
    return every[at].view(dtype)


@cache
def header_dtype(table: Table) -> np.dtype[Any]:
    """The structured dtype of the fixed header of `table`: its columns with `at`."""
    placed = [column for column in table.columns if column.at is not None]
    fields = {
        "names": [column.name for column in placed],
        "formats": [wire(column) for column in placed],
        "offsets": [column.at for column in placed],
        "itemsize": table.size,
    }
    dtype: np.dtype[Any] = np.dtype(fields)  # type: ignore[call-overload]
    return dtype


def wire(column: Column) -> str:
    """The NumPy format of the number that contains `column`: that of its kind, or a wider one if `bits` need it.

    A flag without `bits` is one byte. Bits are counted from the lowest, so bits=(15, 1) needs a number of two bytes.
    """
    scalar = column.scalar
    if scalar is None:
        raise TypeError(column.name)
    form = scalar.wire or "u1"
    if column.bits is None:
        return form
    size = np.dtype(form).itemsize
    while size * 8 < sum(column.bits):
        size *= 2
    order = form[0] if form[0] in "<>" else ">"
    return f"{order}u{size}"


def fixed(table: Table, messages: Messages) -> Columns:
    """All columns with `at`; a message shorter than the header has a fault, and null in columns beyond its end."""
    whole = messages.end - messages.start >= table.size
    if whole.all():
        rows = gather(messages.data, messages.start, header_dtype(table))
        values = _convert(table, rows, messages.data, messages.start, messages.pools)
        _mark_out_of_range(messages, values)
        return values
    return _fixed_short(table, messages, whole)


def _fixed_short(table: Table, messages: Messages, whole: Mask) -> Columns:
    """As `fixed`, if some messages are short: reads from copies of the headers, padded with zeros."""
    messages.flag(~whole & (messages.missing > 0), faults.CUT)
    messages.flag(~whole, faults.SHORT_HEADER)
    size = messages.end - messages.start
    padded = np.zeros((len(messages), table.size), np.uint8)
    if whole.any():
        kept = gather(messages.data, messages.start[whole], np.dtype(f"V{table.size}"))
        padded[whole] = kept.view(np.uint8).reshape(-1, table.size)
    short = np.flatnonzero(~whole)
    positions = messages.start[short, None] + np.arange(table.size)
    inside = positions < messages.end[short, None]
    padded[short] = np.where(inside, messages.data.take(positions, mode="clip"), 0) if len(messages.data) else 0
    starts = np.arange(len(messages), dtype=np.int64) * table.size
    flat = padded.reshape(-1)
    values = _convert(table, gather(flat, starts, header_dtype(table)), flat, starts, messages.pools)
    _mark_out_of_range(messages, values)
    reach = {c.name: c.at + np.dtype(wire(c)).itemsize for c in table.columns if c.at is not None}
    return {name: where(value, size >= reach[name]) for name, value in values.items()}


def _mark_out_of_range(messages: Messages, values: Columns) -> None:
    """Set the fault of messages with a number that its column cannot store, which is null (see `number`)."""
    for value in values.values():
        if isinstance(value, Nullable):
            mark(messages, ~value.valid, faults.OUT_OF_RANGE)


def where(value: Value, valid: Mask) -> Value:
    """`value` with nulls where `valid` is False."""
    if isinstance(value, Nullable):
        return Nullable(value.values, value.valid & valid)
    if isinstance(value, Codes):
        return Codes(np.where(valid, value.codes, np.int32(-1)), value.pool)
    if isinstance(value, np.ndarray):
        return value if valid.all() else Nullable(value, valid)
    return pc.if_else(pa.array(valid), value, pa.scalar(None, value.type))


def lengths(messages: Messages, values: Ints, valid: Mask) -> Value:
    """A column i32 of the bytes from some offset to the end of each message on the wire; null where not `valid`.

    It is null too, with the fault `out_of_range`, where the number has more than 31 bits; `missing` of the message is
    then the greatest number of its array.
    """
    if len(values) and values.max() >= MOST_LENGTH - FURTHEST_HEADER:
        large = valid & ((values > MOST_LENGTH) | (messages.missing == MOST_LENGTH))
        messages.flag(large, faults.OUT_OF_RANGE)
        valid = valid & ~large
    return where(values.astype(np.int32), valid)


def fill(rows: int, index: npt.NDArray[np.intp], found: Value, over: Value = None) -> Value:
    """A column of addresses with `found` in rows `index`, and in other rows the values of `over` (None: null)."""
    if isinstance(found, Codes):
        codes = np.full(rows, -1, np.int32) if over is None else over.codes.copy()
        codes[index] = found.codes
        return Codes(codes, found.pool)
    texts = [None] * rows if over is None else over.to_pylist()
    for position, text in zip(index.tolist(), found.to_pylist(), strict=True):
        texts[position] = text
    return pa.array(texts, pa.string())


def plain(value: Value) -> npt.NDArray[Any]:
    """The numbers of a numeric column; arbitrary where it is null."""
    numbers: npt.NDArray[Any] = value.values if isinstance(value, Nullable) else value
    return numbers


def mark(messages: Messages, wrong: Mask, code: int) -> None:
    """Set the fault `code` of messages that are `wrong` and have none yet."""
    if wrong.any():
        messages.flag(wrong, code)


def mark_short(messages: Messages, short: Mask, code: int = faults.SHORT_HEADER) -> None:
    """Set the fault of messages that end too early: `cut` if the capture lacks bytes of them, else `code`."""
    if short.any():
        messages.flag(short & (messages.missing > 0), faults.CUT)
        messages.flag(short, code)


def lists(table: Table, name: str, offsets: npt.NDArray[np.int32], *values: Any) -> pa.Array:
    """The list column `name`: row i has elements offsets[i] to offsets[i + 1] (exclusive) of `values`.

    `values` is one array for a list of scalars, or one for each field of a list of structs.
    """
    data_type = column_type(table, name)
    element = data_type.value_type
    if pa.types.is_struct(element):
        arrays = [pa.array(value, element.field(index).type) for index, value in enumerate(values)]
        child = pa.StructArray.from_arrays(arrays, fields=list(element))
    else:
        child = pa.array(values[0], element)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), child, type=data_type)


def column_type(table: Table, name: str) -> pa.DataType:
    """The Arrow type of column `name`."""
    return arrow.schema(table).field(name).type


def _convert(
    table: Table,
    rows: npt.NDArray[Any],
    data: Bytes,
    start: Ints,
    pools: Mapping[str, Any],
) -> Columns:
    """The columns of header records `rows`, which begin at offsets `start` of `data`."""
    values: Columns = {}
    for column in table.columns:
        if column.at is None:
            continue
        kind = column.kind
        if isinstance(kind, str) and kind in TEXT:
            found = addresses(kind, data, start + column.at, pools)
            values[column.name] = where(found, ~_zero(rows[column.name])) if column.unset else found
            continue
        raw = rows[column.name]
        if column.bits is not None:
            shift, width = column.bits
            raw = raw >> shift if shift else raw
            raw = raw & ((1 << width) - 1) if shift + width < raw.dtype.itemsize * 8 else raw
        values[column.name] = number(column, raw)
    return values


def _zero(raw: npt.NDArray[np.void]) -> Mask:
    """Which values have no bit set."""
    octets = np.ascontiguousarray(raw).view(np.uint8).reshape(len(raw), raw.dtype.itemsize)
    zero: Mask = np.asarray(octets.max(axis=1) == 0)
    return zero


def addresses(kind: str, data: Bytes, at: Ints, pools: Mapping[str, Any]) -> Value:
    """The addresses at offsets `at`, as codes of the batch's pool, or as text if it has no pool."""
    name, family = POOLS[kind]
    if name in pools:
        return Codes(pools[name].codes(data, at, family), name)
    return TEXT[kind](data, at)


def number(column: Column, raw: npt.NDArray[Any]) -> Value:
    """`raw` in the stored type of `column`: text for hex64; u64 is null above 2^63 - 1, since int64 stores it."""
    if column.kind == "hex64":
        return pa.array([f"{value:016x}" for value in raw.tolist()], pa.string())
    if column.kind in ("u64", "u64le") and raw.dtype.itemsize == 8:
        native = raw.astype(np.uint64)
        fits = native <= np.uint64(np.iinfo(np.int64).max)
        return native.view(np.int64) if fits.all() else Nullable(native.view(np.int64), fits)
    stored = SCALARS[str(column.kind)].arrow
    return raw.astype(np.bool_ if stored == "bool" else stored)


def split_length(columns: Columns) -> Columns:
    """`columns` with `ethertype` divided: below 0x0600 it is the `length` of a payload (IEEE 802.3 clause 3.2.6)."""
    last = columns["ethertype"]
    typed = plain(last) >= FIRST_ETHERTYPE
    return columns | {"ethertype": where(last, typed), "length": where(last, ~typed)}
