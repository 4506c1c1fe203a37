"""Converts the values that parsers yielded, one dict for each row, to columns.

- Text and addresses may be given as bytes. Text that is not UTF-8 gets U+FFFD for invalid bytes; an address of a wrong
  length is null.
- Arrow accepts UTF-8 bytes as text, so values are decoded in Python only if Arrow refuses the whole column.
- A value that its column cannot store is null, and its row has the fault `out_of_range`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from netlake.layers.pools import WIDTHS, Pool, address_text
from netlake.packets import Codes, Columns, Messages, Value
from netlake.schema import Column, Kind, List, Struct, Table, arrow, faults

FAMILIES = (4, 6)
# what Arrow raises for a value that its type cannot store; the last one for text with surrogates
UNFIT = (pa.ArrowInvalid, OverflowError, UnicodeEncodeError)


def _address_shown(value: bytes) -> str | None:
    return address_text(value) if len(value) in (4, 16) else None


def _mac_shown(value: bytes) -> str | None:
    return value.hex(":") if len(value) == 6 else None


def _text_shown(value: bytes) -> str:
    return value.decode("utf-8", "replace")


ADDRESSES: dict[str, Callable[[bytes], str | None]] = {
    **dict.fromkeys(("ip", "ipv4", "ipv6"), _address_shown),
    "mac": _mac_shown,
}
# kinds stored as text that a parser may give as bytes, and their conversion
BYTES_SHOWN: dict[str, Callable[[bytes], str | None]] = {**dict.fromkeys(("text", "word"), _text_shown), **ADDRESSES}


def yielded_columns(table: Table, found: list[dict[str, Any]], kept: Messages) -> Columns:
    """The columns of `table` that occur in any row of `found`; sets faults in `kept`, the message of each row.

    Raises KeyError for a column that the table does not have.
    """
    present = set().union(*found)
    if strange := present.difference(column.name for column in table.columns):
        raise KeyError(f"parse yields {', '.join(sorted(strange))}, which table {table.name} does not have")
    return {column.name: _column(table, column, found, kept) for column in table.columns if column.name in present}


def _column(table: Table, column: Column, found: list[dict[str, Any]], kept: Messages) -> Value:
    """One column of all rows; a list is never null."""
    name, kind = column.name, column.kind
    data_type = arrow.schema(table).field(name).type
    values: list[Any] = [fields.get(name) for fields in found]
    if isinstance(kind, List):
        values = [value or [] for value in values]
    if isinstance(kind, str) and kind in ADDRESSES:
        return _interned(kind, [_set(column, value) for value in values], kept.pools)
    if _holds_addresses(kind):
        values = [_show(kind, value) for value in values]
    return _array(kind, values, data_type, kept)


def _holds_addresses(kind: Kind) -> bool:
    """Whether `kind` is or contains addresses, at any depth."""
    if isinstance(kind, List):
        return _holds_addresses(kind.element)
    if isinstance(kind, Struct):
        return any(_holds_addresses(column.kind) for column in kind.columns)
    return kind in ADDRESSES


def _show(kind: Kind, value: Any) -> Any:
    """`value` with bytes converted to the text that is stored, at any depth; changes lists and dicts in place."""
    if isinstance(kind, str):
        return BYTES_SHOWN[kind](value) if type(value) is bytes and kind in BYTES_SHOWN else value
    if isinstance(kind, List):
        if type(value) is list:
            value[:] = [_show(kind.element, one) for one in value]
    elif type(value) is dict:
        for column in kind.columns:
            if value.get(column.name) is not None:
                value[column.name] = _show(column.kind, _set(column, value[column.name]))
    return value


def _set(column: Column, value: Any) -> Any:
    """`value`, or None for an address of zeros in a column with `unset`."""
    return None if column.unset and type(value) is bytes and not any(value) else value


def _interned(kind: str, values: list[bytes | None], pools: Mapping[str, Any]) -> Value:
    """A column of addresses given as 4, 16 or 6 bytes (null for other lengths), or as text."""
    if any(isinstance(value, str) for value in values):
        return pa.array(values, pa.string())
    name = "mac" if kind == "mac" else "ip"
    pool = pools[name] if name in pools else Pool(name)
    codes = np.full(len(values), -1, np.int32)
    for family in FAMILIES if name == "ip" else (0,):
        size = WIDTHS[family]
        index = [position for position, value in enumerate(values) if value is not None and len(value) == size]
        data = np.frombuffer(b"".join(values[position] or b"" for position in index), np.uint8).copy()
        codes[index] = pool.codes(data, np.arange(len(index), dtype=np.int64) * size, family)
    return Codes(codes, name) if name in pools else pool.text(codes).cast(pa.string())


def _array(kind: Kind, values: list[Any], data_type: pa.DataType, messages: Messages) -> pa.Array:
    """An Arrow array; bytes that are not UTF-8 are decoded, values that do not fit are null with a fault."""
    try:
        return pa.array(values, data_type)
    except UNFIT:
        result: list[Any] = []
        for position, value in enumerate(values):
            shown = _show(kind, value)
            if not _fits(shown, data_type):
                shown = _fitting(shown, data_type)
                messages.flag(np.array([position], np.intp), faults.OUT_OF_RANGE)
            result.append(shown)
        return pa.array(result, data_type)


def _fits(value: Any, data_type: pa.DataType) -> bool:
    try:
        pa.array([value], data_type)
    except UNFIT:
        return False
    return True


def _fitting(value: Any, data_type: pa.DataType) -> Any:
    """`value` with nulls for its parts that do not fit; elements of a list that are no structs are left out."""
    if isinstance(value, list) and pa.types.is_list(data_type):
        element = data_type.value_type
        return [part for one in value if (part := _fitting(one, element)) is not None]
    if isinstance(value, dict) and pa.types.is_struct(data_type):
        return {field.name: _fitting(value.get(field.name), field.type) for field in data_type}
    return value if _fits(value, data_type) else None
