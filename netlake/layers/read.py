"""From messages to columns: a fixed header in one gather, a columnar reader, or message by message.

What a protocol file may hold beside TABLES, by table name where it has several:
- nothing: every column has `at`, and the declaration compiles to one structured dtype;
- `read(messages) -> columns` (`read_NAME`): columnar, for what is common; may start from `fixed(table, messages)`, and
  read what varies behind that with `each`. Where rows are not messages one for one it gives `(messages, columns)`, the
  messages again, one for each row;
- `parse(cursor)` (`parse_NAME`): a generator of (column, value) for one message; what was yielded before the message
  ran short is kept. A parse that yields `NEXT` begins another row from the same message, one that yields `NO_ROW` ends
  without one (the message is another table's, or holds no more rows). A list is yielded before it is filled, so that
  what was read of it is kept too. Addresses and text may be yielded as bytes. These names are in netlake.layers.parsed.
A column that a reader leaves out is null (a list: empty).

A value for a column is a NumPy array (no nulls), Nullable, Codes, or an Arrow array of the column's type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netlake.layers.pools import ipv4_text, ipv6_text, mac_text
from netlake.packets import Bytes, Codes, Columns, Ints, Mask, Messages, Nullable, Value
from netlake.schema import Column, Table, arrow, faults
from netlake.schema.kinds import SCALARS

TEXT: dict[str, Callable[[Bytes, Ints], pa.Array]] = {"ipv4": ipv4_text, "ipv6": ipv6_text, "mac": mac_text}
# the pool and the family in it of each kind of address that lies at a fixed place
POOLS = {"ipv4": ("ip", 4), "ipv6": ("ip", 6), "mac": ("mac", 0)}


def gather(data: Bytes, at: Ints, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """One record of `dtype` at each offset, which must lie whole inside `data`: 18 M/s, by a one-byte-stride view."""
    size = dtype.itemsize
    every = np.ndarray((max(0, len(data) - size + 1),), f"V{size}", data, strides=(1,))
    return every[at].view(dtype)


@cache
def header(table: Table) -> np.dtype[Any]:
    """The structured dtype of the fixed header that `table` declares."""
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
    """The NumPy format of the number that holds `column`: its kind's, or a wider one where `bits` reach further.

    A flag without bits is one byte; `bits` count from the lowest of the number, so bits=(15, 1) make it two bytes wide.
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
    """Every column with `at`. Messages shorter than the header are marked and keep the columns that they reach."""
    whole = messages.end - messages.start >= table.size
    if whole.all():
        rows = gather(messages.data, messages.start, header(table))
        values = _convert(table, rows, messages.data, messages.start, messages.pools)
        _mark_out_of_range(messages, values)
        return values
    return _fixed_short(table, messages, whole)


def _fixed_short(table: Table, messages: Messages, whole: Mask) -> Columns:
    """As `fixed`, where some are short: they are read from copies that zeros make as long as the header."""
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
    values = _convert(table, gather(flat, starts, header(table)), flat, starts, messages.pools)
    _mark_out_of_range(messages, values)
    reach = {c.name: c.at + np.dtype(wire(c)).itemsize for c in table.columns if c.at is not None}
    return {name: where(value, size >= reach[name]) for name, value in values.items()}


def _mark_out_of_range(messages: Messages, values: Columns) -> None:
    """Mark messages with a number that its column cannot hold, which is null (see `number`)."""
    for value in values.values():
        if isinstance(value, Nullable):
            mark(messages, ~value.valid, faults.OUT_OF_RANGE)


def where(value: Value, valid: Mask) -> Value:
    """`value`, null where not `valid`."""
    if isinstance(value, Nullable):
        return Nullable(value.values, value.valid & valid)
    if isinstance(value, Codes):
        return Codes(np.where(valid, value.codes, np.int32(-1)), value.pool)
    if isinstance(value, np.ndarray):
        return value if valid.all() else Nullable(value, valid)
    return pc.if_else(pa.array(valid), value, pa.scalar(None, value.type))


def fill(rows: int, index: npt.NDArray[np.intp], found: Value, over: Value = None) -> Value:
    """A column of addresses: `found` in rows `index`, else those of the column `over`, or null without one."""
    if isinstance(found, Codes):
        codes = np.full(rows, -1, np.int32) if over is None else over.codes.copy()
        codes[index] = found.codes
        return Codes(codes, found.pool)
    texts = [None] * rows if over is None else over.to_pylist()
    for position, text in zip(index.tolist(), found.to_pylist(), strict=True):
        texts[position] = text
    return pa.array(texts, pa.string())


def plain(value: Value) -> npt.NDArray[Any]:
    """The numbers of a numeric column; what stands where it is null means nothing."""
    numbers: npt.NDArray[Any] = value.values if isinstance(value, Nullable) else value
    return numbers


def mark(messages: Messages, wrong: Mask, code: int) -> None:
    """Mark messages with a fault, at no cost where there is none."""
    if wrong.any():
        messages.flag(wrong, code)


def mark_short(messages: Messages, short: Mask, code: int = faults.SHORT_HEADER) -> None:
    """Mark messages that end too soon: `cut` where the capture lacks bytes of them, else `code`."""
    if short.any():
        messages.flag(short & (messages.missing > 0), faults.CUT)
        messages.flag(short, code)


def lists(table: Table, name: str, offsets: npt.NDArray[np.int32], *values: Any) -> pa.Array:
    """The list column `name`: row i holds elements offsets[i] to offsets[i + 1] of `values`, one array a field."""
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
    """Which of some values of one width have no bit set."""
    octets = np.ascontiguousarray(raw).view(np.uint8).reshape(len(raw), raw.dtype.itemsize)
    zero: Mask = np.asarray(octets.max(axis=1) == 0)
    return zero


def addresses(kind: str, data: Bytes, at: Ints, pools: Mapping[str, Any]) -> Value:
    """The addresses at `at`: codes of the batch's pool, or text where it has none."""
    name, family = POOLS[kind]
    if name in pools:
        return Codes(pools[name].codes(data, at, family), name)
    return TEXT[kind](data, at)


def number(column: Column, raw: npt.NDArray[Any]) -> Value:
    """`raw` as the stored type of `column`: text for hex64, null above 2^63-1 for u64."""
    if column.kind == "hex64":
        return pa.array([f"{value:016x}" for value in raw.tolist()], pa.string())
    if column.kind in ("u64", "u64le") and raw.dtype.itemsize == 8:
        native = raw.astype(np.uint64)
        fits = native <= np.uint64(np.iinfo(np.int64).max)
        return native.view(np.int64) if fits.all() else Nullable(native.view(np.int64), fits)
    stored = SCALARS[str(column.kind)].arrow
    return raw.astype(np.bool_ if stored == "bool" else stored)
