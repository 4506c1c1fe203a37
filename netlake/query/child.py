"""The child process of `guard`: restricts itself, then opens the lake, runs one statement and writes its rows.

Order matters: `lock` must run before anything but the standard library and `landlock` is imported, because importing
the other modules starts threads, which Landlock would not restrict. The restrictions, from outside in:

1. Landlock: read access to the lake, to what a catalog elsewhere needs, to Python's own files and to `_SYSTEM`, and for
   a filter on bytes to the originals and compiled kernels; write access to the spill folder only; no network, except
   the port of a catalog elsewhere.
2. DuckDB's settings (`connection.allow_only`), locked: read access to the data folder of the lake. Without Landlock,
   only the single files of the named tables are allowed, because DuckDB could write wherever it may read; these files
   have mode 0444.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from netlake.query import landlock

if TYPE_CHECKING:
    import duckdb

    from netlake.query.connection import Connection, Opened
    from netlake.query.selection import Selection
    from netlake.query.snapshot import Snapshot

BATCH = 16_384
_PACKAGE = Path(__file__).resolve().parent.parent
# files that the loader, the C library, Arrow and DuckDB read: libraries, time zones, number of CPUs, size of memory
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/localtime",
    "/etc/ld.so.cache",
    "/proc/meminfo", "/proc/cpuinfo", "/proc/self/cgroup", "/proc/sys/vm", "/sys/devices/system", "/sys/fs/cgroup",
    "/dev/null", "/dev/urandom",
)  # fmt: skip


def main(request: dict[str, Any]) -> int:
    """Run one request and return the exit code: 0, or that of the error after a message on stderr."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    locked = lock(Path(request["lake"]), Path(request["spill"]), map(Path, _readable(request)), request["ports"])
    if request["kernels"]:
        from netlake import kernels

        kernels.use(Path(request["kernels"]))
    sys.meta_path.insert(0, _WithoutPandas())
    from netlake.errors import NetlakeError
    from netlake.query.output.visible import say

    try:
        _answer(request, sys.stdout.buffer, locked=locked)
        sys.stdout.flush()
    except NetlakeError as error:
        # elsewhere an error is one line
        say(error.sentence, error.lines if sys.stderr.isatty() else ())
        return error.exit_code
    except OSError as error:
        if error.errno == errno.EPIPE:
            # the reader closed the pipe; _exit avoids that Python flushes stdout again, which would fail
            os._exit(0)
        say(f"The rows could not be written: {error.strerror or error}.")
        return 1
    return 0


class _WithoutPandas:
    """Says that pandas is not installed: pyarrow would import it for the first value that it converts, in 0.3 s."""

    def find_spec(self, name: str, *_: Any) -> None:
        """Raise for pandas; other modules are found as usual."""
        if name == "pandas":
            raise ModuleNotFoundError("statements do not need pandas", name=name)


def _readable(request: dict[str, Any]) -> list[str]:
    """What a request may read beside the lake."""
    kernels = [request["kernels"]] if request["kernels"] else []
    return [*request["files"].values(), *request["reads"], *request["originals"], *kernels]


def lock(lake: Path, spill: Path, files: Iterable[Path] = (), ports: Iterable[int] = ()) -> bool:
    """Restrict this process to reading the lake and `files`, and writing `spill`; False without Landlock, warned.

    It can connect to the TCP ports `ports` only.
    """
    places = [*files, lake, _PACKAGE, _PACKAGE.parent / "schemas", *map(Path, _SYSTEM)]
    places += [Path(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path)]
    if landlock.restrict([*places, spill], [spill], ports):
        return True
    from netlake.query.output.visible import say

    say(
        "this kernel has no Landlock: only DuckDB's settings and read-only files protect the lake from the statement;"
        " run only SQL that you trust."
    )
    return False


def ready(request: dict[str, Any], *, locked: bool) -> tuple[Connection, Snapshot, Selection]:
    """(a connection restricted to the lake, the snapshot, the SQL statement) for `request`."""
    from netlake.errors import LakeError, OptionError, QueryError
    from netlake.lake import remote
    from netlake.lake.catalog import Catalog
    from netlake.query.chosen import chosen
    from netlake.query.connection import Connection, allow_only
    from netlake.query.files import attach
    from netlake.query.functions import local
    from netlake.query.snapshot import Snapshot, moment

    catalog = Catalog(Path(request["lake"]), readonly=True)
    try:
        snapshot = Snapshot(catalog, moment(request["at"]))
    except LakeError as error:
        raise OptionError(f"--at: {error}") from error
    if request["captures"]:
        snapshot = Snapshot(catalog, snapshot.at, chosen(request["captures"], snapshot.captures()))
    networks = tuple(request["local"]) or local.of_lake(Path(request["lake"]))
    try:
        connection = Connection(threads=request["threads"], memory=request["memory"], local=networks)
    except QueryError as error:
        raise OptionError(f"--memory: {error}") from error
    remote.register(connection.database, [catalog.base])
    # without Landlock DuckDB could write in any allowed folder: allow single files, which have mode 0444. Which files
    # depends on the statement; with Landlock the statement is made later, so that its filter can use the spill folder
    if locked:
        places: list[Path | str] = [catalog.base, *map(Path, request["files"].values())]
        allow_only(connection.database, places, spill=Path(request["spill"]))
        attach(connection, request["files"], snapshot, as_view=True)
        return connection, snapshot, _statement(request, snapshot, connection)
    selection = _statement(request, snapshot, connection)
    tables = snapshot.stored() if request["timeline"] else None
    places = _files(connection, selection.sql, snapshot, tables)
    attach(connection, request["files"], snapshot, as_view=False)
    allow_only(connection.database, places, spill=Path(request["spill"]))
    return connection, snapshot, selection


