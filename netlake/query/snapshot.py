"""The tables, columns and files of a lake as queries need them, independent of the catalog's format.

- Each statement uses a new `Snapshot`: it sees one state of the lake, and later statements see later captures.
- Declared tables that the lake does not contain yet are included without files, so that a query on them returns no rows
  instead of an error.
- A snapshot of single captures has only their files, and `only`, by which rows of files that several captures share
  are left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from netlake.errors import OptionError
from netlake.lake.catalog import Catalog
from netlake.lake.facts import CaptureFacts, ColumnInfo, FileInfo
from netlake.schema import Table
from netlake.schema.contract import ids
from netlake.schema.sql import TYPES, literal, type_of
from netlake.schema.sql import name as quoted
from netlake.tables import entries

# types with different names in DuckLake and DuckDB
_OTHERS = {"int8": "TINYINT", "int128": "HUGEINT", "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER",
           "uint64": "UBIGINT", "uint128": "UHUGEINT", "float32": "FLOAT", "timestamp_us": "TIMESTAMP"}  # fmt: skip


# most digits of a number of a snapshot: it has 63 bits in the catalog
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Field:
    """One column: frozen id, name, SQL type, default (SQL) for files without it, description."""

    number: int
    name: str
    type: str
    default: str = "NULL"
    doc: str = ""


class Snapshot:
    """A lake at one snapshot, which is immutable; `only` are ids of captures, whose rows alone it has, None for all."""

    def __init__(
        self, catalog: Catalog, at: int | dt.datetime | None = None, only: Collection[str] | None = None
    ) -> None:
        self.catalog, self._has_lake = catalog, True
        self.at = catalog.snapshot(at)
        self._tables = catalog.tables(self.at)
        self.only = None if only is None else frozenset(only)
        self._others = catalog.files_of_others(self.only) if self.only is not None else frozenset()
        self._spans = catalog.spans(self.only) if self.only is not None else {}

    @classmethod
    def declared(cls) -> Snapshot:
        """One without a lake: the declared tables, without rows."""
        found = cls.__new__(cls)
        found._tables = {}  # noqa: SLF001 - its own
        found.only, found._has_lake = None, False  # noqa: SLF001 - as above
        return found

    def stored(self) -> Sequence[str]:
        """Names of the tables in the lake, sorted."""
        return sorted(self._tables)

    def captures(self) -> list[CaptureFacts]:
        """The captures, in the order in which they were added."""
        every = (entry.facts for entry in self.catalog.captures(self.at)) if self._has_lake else ()
        return [facts for facts in every if self.only is None or facts.capture in self.only]

    def has_values(self, table: str, column: int) -> bool:
        """Whether a row of `table` may have a value in the column with this id that is not null."""
        return any(
            known is None or known.values is None or known.values > 0
            for known in (file.stats.get(column) for file in self.files(table, (column,)))
        )

    def names(self) -> Sequence[str]:
        """Names of all tables in the lake and all declared tables, sorted."""
        return sorted(self._tables.keys() | entries().keys())

    def has(self, table: str) -> bool:
        """Whether the table is in the lake or declared; declarations are checked last, as loading them takes 0.2 s."""
        return table in self._tables or table in entries()

    def doc(self, table: str) -> str:
        """The description of `table`: what one row is."""
        return self._tables[table].doc if table in self._tables else entries()[table].table.doc

    def fields(self, table: str) -> tuple[Field, ...]:
        """The columns of `table` in the lake, or as declared if the lake does not have the table."""
        if table not in self._tables:
            return tuple(of_declaration(entries()[table].table))
        return tuple(of_catalog(column) for column in self.catalog.columns(table, self.at))

    def files(self, table: str, columns: Collection[int] = ()) -> Sequence[FileInfo]:
        """The files of `table`, with the statistics of `columns`; none if the lake does not have the table."""
        found = self.catalog.files(table, self.at, columns) if table in self._tables else []
        if self.only is None:
            return found
        return [replace(file, spans=self._spans.get(file.id)) for file in found if file.id not in self._others]


def of_catalog(column: ColumnInfo) -> Field:
    """A column of the catalog as a Field."""
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
    """The columns of a declared table as Fields."""
    numbers = ids(table)
    for column in table.all_columns:
        yield Field(numbers[column.name], column.name, type_of(column.kind), doc=column.doc)


def moment(text: str | None) -> int | dt.datetime | None:
    """Parse a snapshot: a number, or a time (ISO 8601, by default UTC); None is the latest.

    Raises OptionError for other text.
    """
    if text is None or (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        return int(text) if text else None
    try:
        time = dt.datetime.fromisoformat(text)
        time = time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)
        time.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise OptionError(
            f"--at: {text!r} is not a snapshot: give its number, or a time such as 2026-11-23T04:00:00Z."
        ) from None
    return time
