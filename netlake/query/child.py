"""The other side of `guard`: gives up its rights, then opens the lake, runs one statement and writes its rows.

Nothing but the standard library and `landlock` may be imported before `lock`: the rest starts threads.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from netlake.query import landlock

if TYPE_CHECKING:
    import duckdb

    from netlake.query.connection import Connection
    from netlake.query.source import Snapshot

BATCH = 16_384
_PACKAGE = Path(__file__).resolve().parent.parent
# what the loader, the C library, Arrow and DuckDB look at: libraries, time zones, how much memory and how many cores
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/localtime",
    "/etc/ld.so.cache",
    "/proc/meminfo", "/proc/cpuinfo", "/proc/self/cgroup", "/proc/sys/vm", "/sys/devices/system", "/sys/fs/cgroup",
    "/dev/null", "/dev/urandom",
)  # fmt: skip


def main(request: dict[str, Any]) -> int:
    """Answer one request; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    locked = lock(Path(request["lake"]), Path(request["spill"]))
    from netlake.errors import NetlakeError
    from netlake.query.output.visible import say

    try:
        _answer(request, sys.stdout.buffer, locked=locked)
        sys.stdout.flush()
    except NetlakeError as error:
        say(str(error))
        return 1
    except OSError as error:
        if error.errno == errno.EPIPE:
            # whoever reads has enough; what waits to be written must not be tried again at the end
            os._exit(0)
        say(f"The rows could not be written: {error.strerror or error}.")
        return 1
    return 0


def lock(lake: Path, spill: Path) -> bool:
    """Give up every right but to read the lake and to write `spill`; whether the system could."""
    places = [lake, _PACKAGE, _PACKAGE.parent / "schemas", *map(Path, _SYSTEM)]
    places += [Path(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path)]
    if landlock.restrict([*places, spill], [spill]):
        return True
    from netlake.query.output.visible import say

    say(
        "this system has no Landlock, so only DuckDB's own switches and the modes of its files keep the statement"
        " from changing the lake."
    )
    return False


def ready(request: dict[str, Any], *, locked: bool) -> tuple[Connection, Snapshot, str]:
    """A connection that can read the lake and no more, the lake, and the statement that is asked for."""
    from netlake.lake.catalog import Catalog
    from netlake.query.connection import Connection, allow_only
    from netlake.query.dump import Dump
    from netlake.query.source import Snapshot, moment

    catalog = Catalog(Path(request["lake"]), readonly=True)
    source = Snapshot(catalog, moment(request["at"]))
    statement = Dump(**request["dump"]).sql(source) if request["dump"] else str(request["sql"])
    connection = Connection(threads=request["threads"], memory=request["memory"])
    # without Landlock DuckDB could write anything that may be read: then only the files themselves, which are 0444
    places = [catalog.data] if locked else _files(connection, statement, source)
    allow_only(connection.database, places, spill=Path(request["spill"]))
    return connection, source, statement


def _answer(request: dict[str, Any], out: BinaryIO, *, locked: bool) -> None:
    import duckdb

    from netlake.query import output
    from netlake.query.connection import translated
    from netlake.query.output.visible import say

    connection, source, statement = ready(request, locked=locked)
    relation, opened = connection.run(statement, source)
    if request["plan"]:
        for sentence in opened.sentences():
            say(sentence)
    style = output.Style(request["raw"], request["width"])
    try:
        _stream(relation, out, request["format"], style, request["rows"])
    except duckdb.Error as error:
        raise translated(error, source.names()) from error


def _files(connection: Connection, statement: str, source: Snapshot) -> list[Path]:
    """Every file of the tables that the statement names."""
    from netlake.query.connection import named

    tables, _ = named(connection.database, statement, source)
    return [Path(file.path) for table in tables for file in source.files(table)]


def _stream(relation: duckdb.DuckDBPyRelation, out: BinaryIO, name: str, style: Any, most: int | None) -> None:
    """Write every row, or the first `most`, saying so when there are more."""
    from netlake.query import output
    from netlake.query.output.visible import say

    reader = relation.to_arrow_reader(BATCH)
    writer = output.writer(name, out, reader.schema, style)
    left = most
    for batch in reader:
        if left is not None and batch.num_rows > left:
            writer.write(batch.slice(0, left))
            say(f"there are more than {most} rows; --max-rows shows more.")
            break
        writer.write(batch)
        left = None if left is None else left - batch.num_rows
    writer.close()
    out.flush()