def _statement(request: dict[str, Any], snapshot: Snapshot, connection: Connection) -> Selection:
    """The SQL of a request, and the tables that its filter found in the originals."""
    from netlake.query.dump import Dump, check_condition
    from netlake.query.selection import Selection

    if request["carve"]:
        from netlake.query.carving import Carving

        return Carving(**request["carve"]).selection(snapshot, connection)
    if not request["dump"]:
        return Selection(str(request["sql"] or ""))
    fields = dict(request["dump"])
    text, found = fields.pop("filter", None), Selection("")
    Dump(**fields).sql(snapshot)
    check_condition(connection.database, fields["where"])
    if text:
        from netlake.query.filter import applied

        found = applied.rows(text, fields["table"], snapshot, connection)
        fields["condition"] = found.sql
    return Selection(Dump(**fields).sql(snapshot), found.tables)


def _answer(request: dict[str, Any], out: BinaryIO, *, locked: bool) -> None:
    from netlake.errors import OptionError, QueryError

    connection, snapshot, statement = ready(request, locked=locked)
    if request["timeline"]:
        from netlake.query.timeline import written

        written.write(request, out, snapshot, connection)
        return
    results = connection.results(statement.sql, snapshot, params=request["params"], given=statement.tables)
    count = 0
    while True:
        try:
            result = next(results, None)
        except QueryError as error:
            if (request["dump"] or request["carve"] or {}).get("where"):  # the rest of the statement is our own
                raise OptionError(f"--where: {error}") from error
            raise
        if result is None:
            return
        count += 1
        _result(request, out, snapshot, result, count)


def _result(
    request: dict[str, Any],
    out: BinaryIO,
    snapshot: Snapshot,
    result: tuple[duckdb.DuckDBPyRelation, Opened],
    count: int,
) -> None:
    """Write the rows of the result with the number `count`."""
    import duckdb

    from netlake.errors import OptionError
    from netlake.query import output
    from netlake.query.mistakes import translated
    from netlake.query.output.visible import say

    relation, opened = result
    if count > 1 and not output.takes_several(request["format"]):
        raise OptionError(
            f"--format {request['format']} holds the rows of one query, and the SQL has several; "
            "create tables in the earlier statements, or use another format."
        )
    if count > 1:
        out.write(b"\n")
    if request["plan"]:
        for sentence in opened.sentences():
            say(sentence)
    table = request["dump"] and request["dump"]["table"]
    choose = bool(request["dump"] and not request["dump"]["select"])
    style = output.Style(request["raw"], request["width"], table, choose)
    try:
        _stream(relation, out, request, style)
    except duckdb.Error as error:
        refused = translated(error, snapshot.names())
        if (request["dump"] or request["carve"]) and isinstance(error, (duckdb.DataError, duckdb.ProgrammingError)):
            raise OptionError(f"--where: {refused}") from error  # only the condition computes anything
        raise refused from error


def _files(
    connection: Connection, statement: str, snapshot: Snapshot, tables: Iterable[str] | None = None
) -> list[Path | str]:
    """All files of `tables`, by default of those that the statement names."""
    from netlake.query.connection import named

    if tables is None:
        tables = named(connection.database, statement, snapshot)
    return [file.path for table in tables for file in snapshot.files(table)]


def _stream(relation: duckdb.DuckDBPyRelation, out: BinaryIO, request: dict[str, Any], style: Any) -> None:
    """Write all rows, or the first of them and a message with their number if there are more."""
    from netlake.query import output
    from netlake.query.output.visible import say
    from netlake.query.portable import portable

    most: int | None = request["rows"]
    reader = portable(relation).to_arrow_reader(BATCH)
    writer = output.writer(request["format"], out, reader.schema, style)
    written, more = 0, False
    for batch in reader:
        if most is not None and (more := written + batch.num_rows > most):
            writer.write(batch.slice(0, most - written))
            break
        writer.write(batch)
        written += batch.num_rows
    writer.close()
    out.flush()
    if more:
        reader.close()
        say(f"showing {most:,} of {_count(relation)} rows; --limit 0 for all.")


def _count(relation: duckdb.DuckDBPyRelation) -> str:
    """The number of rows of a query: DuckDB counts most results without computing their columns."""
    import duckdb

    try:
        return f"{relation.aggregate('count(*)').fetchall()[0][0]:,}"
    except duckdb.Error:
        return "more"
