"""A lake opened for the join: DuckDB views of its tables over the files of some captures.

Which tables have labelled records follows from their context columns, whose ids are the same in every table of a lake
(netlake.schema): there is no list of tables, and a table of a plugin that is not loaded counts too.

Captures are processed in groups of at most PACKETS packets, so that memory does not grow with the lake: a small capture
costs less in a group than alone. Rules see each capture as if it were alone, so groups do not change the result.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from netlake.label.memory import explained
from netlake.lake import Catalog, Stored, remote
from netlake.layers.steps import STEPS
from netlake.query.connection import Connection, only_of, view
from netlake.query.snapshot import Field, Snapshot
from netlake.schema import CONTEXT_IDS

PACKETS = 10_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A table with labelled records, and those of the context columns that differ between such tables.

    `header`: its rows are headers of packets, such as those of TCP, and not messages.
    """

    name: str
    header: bool
    flow: bool
    last_packet: bool
    from_originator: bool


class Opened:
    """Snapshot and connection of one run; leaving the context closes both and removes temporary files.

    An error of DuckDB leaves it as a QueryError.
    """

    def __init__(self, lake: Path, *, memory: str | None = None, threads: int | None = None) -> None:
        self.catalog = Catalog(lake, readonly=True)
        self.snapshot = Snapshot(self.catalog)
        self._connection = Connection(threads=threads, memory=memory)
        self._folder = tempfile.TemporaryDirectory(prefix="netlake-label-")
        self.sql: duckdb.DuckDBPyConnection = self._connection.database
        self.sql.execute("SET temp_directory=$1", [self._folder.name])
        self.sql.execute("SET enable_progress_bar=false")
        self._bound: dict[str, tuple[str, ...]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._connection.close()
        self._folder.cleanup()
        if isinstance(error, duckdb.Error):
            raise explained(error) from error

    def captures(self) -> list[Stored]:
        """The captures of the snapshot, in order of arrival."""
        return self.catalog.captures(self.snapshot.at)

    def shapes(self) -> Iterator[Shape]:
        """The tables of the lake with addresses or a flow, and a packet."""
        for name, table in sorted(self.catalog.tables(self.snapshot.at).items()):
            if table.schema != "main":
                continue
            own = _context(self.snapshot.fields(name))
            if {"capture", "packet", "place"} <= own and own & {"flow", "src_ip"}:
                yield Shape(
                    name,
                    name in STEPS or name == "packet",
                    "flow" in own,
                    "last_packet" in own,
                    "from_originator" in own,
                )

    def bind(self, table: str, captures: Sequence[str] | None = None) -> bool:
        """Create the view of `table` over the rows of `captures`, None for all; whether it has any files."""
        fields = self.snapshot.fields(table)
        number = next((field.number for field in fields if field.name == "capture" and field.number < 16), None)
        files = list(self.snapshot.files(table, () if number is None else (number,)))
        remote.register(self.sql, (file.path for file in files))
        if captures is not None and number is not None:
            wanted = sorted(captures)
            files = [file for file in files if _may(file.stats.get(number), wanted)]
            self.sql.execute(view(table, fields, files, only=only_of(files, number, wanted)))
            return bool(files)
        self.sql.execute(view(table, fields, files))
        return bool(files)

    def rows(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        found: list[tuple[Any, ...]] = self.sql.execute(statement, parameters).fetchall()
        return found

    def value(self, statement: str) -> Any:
        """The first column of the first row of a statement."""
        return self.rows(statement)[0][0]


def _context(fields: Iterable[Field]) -> set[str]:
    return {field.name for field in fields if CONTEXT_IDS.get(field.name) == field.number}


def _may(known: Any, wanted: Sequence[str]) -> bool:
    """Whether a file with this range of captures can have one of `wanted`, sorted."""
    if known is None or known.least is None or known.greatest is None:
        return True
    return any(known.least <= capture <= known.greatest for capture in wanted)


def groups(captures: Sequence[Stored]) -> Iterator[list[Stored]]:
    """The captures in groups of at most PACKETS packets; a larger capture is alone."""
    group: list[Stored] = []
    for stored in captures:
        if group and sum(one.facts.packets for one in group) + stored.facts.packets > PACKETS:
            yield group
            group = []
        group.append(stored)
    if group:
        yield group
