"""What queries need of a lake, whatever its catalog is: tables, columns, and files with what is known of each.

A `Snapshot` is taken for every statement, so that a lake that grows is seen to grow and a statement sees one state of
it. Tables that this netlake declares and the lake has not seen yet are there too, empty: a question about them is
answered with no rows and not with an error.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from netlake.errors import QueryError
from netlake.lake.catalog import Catalog
from netlake.lake.facts import ColumnInfo, FileInfo
from netlake.schema import Table
from netlake.schema.contract import ids
from netlake.schema.sql import TYPES, literal, type_of
from netlake.schema.sql import name as quoted
from netlake.tables import entries

# what DuckLake calls a type and DuckDB does not; the rest are the same word in both
_OTHERS = {"int8": "TINYINT", "int128": "HUGEINT", "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER",
           "uint64": "UBIGINT", "uint128": "UHUGEINT", "float32": "FLOAT", "timestamp_us": "TIMESTAMP"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its frozen id, its name, its SQL type, what files without it read as (SQL), its sentence."""

    number: int
    name: str
    type: str
    default: str = "NULL"
    doc: str = ""


class Source(Protocol):
    """Tables by name, each with columns and files."""

    def names(self) -> Sequence[str]:
        """Every table, sorted."""

    def has(self, table: str) -> bool:
        """Whether there is such a table."""

    def doc(self, table: str) -> str:
        """What a row of `table` is, in one sentence."""

    def fields(self, table: str) -> tuple[Field, ...]:
        """The columns of `table`, in order."""

    def files(self, table: str, columns: Collection[int] = ()) -> Sequence[FileInfo]:
        """The files of `table`, in the order in which they were added, with what is known of these columns."""


class Snapshot:
    """A lake at one snapshot, which no writer changes."""

    def __init__(self, catalog: Catalog, at: int | dt.datetime | None = None) -> None:
        self.catalog = catalog
        self.at = catalog.snapshot(at)
        self._tables = catalog.tables(self.at)

    def names(self) -> Sequence[str]:
        """Every table of the lake, and every declared one."""
        return sorted(self._tables.keys() | entries().keys())

    def has(self, table: str) -> bool:
        """Whether the lake has it, or it is declared; declarations are asked last, since they take 0.2 s to load."""
        return table in self._tables or table in entries()

    def doc(self, table: str) -> str:
        """What a row of `table` is, in one sentence."""
        return self._tables[table].doc if table in self._tables else entries()[table].table.doc

    def fields(self, table: str) -> tuple[Field, ...]:
        """The columns of `table`: as the lake has them, and as declared where it has none."""
        if table not in self._tables:
            return tuple(of_declaration(entries()[table].table))
        return tuple(of_catalog(column) for column in self.catalog.columns(table, self.at))

    def files(self, table: str, columns: Collection[int] = ()) -> Sequence[FileInfo]:
        """The files of `table`; none where the lake has no such table."""
        return self.catalog.files(table, self.at, columns) if table in self._tables else ()


def of_catalog(column: ColumnInfo) -> Field:
    """A column as the catalog has it."""
    kind = sql_type(column)
    default = "NULL" if column.default is None else f"{literal(column.default)}::{kind}"
    return Field(column.id, column.name, kind, default, column.doc)


def sql_type(column: ColumnInfo) -> str:
    """The SQL type of `column`."""
    if column.type == "list":
        return sql_type(column.children[0]) + "[]"
    if column.type == "struct":
        inner = (f"{quoted(child.name)} {sql_type(child)}" for child in column.children)
        return f"STRUCT({', '.join(inner)})"
    if column.type == "map":
        return f"MAP({', '.join(sql_type(child) for child in column.children)})"
    return TYPES.get(column.type) or _OTHERS.get(column.type) or column.type.upper()


def of_declaration(table: Table) -> Iterator[Field]:
    """The columns of a table as this netlake declares it."""
    numbers = ids(table)
    for column in table.all_columns:
        yield Field(numbers[column.name], column.name, type_of(column.kind), doc=column.doc)


def moment(text: str | None) -> int | dt.datetime | None:
    """A snapshot as a person names it: its number, or a time (ISO 8601; without a zone it is UTC). None is now."""
    if text is None or (text.isascii() and text.isdigit()):
        return int(text) if text else None
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(
            f"{text!r} is no snapshot: write its number, or a time such as 2026-11-23T04:00:00Z."
        ) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
