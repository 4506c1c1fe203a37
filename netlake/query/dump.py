"""The SQL of `netlake dump`: selected columns and rows of one table or declared view, optionally sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from netlake.errors import OptionError
from netlake.query import labelled, names
from netlake.query.snapshot import Snapshot
from netlake.query.views import columns as view_columns
from netlake.query.views import view_of
from netlake.schema.sql import name as quoted


@dataclass(frozen=True, slots=True)
class Dump:
    """A selection of one table: `where` is an SQL condition; `-` before a name in `sort` sorts in descending order.

    `condition` is the SQL of a display filter (netlake.query.filter.applied); with it, rows are in the order of capture
    and packet unless `sort` is given.
    """

    table: str
    select: Sequence[str] = ()
    where: str | None = None
    sort: Sequence[str] = ()
    limit: int | None = None
    condition: str | None = None

    def sql(self, snapshot: Snapshot) -> str:
        """The SQL statement; QueryError if the table or a column does not exist."""
        source, columns = source_of(self.table, snapshot)
        shown = [_column("select", name, columns, self.table) for name in self.select] or list(map(quoted, columns))
        parts = [f"SELECT {', '.join(shown)}", f"FROM {source}"]
        # on its own lines, so that a comment at the end of the condition does not include the bracket
        conditions = [f"(\n{self.where}\n)"] if self.where else []
        conditions += [f"({self.condition})"] if self.condition else []
        if conditions:
            parts.append(f"WHERE {' AND '.join(conditions)}")
        if self.sort:
            order = [
                _column("sort", name.removeprefix("-"), columns, self.table) + _direction(name) for name in self.sort
            ]
            parts.append(f"ORDER BY {', '.join(order)}")
        elif self.condition:
            # a join does not keep the stored order
            order = [quoted(name) for name in ("capture", "packet", "flow", "place") if name in columns]
            parts.append(f"ORDER BY {', '.join(order)}")
        if self.limit is not None:
            parts.append(f"LIMIT {self.limit}")
        return "\n".join(parts)


def source_of(name: str, snapshot: Snapshot) -> tuple[str, list[str]]:
    """(SQL name, columns) of a table or view; QueryError if there is none with this name."""
    with_labels = labelled.parse(name)
    table = with_labels.table if with_labels else name
    view = None if with_labels else view_of(table, snapshot)
    if view is None and (not snapshot.has(table) or (with_labels and not labelled.key(table, snapshot))):
        raise names.unknown("table", name, snapshot.names())
    if with_labels:
        return with_labels.name, labelled.columns(table, snapshot)
    if view:
        return view.quoted, list(view_columns(view, snapshot))
    return quoted(table), [field.name for field in snapshot.fields(table)]


def check_condition(database: duckdb.DuckDBPyConnection, where: str | None) -> None:
    """OptionError unless `where` is one SQL expression, so that brackets around it in a statement enclose it.

    The statement with brackets is parsed later. Without them, an expression that closes and opens brackets of its own,
    or that is empty, is a syntax error.
    """
    if where is None:
        return
    try:
        database.extract_statements(f"SELECT 1 WHERE\n{where}\n")
    except duckdb.Error as error:
        first = str(error).partition("\n")[0]
        raise OptionError(f"--where: it is not one condition: {first}") from error


def _column(option: str, name: str, columns: list[str], table: str) -> str:
    if name not in columns:
        raise OptionError(f"--{option}: {names.unknown('column', name, columns, f' in table {table}')}")
    return quoted(name)


def _direction(name: str) -> str:
    return " DESC NULLS LAST" if name.startswith("-") else " ASC NULLS LAST"
