"""The declared views (netlake.schema.views), as queries use them.

- A view can be named wherever a table can: in SQL, `Lake.connect`, `Lake.columns`, `netlake dump` and `netlake tables`.
- Those in a schema, such as `zeek.conn`, are found in the text of a statement, because DuckDB's parser leaves them out.
- It exists in every lake: tables that a lake does not have are declared, and have no rows.
- A table of a lake with the same name has priority.
- `NAME_joined` is a view of each table without flow columns, with those of its packets (netlake.schema.sql).
- `{captures}`, `{faults}` and `{anomalies}` in a query are replaced by rows of the snapshot. Faults are read only of
  tables that have some by their statistics: a lake has 150 tables, and a view of each of them would take seconds.
  Anomalies are those of all stored tables with a column `anomalies`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

import duckdb

from netlake.query.functions import declare, statements
from netlake.query.snapshot import Snapshot
from netlake.schema import sql
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted
from netlake.schema.views import View
from netlake.tables import entries, schemas, views

JOINED = "_joined"

_CAPTURE = (
    ("id", "VARCHAR"), ("path", "VARCHAR"), ("kind", "VARCHAR"), ("state", "VARCHAR"), ("packets", "BIGINT"),
    ("begin", "TIMESTAMP WITH TIME ZONE"), ("end", "TIMESTAMP WITH TIME ZONE"), ("size", "BIGINT"),
    ("sha256", "VARCHAR"), ("sensor", "VARCHAR"), ("failure", "VARCHAR"), ("row_counts", "VARCHAR"),
)  # fmt: skip
_RECORD = (
    ("day", "DATE"), ("ts", "TIMESTAMP WITH TIME ZONE"), ("capture", "VARCHAR"), ("packet", "BIGINT"),
    ("flow", "BIGINT"), ("record_table", "VARCHAR"),
)  # fmt: skip
_FAULT = (*_RECORD, ("fault", "VARCHAR"))
_ANOMALIES = (*_RECORD, ("anomalies", "VARCHAR[]"))
_MARK = re.compile(r"\{captures\}|\{faults\}|\{anomalies\}")


def qualified(statement: str) -> set[str]:
    """The declared views in schemas, such as `zeek.conn`, that `statement` may name, quoted or not."""
    if not (found := _qualified().findall(statement)):
        return set()
    return {f"{schema}.{name}".lower() for schema, name in found} & views().keys()


@cache
def _qualified() -> re.Pattern[str]:
    return re.compile(rf'"?\b({"|".join(map(re.escape, schemas()))})"?\s*\.\s*"?(\w+)', re.IGNORECASE)


def view_of(name: str, snapshot: Snapshot) -> View | None:
    """The declared view of this name with all its tables; None for another name, or that of a table."""
    found = None if snapshot.has(name) else views().get(name) or _joined(name, snapshot)
    if found is None or not all(snapshot.has(table) or view_of(table, snapshot) for table in found.tables):
        return None
    return _filled(found, snapshot)


def all_views(snapshot: Snapshot) -> list[View]:
    """Every declared view that the lake has, each after those that it uses."""
    return with_used(views(), snapshot)


def with_used(names: Iterable[str], snapshot: Snapshot) -> list[View]:
    """The views among `names` and those that they use, each after those that it uses."""
    found: dict[str, View] = {}
    for name in sorted(names):
        if name not in found and (view := view_of(name, snapshot)) is not None:
            for used in with_used(view.tables, snapshot):
                found.setdefault(used.name, used)
            found[name] = view
    return list(found.values())


def tables_of(declared: Iterable[View], snapshot: Snapshot) -> set[str]:
    """The tables that views read, without views."""
    return {table for view in declared for table in view.tables if snapshot.has(table)}


def columns(view: View, snapshot: Snapshot) -> dict[str, tuple[str, str]]:
    """Column name -> (SQL type, description) of a view."""
    used = with_used([view.name], snapshot)
    tables = tables_of(used, snapshot)
    with duckdb.connect() as database:
        for table in tables:
            shown = ", ".join(f"NULL::{field.type} AS {quoted(field.name)}" for field in snapshot.fields(table))
            database.execute(f"CREATE TEMP VIEW {quoted(table)} AS SELECT {shown}")
        declare(database, " ".join(one.query for one in used))
        for statement in statements(" ".join(one.query for one in used)):
            database.execute(statement)
        for one in used:
            database.execute(one.statement)
        kinds = {row[0]: row[1] for row in database.execute(f"DESCRIBE {view.quoted}").fetchall()}
    known = {field.name: field.doc for table in sorted(tables) for field in snapshot.fields(table)}
    return {name: (kind, view.columns.get(name) or known.get(name, "")) for name, kind in kinds.items()}


def _joined(name: str, snapshot: Snapshot) -> View | None:
    """The view of a table with the flow of its packets, if the lake has all columns that it needs."""
    stem = name.removesuffix(JOINED)
    entry = entries().get(stem) if stem != name else None
    if entry is None or stem == "packet" or not sql.joins(entry.table):
        return None
    if not {column.name for column in entry.table.all_columns} <= {field.name for field in snapshot.fields(stem)}:
        return None
    docs = {shown: f"{column.doc.rstrip('.')}, of the packet." for shown, column in sql.added(entry.table)}
    doc = f"{entry.table.doc} With the flow of its packet."
    docs |= {column.name: column.doc for column in entry.table.all_columns}
    return View(name, doc, (stem, "packet"), sql.joined(entry.table).partition(" AS\n")[2].rstrip("; \n"), docs)


def _filled(view: View, snapshot: Snapshot) -> View:
    """`view`, with the rows of the snapshot that its query asks for."""
    tables, rows = view.tables, {}
    if "{captures}" in view.query:
        rows["{captures}"] = _rows(_CAPTURE, _captures(snapshot))
    if "{faults}" in view.query:
        faulty = list(_faulty(snapshot))
        rows["{faults}"] = _records(_FAULT, "fault IS NOT NULL", faulty, snapshot)
        tables = (*tables, *faulty)
    if "{anomalies}" in view.query:
        unusual = [
            table for table in snapshot.stored() if any(field.name == "anomalies" for field in snapshot.fields(table))
        ]
        rows["{anomalies}"] = _records(_ANOMALIES, "anomalies <> []", unusual, snapshot)
        tables = (*tables, *unusual)
    # in one pass, because paths of captures may contain the marks
    query = _MARK.sub(lambda mark: f"({rows[mark[0]]})", view.query)
    return replace(view, query=query, tables=tuple(dict.fromkeys(tables)))


def _rows(shape: tuple[tuple[str, str], ...], rows: Iterable[tuple[object, ...]]) -> str:
    """A SELECT of constant rows: columns (name, SQL type)."""
    given = [f"({', '.join(map(_constant, row))})" for row in rows]
    names = ", ".join(quoted(name) for name, _ in shape)
    cast = ", ".join(f"{quoted(name)}::{kind} AS {quoted(name)}" for name, kind in shape)
    if not given:
        return f"SELECT {', '.join(f'NULL::{kind} AS {quoted(name)}' for name, kind in shape)} WHERE false"
    return f"SELECT {cast} FROM (VALUES {', '.join(given)}) AS given({names})"  # noqa: S608 - constants


def _constant(value: object) -> str:
    return "NULL" if value is None else str(value) if isinstance(value, int) else literal(str(value))


def _captures(snapshot: Snapshot) -> Iterator[tuple[object, ...]]:
    """A row for each capture of the snapshot, in the order of arrival."""
    for facts in snapshot.captures():
        sensor, failure = facts.report.get("sensor"), facts.report.get("failure")
        times = tuple(time.isoformat() if time else None for time in (facts.begin, facts.end))
        yield (
            facts.capture, facts.path, facts.kind, facts.state, facts.packets, *times, facts.size, facts.sha256,
            sensor, failure, json.dumps(dict(facts.rows)),
        )  # fmt: skip


def _faulty(snapshot: Snapshot) -> Iterator[str]:
    """The tables with a row whose fault is not null, as far as statistics show; `packet` has its own columns."""
    for table in snapshot.stored():
        numbers = [field.number for field in snapshot.fields(table) if field.name == "fault"]
        if numbers and snapshot.has_values(table, numbers[0]):
            yield table


def _records(shape: tuple[tuple[str, str], ...], condition: str, tables: Iterable[str], snapshot: Snapshot) -> str:
    """A SELECT of the rows of tables that fulfil a condition; null for a column (name, SQL type) that one lacks."""
    parts = [_rows(shape, ())]
    for table in tables:
        own = {field.name for field in snapshot.fields(table)}
        shown = ", ".join(
            literal(table) if name == "record_table" else quoted(name) if name in own else f"NULL::{kind}"
            for name, kind in shape
        )
        parts.append(f"SELECT {shown} FROM {quoted(table)} WHERE {condition}")  # noqa: S608 - names of tables, quoted
    return " UNION ALL ".join(parts)
