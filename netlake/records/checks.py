"""Checks what a reader returned before its rows are added, so that a mistake in a plugin is a fault of its rows.

Without these checks a wrong value raises where values are copied into slots, or later in the thread that writes row
groups; there the exception would end the decoding of the capture.

Rules:
- For every table: the result is a mapping of columns, or (Messages, mapping); the names are columns of the table's own,
  not context; each column has one value for each message. This costs less than a microsecond for each column.
- For tables of plugins also: each value is of a type that a slot of the column accepts (netlake.records.slots), codes
  are in their pool, and Messages that the reader made are messages of the batch, with a context if the batch has one.
  Arrow arrays of another type are cast. The result of a hook of netlake is not checked this far, because tests do.
- A plugin's reader gets copies of the arrays of Messages, so that a call that fails changes no fault or position.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.packets import Codes, Columns, Messages, Nullable, Value
from netlake.records.slots import storage
from netlake.schema import Column, Table, arrow, faults

# the arrays of Messages with one entry for each message
BY_MESSAGE = (
    "start", "end", "row", "missing", "fault", "header", "place", "source_port", "destination_port", "hint",
)  # fmt: skip
# the pool whose codes a column of addresses contains
POOLS = {"ip": "ip", "ipv4": "ip", "ipv6": "ip", "mac": "mac"}


class InvalidResult(Exception):  # noqa: N818 - the report shows the name: it describes the mistake
    """A hook returned something that cannot be the columns of its table."""


class Checks:
    """The checks for one table; `outside` is True for a table of a plugin."""

    def __init__(self, table: Table, *, outside: bool) -> None:
        self.table, self.outside = table, outside
        self.columns: dict[str, Column] = {column.name: column for column in table.columns}

    def given(self, messages: Messages) -> Messages:
        """The messages to pass to the reader: for a plugin with copies of their arrays."""
        return messages.take(np.arange(len(messages))) if self.outside else messages

    def result(self, found: Any, given: Messages, messages: Messages) -> tuple[Messages, Columns]:
        """The messages and columns of `found`, which a reader returned for `given`, made of `messages`.

        InvalidResult if they are invalid.
        """
        kept, columns = found if isinstance(found, tuple) and len(found) == 2 else (given, found)
        if not isinstance(kept, Messages) or not isinstance(columns, Mapping):
            shown = type(found).__name__
            raise InvalidResult(f"it returned {shown} instead of a dict of columns, or Messages and such a dict")
        if self.outside:
            _check_messages(kept, messages)
        return kept, self.checked(columns, kept)

    def checked(self, columns: Mapping[str, Value], kept: Messages) -> Columns:
        """`columns`, whose rows are those of `kept`, with Arrow arrays cast for a plugin; InvalidResult if invalid."""
        if not columns.keys() <= self.columns.keys():
            names = ", ".join(sorted(map(str, columns.keys() - self.columns.keys())))
            raise InvalidResult(f"it returned {names}, which table {self.table.name} does not have")
        if self.outside:
            columns = {name: self._typed(name, value, kept) for name, value in columns.items()}
        count = len(kept)
        for name, value in columns.items():
            if (size := _length(value)) != count:
                raise InvalidResult(f"it returned {size} values of column {name} for {count} messages")
        return columns if isinstance(columns, dict) else dict(columns)

    def _typed(self, name: str, value: Value, kept: Messages) -> Value:
        """`value` if a slot of column `name` accepts it, an Arrow array in the type of the column."""
        data_type = arrow.schema(self.table).field(name).type
        if isinstance(value, pa.Array):
            return _cast(name, value, data_type)
        if isinstance(value, Codes):
            fits = POOLS.get(str(self.columns[name].kind)) == value.pool and _valid_codes(value, kept)
        elif isinstance(value, Nullable):
            fits = _is_vector(value.valid, len(kept), np.bool_) and _is_numbers(value.values, data_type)
        else:
            fits = _is_numbers(value, data_type)
        if not fits:
            raise InvalidResult(f"it returned {_shown(value)} for column {name}, which is stored as {data_type}")
        return value


def _length(value: Value) -> int:
    """How many values a column has."""
    if isinstance(value, Nullable):
        return len(value.values)
    return len(value.codes if isinstance(value, Codes) else value)


def _shown(value: Value) -> str:
    """The type of a value, for messages."""
    if isinstance(value, Codes):
        return f"Codes of the pool {value.pool}"
    inside = value.values if isinstance(value, Nullable) else value
    kind = f" of {inside.dtype} {inside.shape}" if isinstance(inside, np.ndarray) else ""
    return f"{type(value).__name__}{kind}"


def _cast(name: str, value: pa.Array, data_type: pa.DataType) -> pa.Array:
    try:
        plain = value.dictionary_decode() if isinstance(value, pa.DictionaryArray) else value
        return plain if plain.type == data_type else plain.cast(data_type)
    except pa.ArrowException as error:
        raise InvalidResult(f"it returned {value.type} for column {name}, which is stored as {data_type}") from error


def _is_vector(value: Any, count: int, dtype: npt.DTypeLike) -> bool:
    return isinstance(value, np.ndarray) and value.shape == (count,) and value.dtype == dtype


def _is_numbers(value: Any, data_type: pa.DataType) -> bool:
    """Whether `value` is an array of numbers that can be copied into an array of the stored type."""
    if not isinstance(value, np.ndarray) or value.ndim != 1:
        return False
    if pa.types.is_nested(data_type) or pa.types.is_string(data_type) or pa.types.is_binary(data_type):
        return False
    return np.can_cast(value.dtype, storage(data_type), "same_kind")


def _valid_codes(value: Codes, kept: Messages) -> bool:
    codes = value.codes
    if not isinstance(codes, np.ndarray) or codes.ndim != 1 or not np.can_cast(codes.dtype, np.int64):
        return False
    pool = kept.pools.get(value.pool)
    return pool is not None and (not len(codes) or -1 <= int(codes.min()) <= int(codes.max()) < len(pool))


def _check_messages(kept: Messages, given: Messages) -> None:
    """Raises InvalidResult unless `kept` are messages of the packets of `given`, with known faults."""
    count = len(kept)
    for name in BY_MESSAGE:
        if not _is_vector(getattr(kept, name), count, getattr(given, name).dtype):
            raise InvalidResult(f"it changed `{name}` of the messages to {_shown(getattr(kept, name))}")
    if (kept.context is None) != (given.context is None) or (count and not np.isin(kept.row, given.row).all()):
        raise InvalidResult("it returned Messages that were not made by `take` of the messages that it got")
    if kept.context is not None and len(kept.context) != count:
        raise InvalidResult("it changed the context of the messages")
    if not np.isin(kept.header, np.append(given.header, np.int32(-1))).all():
        raise InvalidResult("it changed `header` of the messages to one of other messages")
    if count and not 0 <= int(kept.fault.min()) <= int(kept.fault.max()) < len(faults.NAMES):
        raise InvalidResult("it set a fault that is no code of netlake.schema.faults")
