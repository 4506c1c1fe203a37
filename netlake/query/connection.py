"""The one door to DuckDB: a connection in which the tables that a statement names are views over their files.

Decided here:
- A view is made when a statement names its table, over the files that can hold a row it asks for (see `planning`), by
  field id, so that a file that lacks a column reads as null there. 150 tables at once would be 7 s.
- Every statement runs on a cursor of its own, with views that are temporary, and so its own: a result that is still
  being read keeps its connection busy, and a lazy relation would see another statement's files if views were shared.
- A connection opened here is as powerful as its caller: it can read and write whatever the process can. Only `guard`
  makes it otherwise, for user SQL that comes through commands and services.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from netlake.errors import QueryError
from netlake.lake.facts import FileInfo
from netlake.query import names, network
from netlake.query.planning import Planner
from netlake.query.source import Field, Source
from netlake.schema import sql
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted
from netlake.tables import entries

_MISSING = re.compile(r"(?:Table|View) with name \"?(.+?)\"? does not exist")
# statements that list what there is: every table is shown, and none opened
_LISTING = re.compile(r"^\s*show\b|\binformation_schema\b|\bduckdb_(tables|views|columns)\b", re.IGNORECASE)
JOINED = "_joined"


@dataclass(slots=True)
class Opened:
    """What a statement opened: for each table (files opened, files there are, rows in those opened)."""

    tables: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """`dns: 3 of 40 files, 1,200 rows` for each table."""
        return [
            f"{table}: {opened:,} of {every:,} files, {rows:,} rows"
            for table, (opened, every, rows) in sorted(self.tables.items())
        ]


class Connection:
    """DuckDB, to which the tables of a source are shown. Not for use by several threads at once.

    `variables` lets statements name the caller's Python variables as tables.
    """

    def __init__(self, *, threads: int | None = None, memory: str | None = None, variables: bool = False) -> None:
        self.planner = Planner()
        config: dict[str, Any] = {"threads": threads} if threads else {}
        if memory:
            config["memory_limit"] = memory
        self.database = duckdb.connect(config=config)
        # global, since every cursor is a session of its own
        self.database.execute("SET GLOBAL TimeZone='UTC'")
        # a name that is no table must not find one of this package's own variables
        self.database.execute(f"SET GLOBAL python_enable_replacements={str(variables).lower()}")

    def close(self) -> None:
        """Close the database; results that are still open keep their own connection."""
        self.planner.close()
        self.database.close()

    def run(self, sql: str, source: Source, *, prune: bool = True) -> tuple[duckdb.DuckDBPyRelation, Opened]:
        """The result of the last statement in `sql`, lazily if it is a query, and what was opened.

        Statements before it are run to their end, on the same cursor, so that what they made is there. QueryError says
        what is wrong with a statement.
        """
        views = Views(self, source)
        try:
            statements = views.cursor.extract_statements(sql)
            if not statements:
                raise QueryError("There is no statement to run.")
            for statement in statements[:-1]:
                views.ready(statement.query, prune=prune)
                views.until_bound(views.cursor.execute, statement)
            views.ready(statements[-1].query, prune=prune)
            return views.until_bound(views.cursor.sql, statements[-1]), views.opened
        except duckdb.Error as error:
            raise translated(error, source.names()) from error


class Views:
    """What one run of statements sees: a cursor, and on it the views that they need, made as they need them."""

    def __init__(self, connection: Connection, source: Source) -> None:
        self.planner, self.source = connection.planner, source
        self.cursor = connection.database.cursor()
        self.opened = Opened()
        self.known = frozenset(source.names())

    def ready(self, statement: str, *, prune: bool) -> None:
        """Make the views and macros that `statement` needs."""
        if _LISTING.search(statement):
            for table in self.known:
                self.cursor.execute(view(table, self.source.fields(table), ()))
        macros = (network.macro(network.networks(statement)),) if network.named(statement) else ()
        self.bind(named(self.cursor, statement, self.known), statement if prune else None, macros)
        for macro in macros:
            self.cursor.execute(macro)

    def until_bound(self, act: Any, statement: Any) -> Any:
        """`act` on `statement`; a table that turns out to be needed only when it is bound gets its view then."""
        while True:
            try:
                return act(statement)
            except duckdb.CatalogException as error:
                match = _MISSING.search(str(error))
                table = match[1].lower() if match else ""
                if table not in self.known or table in self.opened.tables:
                    raise
                self.bind({table})

    def bind(self, tables: set[str], statement: str | None = None, macros: tuple[str, ...] = ()) -> None:
        """Make the views of `tables` over all files, or over those that `statement` can need."""
        fields = {table: self.source.fields(table) for table in tables}
        files = {table: self.source.files(table) for table in tables}
        joins = [made for table in sorted(tables) for made in _joined(table, fields)]
        chosen = dict(files)
        if statement is not None and any(len(found) > 1 for found in files.values()):
            for table, may in self.planner.tests(statement, fields, (*joins, *macros)).items():
                if may.columns:
                    known = self.source.files(table, may.columns)
                    chosen[table] = [file for file in known if may(file.stats)]
        for table in tables:
            self.cursor.execute(view(table, fields[table], chosen[table], distinct=_belongs_to_none(table)))
            rows = sum(file.rows for file in chosen[table])
            self.opened.tables[table] = (len(chosen[table]), len(files[table]), rows)
        for made in joins:
            self.cursor.execute(made)


def named(cursor: duckdb.DuckDBPyConnection, statement: str, known: frozenset[str]) -> set[str]:
    """Those of the tables `known` that `statement` may read, also through joined views and net()."""
    try:
        found = cursor.get_table_names(statement)
    except duckdb.Error:
        found = set(re.findall(r"\w+", statement))
    found = {name.lower() for name in found}
    if network.named(statement):
        found.add("address")
    joined = {name.removesuffix(JOINED) for name in found if name.endswith(JOINED) and name not in known}
    return (found | joined | ({"packet"} if joined else set())) & known


def _joined(table: str, fields: dict[str, tuple[Field, ...]]) -> Iterator[str]:
    """The view that joins its packet, for a table that declares its context and does not repeat the conversation."""
    entry = entries().get(table)
    if entry is None or "packet" not in fields or table == "packet" or not sql.joins(entry.table):
        return
    have = {field.name for field in fields[table]}
    if {column.name for column in entry.table.all_columns} <= have:
        yield sql.joined(entry.table).replace("CREATE OR REPLACE VIEW", "CREATE OR REPLACE TEMP VIEW", 1)


def _belongs_to_none(table: str) -> bool:
    """Whether the rows of `table` are facts of the lake, which every capture writes again."""
    entry = entries().get(table)
    return entry is not None and entry.table.context == "lake"


def view(table: str, fields: Sequence[Field], files: Sequence[FileInfo], *, distinct: bool = False) -> str:
    """The statement that makes `table` a temporary view of `files`, empty where there are none."""
    made = f"CREATE OR REPLACE TEMP VIEW {quoted(table)} AS SELECT "
    if not files:
        columns = ", ".join(f"NULL::{field.type} AS {quoted(field.name)}" for field in fields)
        return f"{made}{columns} WHERE false"
    paths = ", ".join(literal(file.path) for file in files)
    schema = ", ".join(
        f"{field.number}: {{name: {literal(field.name)}, type: {literal(field.type)}, default_value: {field.default}}}"
        for field in fields
    )
    columns = ", ".join(quoted(field.name) for field in fields)
    return f"{made}{'DISTINCT ' if distinct else ''}{columns} FROM read_parquet([{paths}], schema=MAP {{{schema}}})"


def allow_only(database: duckdb.DuckDBPyConnection, files: Iterable[Path], *, spill: Path | None) -> None:
    """From now on the database reads only `files`, spills to `spill` if anywhere, and cannot be told otherwise."""
    paths = ", ".join(literal(str(path)) for path in files)
    for setting in (
        f"SET allowed_paths=[{paths}]",
        f"SET temp_directory={literal(str(spill) if spill else '')}",
        "SET autoinstall_known_extensions=false",
        "SET autoload_known_extensions=false",
        "SET allow_community_extensions=false",
        "SET enable_external_access=false",
        "SET lock_configuration=true",
    ):
        database.execute(setting)


def translated(error: duckdb.Error, tables: Iterable[str]) -> QueryError:
    """DuckDB's error as one of ours: its first line, the place, and the nearest names where a table is unknown."""
    text = str(error)
    if match := _MISSING.search(text):
        return names.unknown("table", match[1], tables)
    first, _, rest = text.partition("\n")
    hints = [line.strip() for line in rest.splitlines() if line.startswith(("Candidate", "Did you mean"))]
    return QueryError(" ".join([first.strip(), *hints]))
