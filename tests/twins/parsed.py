"""The twin of the driver of message-by-message parsers: what a parser yields, as rows.

A columnar reader that only selects messages, or that reads all but a fixed header message by message, has a twin that
runs the same parser: the parser is plain code over a Cursor, and only its driver and what is around it are columnar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, Kind, List, Struct, Table
from tests.twins.message import Message, Row, address, mark, mark_short

Parser = Callable[[Cursor], Iterator[tuple[str, Any]]]

WIDTHS = {"ip": (4, 16), "ipv4": (4, 16), "ipv6": (4, 16), "mac": (6,)}
# the largest value of the stored type of each kind of number
LARGEST = {"u8": 15, "i8": 15, "u16": 31, "i16": 15, "u32": 63, "i32": 31, "u64": 63, "i64": 63}


def run(table: Table, parse: Parser, message: Message) -> list[Row]:
    """The rows that `parse` yields of the message; what was yielded before an error is kept."""
    cursor = Cursor(message.data, 0, -1, message.hint, None, message.missing, *message.ports)
    row: Row = {"fault": None}
    result: list[Row] = []
    try:
        for name, value in parse(cursor):
            if name == "-":
                return result
            if name == "":
                result.append(_ended(row, cursor))
                row = {"fault": None}
                cursor.faults.clear()
            else:
                row[name] = value
    except Short:
        mark_short(_ended(row, cursor), message)
    except Malformed as found:
        mark(_ended(row, cursor), found.fault)
    result.append(_ended(row, cursor))
    return [_shown(table.columns, row) for row in result]


def _ended(row: Row, cursor: Cursor) -> Row:
    if cursor.faults:
        mark(row, cursor.faults[0])
    return row


def _shown(columns: tuple[Column, ...], row: Row) -> Row:
    """The row with its values as stored; a number that does not fit is null and marks the row."""
    kinds = {column.name: column for column in columns}
    result: Row = {"fault": row["fault"]}
    for name, value in row.items():
        if name != "fault" and value is not None:
            result[name] = _value(kinds[name].kind, value, unset=kinds[name].unset)
            if isinstance(value, int) and result[name] is None:
                mark(result, "out_of_range")
    return result


def _value(kind: Kind, value: Any, *, unset: bool = False) -> Any:
    """A value of `kind` as it is stored; bytes become text or addresses."""
    if isinstance(kind, List):
        return [_value(kind.element, one) for one in value]
    if isinstance(kind, Struct):
        fields = {column.name: column for column in kind.columns}
        return {
            name: None if one is None else _value(fields[name].kind, one, unset=fields[name].unset)
            for name, one in value.items()
        }
    if isinstance(value, bytes) and kind in WIDTHS:
        return address(value) if len(value) in WIDTHS[kind] and (any(value) or not unset) else None
    if isinstance(value, bytes) and kind in ("text", "word"):
        return value.decode("utf-8", "replace")
    if isinstance(value, int) and kind in LARGEST and not -(1 << LARGEST[kind]) <= value < 1 << LARGEST[kind]:
        return None
    return value
