"""The twin of the reader of fixed headers: each column with `at`, one after the other, from its declaration.

A column needs the bytes of the number that contains it. This number has the size of the column's kind, or a larger one,
a power of two, if `bits` reach further: bits=(15, 1) of a flag are in a number of two bytes.
"""

from __future__ import annotations

import struct
from typing import Any

from netlake.schema import Column, Table
from tests.twins.message import Message, Row, address, mark, mark_short

SIZES = {"u8": 1, "i8": 1, "bool": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4, "u64": 8, "i64": 8, "hex64": 8, "f64": 8}
ADDRESSES = {"ipv4": 4, "ipv6": 16, "mac": 6}
LARGEST = (1 << 63) - 1


def fixed(table: Table, message: Message) -> Row:
    """The columns of the fixed header that the message reaches, and the fault."""
    row: Row = {"fault": None}
    if len(message.data) < table.size:
        mark_short(row, message)
    for column in table.columns:
        if column.at is None:
            continue
        data = message.data[column.at : column.at + size(column)]
        if len(data) == size(column):
            row[column.name] = value(column, data)
            if row[column.name] is None and column.kind not in ADDRESSES:
                mark(row, "out_of_range")
    return row


def size(column: Column) -> int:
    """Bytes of the number or address of a column."""
    kind = str(column.kind)
    if kind in ADDRESSES:
        return ADDRESSES[kind]
    result = SIZES[kind.removesuffix("le")]
    while column.bits is not None and 8 * result < sum(column.bits):
        result *= 2
    return result


def value(column: Column, data: bytes) -> Any:
    """The value of a column; None for an address that is not set and for a number that does not fit."""
    kind = str(column.kind)
    if kind in ADDRESSES:
        return None if column.unset and not any(data) else address(data)
    if kind == "f64":
        return struct.unpack(">d", data)[0]
    signed = kind.startswith("i") and column.bits is None
    number = int.from_bytes(data, "little" if kind.endswith("le") else "big", signed=signed)
    if column.bits is not None:
        shift, width = column.bits
        number = number >> shift & (1 << width) - 1
    if kind == "bool":
        return number != 0
    if kind == "hex64":
        return f"{number:016x}"
    return number if number <= LARGEST else None
