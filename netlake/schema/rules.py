"""The rules for declarations of tables, for the tests and for authors of plugins.

`broken` checks one table: name, description, dispatch keys, key, context, then each column recursively: name,
description, Wireshark field or reason, encoding, kind, and offset in a fixed header. `broken_together` checks names
across tables. Both yield one message for each broken rule, which starts with the names of table and column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from netlake.errors import SchemaError
from netlake.schema import CONTEXTS, Column, List, Message, Struct, Table
from netlake.schema.kinds import SCALARS
from netlake.schema.message import fields, parse
from netlake.schema.proto import message_name

# names of other files in schemas/ and proto/ (contract.json, README.md, netlake.proto), and of the message Header
RESERVED = frozenset({"contract", "readme", "netlake", "header"})
ADDRESSES = frozenset({"ip", "ipv4", "ipv6", "mac"})
ENCODINGS = frozenset({None, "dictionary", "delta", "split", "plain"})
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_KEY = re.compile(r"[a-z0-9_.]+=(0x[0-9a-f]+|[a-z0-9_.*-]+)")


def broken(table: Table) -> Iterator[str]:
    """A message for every rule that `table` breaks."""
    at = f"{table.name}: "
    if not _NAME.fullmatch(table.name):
        yield f"{at}the name is not snake_case"
    if table.name in RESERVED:
        yield f"{at}the name is reserved for a generated file"
    if not table.doc.endswith("."):
        yield f"{at}the description does not end with a full stop"
    if table.on and not table.spec:
        yield f"{at}there is no `spec`; name the document that defines the protocol"
    if table.context not in CONTEXTS:
        yield f"{at}context {table.context} does not exist; use one of {', '.join(CONTEXTS)}"
        return
    yield from (f"{at}{key} is not of the form layer.field=value" for key in table.on if not _KEY.fullmatch(key))
    names = {column.name for column in table.all_columns}
    yield from (f"{at}the key contains {name}, which is not a column" for name in table.key if name not in names)
    yield from _group(table.all_columns, table, at)
    for column in table.columns:
        yield from _placed(column, table, f"{at}{column.name} ")
    if table.message is not None:
        yield from _told(table, table.message, f"{at}the message ")


def broken_together(tables: Iterable[Table]) -> Iterator[str]:
    """A message for every name, name of a protobuf message, or group that several of `tables` have."""
    tables = tuple(tables)
    for name, count in Counter(message_name(table.name) for table in tables).items():
        if count > 1:
            yield f"{name}: {count} tables have this name of a protobuf message"
    names = {table.name for table in tables}
    for group in sorted({table.message.group for table in tables if table.message} & names):
        yield f"{group}: a group of messages has the name of a table"


def _told(table: Table, message: Message, at: str) -> Iterator[str]:
    """The rules for the message of a table: its template, and the columns that it names."""
    columns = {column.name: column for column in table.all_columns}
    if not _NAME.fullmatch(message.group):
        yield f"{at}has the group {message.group!r}, which is not snake_case"
    try:
        placeholders = list(fields(parse(message.text) + parse(message.only)))
    except SchemaError as error:
        yield f"{at}is invalid: {error}"
        return
    named = [part.column for part in placeholders] + [message.time, *(message.ends or ()), *message.hosts]
    yield from (f"{at}names {name}, which is not a column" for name in dict.fromkeys(named) if name not in columns)
    for part in placeholders:
        inner = {field.name for field in columns[part.column].fields} if part.column in columns else set()
        if part.column in columns and (part.field is None) == bool(inner):
            yield (
                f"{at}names {part.column}, a column with fields, without one of them"
                if inner
                else (f"{at}names {part.column}.{part.field}, but the column has no fields")
            )
        elif part.field is not None and inner and part.field not in inner:
            yield f"{at}names {part.column}.{part.field}, which is not a field"
    if message.time in columns and columns[message.time].kind != "ts":
        yield f"{at}has the time {message.time}, which is not a time"


def _group(columns: tuple[Column, ...], table: Table, at: str) -> Iterator[str]:
    """The rules for the columns of a table or struct together, and for each of them."""
    if not columns:
        yield f"{at}there are no columns"
    for name, count in Counter(message_name(column.name).lower() for column in columns).items():
        if count > 1:
            yield f"{at}{count} columns are named {name} (underscores are ignored)"
    for column in columns:
        yield from _column(column, table, f"{at}{column.name} ")


def _column(column: Column, table: Table, at: str) -> Iterator[str]:
    if not _NAME.fullmatch(column.name):
        yield f"{at}is not snake_case"
    if not column.doc.endswith("."):
        yield f"{at}has no description that ends with a full stop"
    if not column.wireshark and not column.reason(table):
        yield f"{at}has neither a Wireshark field nor a reason (why=)"
    if column.unset and column.kind not in ADDRESSES:
        yield f"{at}has `unset`, but is not an address"
    if column.encoding not in ENCODINGS:
        yield f"{at}has the unknown encoding {column.encoding}"
    yield from _kind(column.kind, table, at)


def _kind(kind: object, table: Table, at: str, *, listed: bool = False) -> Iterator[str]:
    if isinstance(kind, List):
        if listed:
            yield f"{at}is a list of lists; put a struct between them"
        yield from _kind(kind.element, table, at, listed=True)
    elif isinstance(kind, Struct):
        yield from _group(kind.columns, table, at)
    elif kind not in SCALARS:
        yield f"{at}has the unknown kind {kind}"


def _placed(column: Column, table: Table, at: str) -> Iterator[str]:
    """The rules for a column in a fixed header."""
    if column.at is None:
        if column.bits is not None:
            yield f"{at}has bits= but no at="
        return
    scalar = column.scalar if column.kind in SCALARS else None
    if scalar is None or (scalar.wire is None and column.kind != "bool"):
        yield f"{at}has at=, but its kind has no fixed wire format"
        return
    width = np.dtype(scalar.wire or "u1").itemsize
    shift, count = column.bits or (0, 8 * width)
    if shift < 0 or count < 1 or count > 8 * width or (column.kind == "bool" and column.bits and count != 1):
        yield f"{at}has {count} bits from bit {shift} in a value of {8 * width} bits"
        return
    while 8 * width < shift + count:  # the number that contains the bits may be wider than the value
        width *= 2
    if width > 8 or column.at < 0 or column.at + width > table.size:
        yield f"{at}is in bytes {column.at} to {column.at + width} of a header of {table.size} bytes"
