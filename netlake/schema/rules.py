"""What a declaration must keep to: every rule in one place, for the tests and for authors of outside tables.

A rule that breaks is told as a sentence that begins with the table and the column; none means that all is in order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from netlake.schema import CONTEXTS, Column, List, Struct, Table
from netlake.schema.kinds import SCALARS
from netlake.schema.proto import message_name

# contract.json and README.md stand beside the tables' files, netlake.proto and its Header beside their messages
RESERVED = frozenset({"contract", "readme", "netlake", "header"})
ADDRESSES = frozenset({"ip", "ipv4", "ipv6", "mac"})
ENCODINGS = frozenset({None, "dictionary", "delta", "split", "plain"})
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_KEY = re.compile(r"[a-z0-9_.]+=(0x[0-9a-f]+|[a-z0-9_.*-]+)")


def broken(table: Table) -> Iterator[str]:
    """Every rule that `table` breaks."""
    at = f"{table.name}: "
    if not _NAME.fullmatch(table.name):
        yield f"{at}its name is not snake_case"
    if table.name in RESERVED:
        yield f"{at}its name is taken by a file beside the tables' own"
    if not table.doc.endswith("."):
        yield f"{at}its sentence does not end in a full stop"
    if table.context not in CONTEXTS:
        yield f"{at}there is no context {table.context}"
        return
    yield from (f"{at}{key} is not of the form layer.field=value" for key in table.on if not _KEY.fullmatch(key))
    names = {column.name for column in table.all_columns}
    yield from (f"{at}its key names {name}, which it has not" for name in table.key if name not in names)
    yield from _group(table.all_columns, table, at)
    for column in table.columns:
        yield from _placed(column, table, f"{at}{column.name} ")


def broken_together(tables: Iterable[Table]) -> Iterator[str]:
    """Every rule that tables break between them: two may not have one name, nor one message name."""
    for name, count in Counter(message_name(table.name) for table in tables).items():
        if count > 1:
            yield f"{name}: {count} tables have this message name"


def _group(columns: tuple[Column, ...], table: Table, at: str) -> Iterator[str]:
    """The rules of columns that stand together, and of each."""
    if not columns:
        yield f"{at}it has no columns"
    for name, count in Counter(message_name(column.name).lower() for column in columns).items():
        if count > 1:
            yield f"{at}{name} stands {count} times (underscores do not tell columns apart)"
    for column in columns:
        yield from _column(column, table, f"{at}{column.name} ")


def _column(column: Column, table: Table, at: str) -> Iterator[str]:
    if not _NAME.fullmatch(column.name):
        yield f"{at}is not snake_case"
    if not column.doc.endswith("."):
        yield f"{at}has no sentence that ends in a full stop"
    if not column.wireshark and not column.reason(table):
        yield f"{at}has no Wireshark field and does not say why"
    if column.unset and column.kind not in ADDRESSES:
        yield f"{at}has `unset`, but is not an address"
    if column.encoding not in ENCODINGS:
        yield f"{at}has the encoding {column.encoding}, which there is not"
    yield from _kind(column.kind, table, at)


def _kind(kind: object, table: Table, at: str, *, listed: bool = False) -> Iterator[str]:
    if isinstance(kind, List):
        if listed:
            yield f"{at}is a list of lists; put a struct between"
        yield from _kind(kind.element, table, at, listed=True)
    elif isinstance(kind, Struct):
        yield from _group(kind.columns, table, at)
    elif kind not in SCALARS:
        yield f"{at}has the kind {kind}, which there is not"


def _placed(column: Column, table: Table, at: str) -> Iterator[str]:
    """The rules of a column that lies in a fixed header."""
    if column.at is None:
        if column.bits is not None:
            yield f"{at}has bits but no place"
        return
    scalar = column.scalar if column.kind in SCALARS else None
    if scalar is None or (scalar.wire is None and column.kind != "bool"):
        yield f"{at}has a place, but its kind has no fixed form"
        return
    width = np.dtype(scalar.wire or "u1").itemsize
    shift, count = column.bits or (0, 8 * width)
    if shift < 0 or count < 1 or count > 8 * width or (column.kind == "bool" and column.bits and count != 1):
        yield f"{at}takes {count} bits from bit {shift} for a value of {8 * width}"
        return
    while 8 * width < shift + count:  # the number that holds it may be wider than it is
        width *= 2
    if width > 8 or column.at < 0 or column.at + width > table.size:
        yield f"{at}lies in bytes {column.at} to {column.at + width} of a header of {table.size}"
