"""A small DuckDB file of views over the Parquet files of one snapshot, for programs that open DuckDB without netlake.

Theory of operation:
- Every table is a view over its files by their absolute paths, every declared view and macro a view or macro of the
  file; none has data. The file is therefore valid as long as the files of its snapshot exist: build it again after
  captures were removed and expired, or to see later captures.
- Functions in Python do not exist in plain DuckDB. Names of codes and `is_local` become macros
  (netlake.query.functions.plain); what needs another function is left out and listed in `netlake_omitted`.
- `netlake_catalog` has one row: the lake, the snapshot and its time, the version of netlake.
- The file is written under a temporary name in the same folder and renamed, so it is complete or absent. Only a file
  with a table `netlake_catalog` is replaced.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from netlake.errors import OptionError, QueryError
from netlake.lake.catalog import Catalog
from netlake.query import functions
from netlake.query.connection import of_the_lake, view
from netlake.query.functions import local, plain
from netlake.query.output.visible import harmless
from netlake.query.snapshot import Snapshot
from netlake.query.views import all_views
from netlake.spelling import spelled

_TEMPORARY = "CREATE OR REPLACE TEMP "


@dataclass(frozen=True, slots=True)
class Built:
    """What a file contains: numbers of tables with rows, views and macros, and name -> reason of what was left out."""

    snapshot: int
    tables: int
    views: int
    macros: int
    omitted: dict[str, str]


def build(lake: Path, out: Path, *, version: str) -> Built:
    """Write the file `out` for the latest snapshot of `lake`, by this version of netlake.

    Raises OptionError if `out` cannot be written or replaced.
    """
    snapshot = Snapshot(Catalog(lake, readonly=True))
    if out.resolve().is_relative_to(lake.resolve()):
        raise OptionError(f"-o: {spelled(out)} is inside the lake; choose another folder.")
    if out.exists() and not _is_catalog(out):
        raise OptionError(
            f"-o: {spelled(out)} exists and is not a file of `netlake catalog build`; choose another name."
        )
    try:
        folder = tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.resolve().parent)
    except OSError as error:
        raise OptionError(f"-o: {spelled(out)} cannot be written: {error.strerror}.") from error
    with folder as place:
        made = Path(place) / "catalog.duckdb"
        try:
            with duckdb.connect(str(made)) as database:
                built = _filled(database, snapshot, lake, version)
        except duckdb.Error as error:
            first = harmless(str(error).partition("\n")[0])
            raise QueryError(f"The views cannot be created: {first}") from error
        try:
            made.replace(out)
        except OSError as error:
            raise OptionError(f"-o: {spelled(out)} cannot be written: {error.strerror}.") from error
    return built


def _is_catalog(path: Path) -> bool:
    try:
        with duckdb.connect(str(path), read_only=True) as database:
            database.execute("FROM netlake_catalog")
    except (duckdb.Error, OSError):
        return False
    return True


def _filled(database: duckdb.DuckDBPyConnection, snapshot: Snapshot, lake: Path, version: str) -> Built:
    database.execute("SET TimeZone='UTC'")
    database.execute("BEGIN")
    with_rows = 0
    for name in snapshot.names():
        fields, files = snapshot.fields(name), snapshot.files(name)
        made = view(name, fields, files, distinct=of_the_lake(name, fields))
        database.execute(_lasting(made))
        with_rows += bool(files)
    omitted: dict[str, str] = {}
    macros = dict(_macros(local.of_lake(lake), omitted))
    for statement in macros.values():
        database.execute(statement)
    shown = 0
    for one in all_views(snapshot):
        if needed := sorted(_called(one.query, omitted) | set(one.tables) & omitted.keys()):
            omitted[one.name] = f"needs {', '.join(needed)}"
            continue
        database.execute(_lasting(one.statement))
        shown += 1
    _described(database, snapshot, [str(lake.resolve()), version], omitted)
    database.execute("COMMIT")
    return Built(snapshot.at, with_rows, shown, len(macros), omitted)


def _macros(networks: tuple[str, ...], omitted: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(name, SQL) of every macro in an order in which each uses earlier ones only; others are added to `omitted`."""
    replaced = plain.macros(networks)
    every = functions.named(" ".join(functions.every()))
    for one in every:
        if one.call is not None and one.name not in replaced:
            omitted[one.name] = "is a function in Python"
    for one in every:
        if one.call is None and (needed := sorted(_called(one.statement, omitted) - {one.name})):
            omitted[one.name] = f"needs {', '.join(needed)}"
        elif one.name not in omitted:
            yield one.name, replaced.get(one.name) or _lasting(one.statement)


def _called(sql: str, names: Iterable[str]) -> set[str]:
    """Those of `names` that `sql` calls; a column may have the name of a function."""
    return {name for name in names if re.search(rf"\b{re.escape(name)}\s*\(", sql, re.IGNORECASE)}


def _described(
    database: duckdb.DuckDBPyConnection, snapshot: Snapshot, origin: list[str], omitted: dict[str, str]
) -> None:
    """Create the tables about the file; `origin` is the lake and the version of netlake."""
    time = next(one.time for one in snapshot.catalog.snapshots() if one.id == snapshot.at)
    database.execute(
        "CREATE TABLE netlake_catalog AS SELECT $1::VARCHAR AS lake, $3::BIGINT AS snapshot,"
        " $4::TIMESTAMPTZ AS snapshot_time, $2::VARCHAR AS netlake_version",
        [*origin, snapshot.at, time],
    )
    database.execute("CREATE TABLE netlake_omitted (name VARCHAR, reason VARCHAR)")
    if omitted:
        database.executemany(
            "INSERT INTO netlake_omitted VALUES (?, ?)", [list(pair) for pair in sorted(omitted.items())]
        )


def _lasting(statement: str) -> str:
    """A statement that creates a temporary view or macro, for one that stays."""
    return statement.replace(_TEMPORARY, "CREATE OR REPLACE ", 1) if statement.startswith(_TEMPORARY) else statement
