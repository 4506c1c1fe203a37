"""DuckDB connections in which the tables of a lake are views over their files.

Rules:
- A view is created only for tables that the statement names, because views of 150 tables take 7 s. It covers only the
  files that can contain a matching row (see `planning`). Columns are matched by field id; a column that a file lacks is
  null.
- Every statement runs on its own cursor with its own temporary views. A result that is still being read keeps its
  cursor busy, and a lazy relation would otherwise see the views of a later statement.
- A connection has the rights of the process: it can read and write any file. Only `guard` restricts it, for SQL from
  commands and services.
- The names of tables come from DuckDB's parser before the views exist. A name that only binding reveals (a view or
  macro in the statement) fails with a catalog error; then its view is created and the statement tried again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from netlake.errors import QueryError
from netlake.lake import remote
from netlake.lake.facts import FileInfo
from netlake.query import functions, labelled, network
from netlake.query.mistakes import MISSING, Place, translated
from netlake.query.planning import Planner
from netlake.query.snapshot import Field, Snapshot
from netlake.query.views import all_views, qualified, tables_of, with_used
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted
from netlake.schema.views import View
from netlake.tables import entries

# statements that list tables: every table gets a view without files
_LISTING = re.compile(r"^\s*show\b|\binformation_schema\b|\bduckdb_(tables|views|columns)\b", re.IGNORECASE)
_PARAMETER = re.compile(r"\$[a-z_]\w*\b(?!\$)", re.IGNORECASE)


@dataclass(slots=True)
class Opened:
    """What a statement reads: for each table (files read, files of the table, rows in the files read)."""

    tables: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """`dns: 3 of 40 files, 1,200 rows` for each table."""
        return [
            f"{table}: {opened:,} of {every:,} files, {rows:,} rows"
            for table, (opened, every, rows) in sorted(self.tables.items())
        ]


class Connection:
    """A DuckDB database whose statements see the tables of a snapshot; not thread-safe.

    `variables` allows statements to use Python variables of the caller as tables; `local` are the networks of
    `is_local`, by default private ones.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        memory: str | None = None,
        variables: bool = False,
        local: tuple[str, ...] = (),
    ) -> None:
        self.planner = Planner()
        self.local = local
        self._declared: set[str] = set()
        config: dict[str, Any] = {"threads": threads} if threads else {}
        if memory:
            config["memory_limit"] = memory
        try:
            self.database = duckdb.connect(config=config)
        except duckdb.Error as error:
            raise QueryError(f"{memory!r} is not a memory limit; give a size such as 2GB or 512MB.") from error
        # global, because every cursor is its own session
        self.database.execute("SET GLOBAL TimeZone='UTC'")
        # otherwise an unknown table name could match a variable of this package
        self.database.execute(f"SET GLOBAL python_enable_replacements={str(variables).lower()}")

    def close(self) -> None:
        """Close the database; open results keep their own cursor."""
        self.planner.close()
        self.database.close()

    def declare(self, sql: str) -> None:
        """Add the functions in Python that `sql` may call."""
        functions.declare(self.database, sql, self._declared, self.local)

    def run(
        self,
        sql: str,
        snapshot: Snapshot,
        *,
        prune: bool = True,
        params: Mapping[str, Any] | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> tuple[duckdb.DuckDBPyRelation, Opened]:
        """(result of the last statement in `sql`, lazy if it is a query; the files that it reads).

        Earlier statements are executed first, on the same cursor, so that later ones can use what they created. Raises
        QueryError for an invalid statement. `prune=False` reads all files of the named tables. `params` are the values
        of `$name` in the statement, whose result is then computed at once; `given` are further Arrow tables, by name.
        """
        *_, last = self.results(sql, snapshot, prune=prune, every=False, params=params, given=given)
        return last

    def reading(
        self, sql: str, snapshot: Snapshot, reads: str, given: Mapping[str, Any] | None = None
    ) -> tuple[duckdb.DuckDBPyRelation, Opened]:
        """As `run`, for one statement that reads files of the lake itself; `reads` is SQL that names its other tables.

        It is not pruned. DuckDB does not list the tables of such a statement.
        """
        remote.register(self.database, [snapshot.catalog.base])
        views = Views(self, snapshot)
        views.give(given or {})
        try:
            views.ready(sql, prune=False, reads=reads)
            return views.until_bound(views.result, sql), views.opened
        except duckdb.Error as error:
            raise translated(error, snapshot.names()) from error

    def results(  # noqa: PLR0913 - how a statement is run
        self,
        sql: str,
        snapshot: Snapshot,
        *,
        prune: bool = True,
        every: bool = True,
        params: Mapping[str, Any] | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> Iterator[tuple[duckdb.DuckDBPyRelation, Opened]]:
        """The result of each query in `sql`, and of the last statement; read one to its end before the next.

        With `every` false, only the last one: queries before it are executed, and their results discarded.
        """
        views = Views(self, snapshot, params)
        views.give(given or {})
        place = Place(sql, 0, 0)
        try:
            statements = views.cursor.extract_statements(sql)
            if not statements:
                raise QueryError("The SQL contains no statement.")
            if len(statements) > 1 and params:
                raise QueryError("The SQL has parameters and several statements; only a single one can have them.")
            # a view that one statement creates may need more files of a table than the next statement
            prune = prune and len(statements) == 1
            for number, statement in enumerate(statements, 1):
                place = Place(sql, number, len(statements), statement.query)
                views.ready(statement.query, prune=prune)
                is_query = statement.expected_result_type == [duckdb.ExpectedResultType.QUERY_RESULT]
                if number == len(statements) or (every and is_query):
                    # the text, because errors of a parsed statement have no line
                    yield views.until_bound(views.result, statement.query), views.opened
                else:
                    views.until_bound(views.to_its_end, statement.query)
        except duckdb.Error as error:
            raise translated(views.located(error, place), snapshot.names(), place) from error


class Views:
    """A cursor, and the temporary views that the statements run on it need."""

    def __init__(self, connection: Connection, snapshot: Snapshot, params: Mapping[str, Any] | None = None) -> None:
        self.connection, self.planner, self.snapshot = connection, connection.planner, snapshot
        self.params = dict(params) if params else None
        self.cursor = connection.database.cursor()
        self.opened = Opened()

    def give(self, tables: Mapping[str, Any]) -> None:
        """Add tables of Arrow to those of the lake, for the statements on this cursor."""
        for name, table in tables.items():
            self.cursor.register(name, table)
            described = self.cursor.execute(f"DESCRIBE {quoted(name)}").fetchall()
            self.planner.add(name, {row[0]: row[1] for row in described})

    def ready(self, statement: str, *, prune: bool, reads: str | None = None) -> None:
        """Create the views, macros and functions that `statement` needs; `reads` names its tables, else it does."""
        reads = reads or statement
        used = declared_views(self.cursor, reads, self.snapshot)
        text = " ".join([statement, *(view.query for view in used)])
        macros = [network.macro(network.networks(statement))] if network.named(statement) else []
        macros += functions.statements(text)
        self.connection.declare(text)
        if _LISTING.search(statement):
            self._list()
        tables = named(self.cursor, reads, self.snapshot)
        made = [view.statement for view in used]
        if with_labels := labelled.named(reads, self.snapshot):
            labelled.check(with_labels, self.snapshot)
            made += labelled.statements(with_labels, self.snapshot)
        self.bind(tables, statement if prune else None, macros, made)

    def _list(self) -> None:
        """Create every view, without files."""
        for table in self.snapshot.names():
            self.cursor.execute(view(table, self.snapshot.fields(table), ()))
        listed = all_views(self.snapshot)
        text = " ".join(one.query for one in listed)
        self.connection.declare(text)
        for statement in (*functions.statements(text), *(one.statement for one in listed)):
            self.cursor.execute(statement)

    def until_bound(self, act: Any, statement: Any) -> Any:
        """Return `act(statement)`; a table that only binding reveals gets its view, and `act` runs again."""
        while True:
            try:
                return act(statement)
            except duckdb.CatalogException as error:
                match = MISSING.search(str(error))
                table = match[1].lower() if match else ""
                if table in self.opened.tables or not self.snapshot.has(table):
                    raise
                self.bind({table})

    def located(self, error: duckdb.Error, place: Place) -> duckdb.Error:
        """`error` with its line, which DuckDB omits for a relation, but not where it executes the same text."""
        if place.number and isinstance(error, (duckdb.BinderException, duckdb.CatalogException)):
            try:
                self.cursor.execute(place.statement, self.params)
            except duckdb.Error as again:
                return again
        return error

    def result(self, statement: str) -> duckdb.DuckDBPyRelation:
        """The result of `statement` with the parameters; lazy without them."""
        return self.cursor.sql(statement, params=self.params)

    def to_its_end(self, statement: Any) -> None:
        """Execute `statement` and discard its result, which would keep the cursor busy."""
        self.cursor.execute(statement)
        while self.cursor.fetchmany(10_000):
            pass

    def bind(
        self,
        tables: Collection[str],
        statement: str | None = None,
        macros: Sequence[str] = (),
        made: Sequence[str] = (),
    ) -> None:
        """Create the views of `tables`, then those of the statements `made`, which use them.

        With `statement`, a view covers only the files that the statement can need; `macros` are created between.
        """
        fields = {table: self.snapshot.fields(table) for table in tables}
        files = {table: self.snapshot.files(table) for table in tables}
        chosen = dict(files)
        if statement is not None and any(len(found) > 1 for found in files.values()):
            for table, may in self.planner.tests(statement, fields, [*macros, *made], self.params).items():
                if may.columns:
                    known = self.snapshot.files(table, may.columns)
                    chosen[table] = [file for file in known if may(file.stats)]
        remote.register(self.connection.database, (file.path for some in chosen.values() for file in some))
        for table in tables:
            distinct = of_the_lake(table, fields[table])
            self.cursor.execute(view(table, fields[table], chosen[table], distinct=distinct, only=self.snapshot.only))
            rows = sum(file.rows for file in chosen[table])
            self.opened.tables[table] = (len(chosen[table]), len(files[table]), rows)
        for created in [*macros, *made]:
            self.cursor.execute(created)


def named(cursor: duckdb.DuckDBPyConnection, statement: str, snapshot: Snapshot) -> set[str]:
    """The tables that `statement` may read."""
    found = _names(cursor, statement) | functions.tables(statement)
    found |= tables_of(declared_views(cursor, statement, snapshot), snapshot)
    if network.named(statement):
        found.add("address")
    for one in labelled.named(statement, snapshot):
        found |= {one.table, labelled.EDGES}
    return {name for name in found if snapshot.has(name)}


def _names(cursor: duckdb.DuckDBPyConnection, statement: str) -> set[str]:
    """The names of tables in `statement`; all words of one that DuckDB's parser refuses."""
    try:
        # the parser of names refuses parameters
        found = cursor.get_table_names(_PARAMETER.sub("NULL", statement))
    except duckdb.Error:
        found = set(re.findall(r"\w+", statement))
    return {name.lower() for name in found}


def declared_views(cursor: duckdb.DuckDBPyConnection, statement: str, snapshot: Snapshot) -> list[View]:
    """The declared views that `statement` or its macros name, and those that they use, each after those that it uses.

    A table with the same name has priority.
    """
    return with_used(_names(cursor, statement) | functions.tables(statement) | qualified(statement), snapshot)


def of_the_lake(table: str, fields: Sequence[Field]) -> bool:
    """Whether the rows of `table` describe the lake and not one capture; each capture writes them, so they repeat."""
    if any(field.name == "capture" for field in fields):
        return False
    entry = entries().get(table)
    return entry is not None and entry.table.context == "lake"


def view(
    table: str,
    fields: Sequence[Field],
    files: Sequence[FileInfo],
    *,
    distinct: bool = False,
    only: Collection[str] | None = None,
) -> str:
    """The SQL that creates `table` as a temporary view over `files`; without files the view has no rows.

    `only` are the captures of its rows, None for all; a table without the column `capture` is not restricted.
    """
    made = f"CREATE OR REPLACE TEMP VIEW {quoted(table)} AS SELECT "
    if not files:
        columns = ", ".join(f"NULL::{field.type} AS {quoted(field.name)}" for field in fields)
        return f"{made}{columns} WHERE false"
    columns = ", ".join(quoted(field.name) for field in fields)
    if only is None or any(field.name == "capture" for field in fields):
        where = ""
        if only is not None:
            where = f" WHERE capture IN ({', '.join(map(literal, sorted(only)))})" if only else " WHERE false"
        return f"{made}{'DISTINCT ' if distinct else ''}{columns} FROM {source(fields, files)}{where}"
    whole = [file for file in files if file.spans is None]
    parts = [f"FROM {source(fields, whole)}"] if whole else []
    for file in files:
        rows = " OR ".join(f"file_row_number BETWEEN {at} AND {at + count - 1}" for at, count in file.spans or ())
        parts += [f"FROM {source(fields, [file], ', file_row_number=true')} WHERE {rows}"] if rows else []
    return made + f" UNION {'' if distinct else 'ALL '}SELECT ".join(
        f"{'DISTINCT ' if distinct else ''}{columns} {part}" for part in parts
    )


def source(fields: Sequence[Field], files: Sequence[FileInfo], more: str = "") -> str:
    """The SQL, behind FROM, of the rows of `files` with the columns `fields`, matched by their ids."""
    paths = ", ".join(literal(file.path) for file in files)
    schema = ", ".join(
        f"{field.number}: {{name: {literal(field.name)}, type: {literal(field.type)}, default_value: {field.default}}}"
        for field in fields
    )
    return f"read_parquet([{paths}], schema=MAP {{{schema}}}{more})"


def only_of(files: Iterable[FileInfo], number: int, captures: Collection[str]) -> Collection[str] | None:
    """What `view` needs as `only` for the rows of `captures`: None if the files have no others.

    `number` is the id of the column `capture`, whose statistics the files have.
    """
    known = [file.stats.get(number) for file in files]
    alone = all(one is not None and one.least == one.greatest and one.least in captures for one in known)
    return None if alone else captures


def allow_only(database: duckdb.DuckDBPyConnection, places: Iterable[Path | str], *, spill: Path | None) -> None:
    """Restrict the database to `places` (files, and folders with their contents) and lock its settings.

    Temporary files go to `spill`; without it there are none. The database can still write where it may read.
    """
    folders: list[str] = []
    files: list[str] = []
    for place in places:
        folder = remote.is_remote(str(place)) or Path(place).is_dir()
        (folders if folder else files).append(literal(str(place)))
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
