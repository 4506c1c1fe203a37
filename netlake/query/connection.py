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
from collections.abc import Collection, Iterable, Sequence
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
            # what one statement makes may use a table of which another needs fewer files
            prune = prune and len(statements) == 1
            for statement in statements[:-1]:
                views.ready(statement.query, prune=prune)
                views.until_bound(views.to_its_end, statement)
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

    def ready(self, statement: str, *, prune: bool) -> None:
        """Make the views and macros that `statement` needs."""
        if _LISTING.search(statement):
            for table in self.source.names():
                self.cursor.execute(view(table, self.source.fields(table), ()))
        macros = (network.macro(network.networks(statement)),) if network.named(statement) else ()
        tables, joined = named(self.cursor, statement, self.source)
        self.bind(tables, statement if prune else None, macros, joined)
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
                if table in self.opened.tables or not self.source.has(table):
                    raise
                self.bind({table})

    def to_its_end(self, statement: Any) -> None:
        """Run `statement`; a result that is not taken keeps the cursor busy."""
        self.cursor.execute(statement)
        while self.cursor.fetchmany(10_000):
            pass

    def bind(
        self,
        tables: Collection[str],
        statement: str | None = None,
        macros: tuple[str, ...] = (),
        joined: Collection[str] = (),
    ) -> None:
        """Make the views of `tables`, over the files that `statement` can need if one is given; of `joined`, both."""
        fields = {table: self.source.fields(table) for table in tables}
        files = {table: self.source.files(table) for table in tables}
        joins = [_joined(table) for table in joined]
        chosen = dict(files)
        if statement is not None and any(len(found) > 1 for found in files.values()):
            for table, may in self.planner.tests(statement, fields, (*joins, *macros)).items():
                if may.columns:
                    known = self.source.files(table, may.columns)
                    chosen[table] = [file for file in known if may(file.stats)]
        for table in tables:
            self.cursor.execute(view(table, fields[table], chosen[table], distinct=_of_the_lake(table, fields[table])))
            rows = sum(file.rows for file in chosen[table])
            self.opened.tables[table] = (len(chosen[table]), len(files[table]), rows)
        for made in joins:
            self.cursor.execute(made)


def named(cursor: duckdb.DuckDBPyConnection, statement: str, source: Source) -> tuple[set[str], set[str]]:
    """The tables that `statement` may read, and those of them that it names joined with their packets."""
    try:
        found = cursor.get_table_names(statement)
    except duckdb.Error:
        found = set(re.findall(r"\w+", statement))
    found = {name.lower() for name in found}
    if network.named(statement):
        found.add("address")
    tables = {name for name in found if source.has(name)}
    begun = {name.removesuffix(JOINED) for name in found - tables if name.endswith(JOINED)}
    joined = {name for name in begun if source.has(name) and _joins(name, source)}
    return tables | joined | ({"packet"} if joined else set()), joined


def _joins(table: str, source: Source) -> bool:
    """Whether `table` declares its context, does not repeat the conversation, and is in the lake as it is declared."""
    entry = entries().get(table)
    if entry is None or table == "packet" or not sql.joins(entry.table):
        return False
    return {column.name for column in entry.table.all_columns} <= {field.name for field in source.fields(table)}


def _joined(table: str) -> str:
    made = sql.joined(entries()[table].table)
    return made.replace("CREATE OR REPLACE VIEW", "CREATE OR REPLACE TEMP VIEW", 1)


def _of_the_lake(table: str, fields: Sequence[Field]) -> bool:
    """Whether the rows of `table` are facts of the lake as a whole, which every capture writes again."""
    if any(field.name == "capture" for field in fields):
        return False
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


def allow_only(database: duckdb.DuckDBPyConnection, places: Iterable[Path | str], *, spill: Path | None) -> None:
    """From now on the database reads only in `places` (files, and folders with all that is in them).

    It spills to `spill`, if anywhere, and cannot be told otherwise. It may still write where it may read.
    """
    folders: list[str] = []
    files: list[str] = []
    for place in map(Path, places):
        (folders if place.is_dir() else files).append(literal(str(place)))
    for setting in (
        f"SET allowed_directories=[{', '.join(folders)}]",
        f"SET allowed_paths=[{', '.join(files)}]",
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
