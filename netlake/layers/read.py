"""From messages to columns: a fixed header in one gather, a columnar reader, or message by message.

What a protocol file may hold beside TABLES, by table name where it has several:
- nothing: every column has `at`, and the declaration compiles to one structured dtype;
- `read(messages) -> columns` (`read_NAME`): columnar, for what is common; may start from `fixed(table, messages)`;
- `parse(cursor)` (`parse_NAME`): a generator of (column, value) for one message; what was yielded before the message
  ran short is kept. A parse that yields `NEXT` begins another row from the same message.
A column that a reader leaves out is null (a list: empty).

A value for a column is a NumPy array (no nulls), Nullable, Codes, or an Arrow array of the column's type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.layers.pools import ipv4_text, ipv6_text, mac_text
from netlake.packets import Cursor, Malformed, Messages, Nullable, Short
from netlake.schema import Column, List, Struct, Table, arrow, faults
from netlake.schema.contract import ids
from netlake.schema.kinds import SCALARS

Value = npt.NDArray[Any] | Nullable | Any  # Any: Codes, pa.Array
Columns = dict[str, Value]
Parser = Callable[[Cursor], Iterator[tuple[str, Any]]]

# yielded as a column's name: the row ends here and the next begins
NEXT = ""

TEXT = {"ipv4": (4, ipv4_text), "ipv6": (16, ipv6_text), "mac": (6, mac_text)}


def gather(data: npt.NDArray[np.uint8], at: npt.NDArray[np.int64], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """One record of `dtype` at each offset, which must lie whole inside `data`: 18 M/s, by a one-byte-stride view."""
    size = dtype.itemsize
    every = np.ndarray((max(0, len(data) - size + 1),), f"V{size}", data, strides=(1,))
    return every[at].view(dtype)


def header(table: Table) -> np.dtype[Any]:
    """The structured dtype of the fixed header that `table` declares."""
    placed = [column for column in table.columns if column.at is not None]
    formats = [wire(column) for column in placed]
    return np.dtype({"names": [c.name for c in placed], "formats": formats, "offsets": [c.at for c in placed],
                     "itemsize": table.size})  # fmt: skip


def wire(column: Column) -> str:
    """The NumPy format of `column` on the wire; a flag lies in one byte unless it says otherwise."""
    scalar = column.scalar
    if scalar is None:
        raise TypeError(column.name)
    return scalar.wire or "u1"


def fixed(table: Table, messages: Messages) -> Columns:
    """Every column with `at`. Messages shorter than the header are marked and keep the columns that they reach."""
    size = messages.end - messages.start
    whole = size >= table.size
    if whole.all():
        return _convert(table, gather(messages.data, messages.start, header(table)), messages.data, messages.start)
    messages.flag(~whole & (messages.missing > 0), faults.CUT)
    messages.flag(~whole, faults.SHORT_HEADER)
    padded = np.zeros((len(messages), table.size), np.uint8)
    padded[whole] = gather(messages.data, messages.start[whole], np.dtype(("u1", table.size)))
    for index in np.flatnonzero(~whole):
        start, end = messages.start[index], messages.end[index]
        padded[index, : max(0, end - start)] = messages.data[start:end]
    starts = np.arange(len(messages), dtype=np.int64) * table.size
    flat = padded.reshape(-1)
    columns = _convert(table, gather(flat, starts, header(table)), flat, starts)
    reach = {c.name: (c.at or 0) + np.dtype(wire(c)).itemsize for c in table.columns if c.at is not None}
    return {name: _where(value, size >= reach[name]) for name, value in columns.items()}


def _where(value: Value, valid: npt.NDArray[np.bool_]) -> Value:
    """`value`, null where not `valid`."""
    if isinstance(value, Nullable):
        return Nullable(value.values, value.valid & valid)
    if isinstance(value, np.ndarray):
        return Nullable(value, valid)
    return pa.compute.if_else(pa.array(valid), value, pa.scalar(None, value.type))


def _convert(table: Table, rows: npt.NDArray[Any], data: npt.NDArray[np.uint8], start: npt.NDArray[np.int64]) -> Columns:
    columns: Columns = {}
    for column in table.columns:
        if column.at is None:
            continue
        kind = column.kind
        if kind in TEXT:
            columns[column.name] = TEXT[str(kind)][1](data, start + column.at)
            continue
        raw = rows[column.name]
        if column.bits is not None:
            shift, width = column.bits
            raw = (raw >> shift) & ((1 << width) - 1)
        columns[column.name] = number(column, raw)
    return columns


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


def by_message(table: Table, parse: Parser, messages: Messages) -> tuple[Messages, Columns]:
    """Rows of `parse`, and the messages again, one for each row (a parser may give several)."""
    values: dict[str, list[Any]] = {column.name: [] for column in table.columns}
    index: list[int] = []
    marks: list[int] = []
    missing = messages.missing.tolist()
    for position, (data, detail) in enumerate(zip(messages, messages.detail.tolist(), strict=True)):
        for fields, fault in rows(parse, data, detail, cut=missing[position] > 0):
            index.append(position)
            marks.append(fault)
            for column in table.columns:
                value = fields.get(column.name)
                values[column.name].append([] if value is None and isinstance(column.kind, List) else value)
    kept = messages.take(np.array(index, np.intp))
    kept.flag(np.ones(len(index), np.bool_), np.array(marks, np.int8))  # type: ignore[arg-type]
    _number_places(kept)
    numbers = ids(table)
    types = {c.name: arrow.data_type(c.kind, c.name, numbers) for c in table.columns}
    return kept, {name: _array(column, types[name], kept) for name, column in values.items()}


def rows(parse: Parser, data: bytes, detail: int = 0, *, cut: bool = False) -> Iterator[tuple[dict[str, Any], int]]:
    """The rows of one message, each with the code of its fault: what was read before it ran short is kept."""
    cursor = Cursor(data, detail=detail)
    fields: dict[str, Any] = {}
    fault = None
    try:
        for name, value in parse(cursor):
            if name == NEXT:
                yield fields, faults.CODES[cursor.faults[0]] if cursor.faults else 0
                fields = {}
                cursor.faults.clear()
            else:
                fields[name] = value
    except Short:
        fault = "cut" if cut else "short_header"
    except Malformed as found:
        fault = found.fault
    marks = [*cursor.faults, *([fault] if fault else [])]
    yield fields, faults.CODES[marks[0]] if marks else 0


def _number_places(messages: Messages) -> None:
    """Places follow the rows where a message gave several."""
    row = messages.row
    if len(row) < 2 or not (repeated := row[1:] == row[:-1]).any():
        return
    for position in np.flatnonzero(repeated) + 1:
        messages.place[position] = messages.place[position - 1] + 1


def _array(values: list[Any], data_type: pa.DataType, messages: Messages) -> pa.Array:
    """An Arrow array; a number that does not fit is null and its row marked."""
    try:
        return pa.array(values, data_type)
    except (pa.ArrowInvalid, OverflowError):
        result: list[Any] = []
        for position, value in enumerate(values):
            try:
                pa.array([value], data_type)
                result.append(value)
            except (pa.ArrowInvalid, OverflowError):
                result.append([] if isinstance(value, list) else None)
                messages.flag(np.array([position], np.intp), faults.OUT_OF_RANGE)
        return pa.array(result, data_type)


def nested(kind: Struct | List) -> bool:
    """Whether a kind nests others."""
    return isinstance(kind, Struct | List)
