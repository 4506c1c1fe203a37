"""Files with rows of several captures, which `compact` makes, and how one capture's rows are removed from them.

Theory of operation
- A file with one writer is ended or deleted as a whole. In a file with several writers, the rows of each are runs of
  consecutive rows, recorded in `netlake_file_rows`. Tables without a column `capture`, and tables of plugins that are
  not installed, need nothing else.
- Removing a capture writes each shared file again without its rows (`Remainder`), and the new file replaces the old one
  in the same snapshot (`remove`). To purge, it replaces the old one in all snapshots, under the same number (`purge`).
- Writing again takes time, so files are written before the transaction (`Rewriter.prepare`); within it, only those
  that another process compacted meanwhile. Files that the transaction does not use are removed.
"""

# ruff: noqa: S608 - the names in statements are our own; values are bound
from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlake.lake import store
from netlake.lake.change import Change
from netlake.lake.database import Session
from netlake.lake.store import Placed, Run
from netlake.lake.upkeep import place_of

if TYPE_CHECKING:
    from netlake.lake.opened import OpenLake
    from netlake.sinks import StoredFile

ROWS = "netlake_file_rows"


@dataclass(frozen=True, slots=True)
class Stored:
    """A data file of the catalog: `folder` is that of its table, `runs` its rows by writer, `values` its partition."""

    id: int
    table: int
    folder: str
    path: str
    relative: bool
    rows: int
    size: int
    first: int | None
    partition: int | None
    end: int | None
    runs: tuple[Run, ...]
    values: tuple[tuple[int, str | None], ...]

    @property
    def place(self) -> str:
        """The absolute path."""
        return place_of(self.folder, self.path, self.relative)


def files(session: Session, base: str, where: str, values: Sequence[Any]) -> list[Stored]:
    """The data files that match an SQL condition on `f`, in order of arrival."""
    rows = session.rows(
        "SELECT f.data_file_id, f.table_id, s.path, s.path_is_relative, t.path, t.path_is_relative, f.path,"
        " f.path_is_relative, f.record_count, f.file_size_bytes, f.row_id_start, f.partition_id, f.end_snapshot"
        " FROM ducklake_data_file f JOIN (SELECT DISTINCT table_id, schema_id, path, path_is_relative FROM"
        " ducklake_table) t ON t.table_id = f.table_id JOIN (SELECT DISTINCT schema_id, path, path_is_relative FROM"
        f" ducklake_schema) s ON s.schema_id = t.schema_id WHERE {where} ORDER BY f.data_file_id",
        values,
    )
    every = {row[0]: row for row in rows}
    runs = _runs(session, {number: row[8] for number, row in every.items()})
    parts = _partitions(session, every)
    return [
        Stored(
            row[0], row[1], place_of(place_of(base, row[2], row[3]), row[4], row[5]), row[6], bool(row[7]), row[8],
            row[9], row[10], row[11], row[12], runs.get(number, ()), parts.get(number, ()),
        )
        for number, row in every.items()
    ]  # fmt: skip


def chunks(numbers: Collection[int]) -> Iterator[tuple[str, list[int]]]:
    """Numbers in lists that fit a statement, with its marks."""
    every = list(numbers)
    for begin in range(0, len(every), 500):
        some = every[begin : begin + 500]
        yield ", ".join("?" * len(some)), some


def _runs(session: Session, counts: dict[int, int]) -> dict[int, tuple[Run, ...]]:
    """The rows of files by writer; a file of another engine has no entry."""
    found: dict[int, tuple[Run, ...]] = {}
    several = ROWS in session.tables()
    for marks, some in chunks(counts):
        for number, capture in session.rows(
            f"SELECT data_file_id, capture FROM netlake_file WHERE data_file_id IN ({marks})", some
        ):
            found[number] = (Run(capture, counts[number]),)
        rows = session.rows(
            f"SELECT data_file_id, capture, row_count FROM {ROWS} WHERE data_file_id IN ({marks})"
            " ORDER BY data_file_id, first_row",
            some,
        ) if several else []  # fmt: skip
        by_file: dict[int, list[Run]] = {}
        for number, capture, count in rows:
            by_file.setdefault(number, []).append(Run(capture, count))
        found |= {number: tuple(runs) for number, runs in by_file.items()}
    return found


def _partitions(session: Session, numbers: Collection[int]) -> dict[int, tuple[tuple[int, str | None], ...]]:
    found: dict[int, tuple[tuple[int, str | None], ...]] = {}
    for marks, some in chunks(numbers):
        for number, key, value in session.rows(
            "SELECT data_file_id, partition_key_index, partition_value FROM ducklake_file_partition_value"
            f" WHERE data_file_id IN ({marks}) ORDER BY partition_key_index",
            some,
        ):
            found[number] = (*found.get(number, ()), (key, value))
    return found


def joined(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Runs, where those of one writer that follow each other are one."""
    result: list[Run] = []
    for run in runs:
        if result and result[-1].capture == run.capture:
            result[-1] = Run(run.capture, result[-1].rows + run.rows)
        else:
            result.append(run)
    return tuple(result)


def day_of(values: Sequence[tuple[int, str | None]]) -> dt.date | None:
    """The day of a file's partition, None for another partitioning."""
    try:
        return dt.date.fromisoformat(values[0][1] or "") if len(values) == 1 else None
    except ValueError:
        return None


def staged(place: str, base: str, data: Path) -> Path:
    """Where a file or folder below `base` is written, which is `data` or an object store."""
    return data / place.removeprefix(base).lstrip("/")


class Rewriter:
    """Writes shared files again without the rows of captures; `made` are the files, `used` those of the transaction."""

    def __init__(self, lake: OpenLake) -> None:
        self.lake, self.base = lake, lake.base
        # by the path of the old file: another process may give its number to a new one
        self.made: dict[tuple[str, frozenset[str]], StoredFile] = {}
        self.used: set[Path] = set()

    def prepare(self, session: Session, captures: Collection[str], *, history: bool = False) -> list[Stored]:
        """The files to write before the transaction; pass them to `write` after the session."""
        return [file for file in of_captures(session, self.base, captures, history=history) if left(file, captures)]

    def write(self, shared: Sequence[Stored], captures: Collection[str]) -> None:
        """Write the files without the rows of `captures`."""
        for file in shared:
            self.without(file, captures)

    def without(self, file: Stored, captures: Collection[str]) -> StoredFile:
        """The file without the rows of `captures`, written now unless it was prepared."""
        from netlake.sinks import parquet_copy

        key = (file.place, frozenset(captures))
        if key not in self.made:
            ends = list(accumulate(run.rows for run in file.runs))
            kept = [
                (end - run.rows, end) for run, end in zip(file.runs, ends, strict=True) if run.capture not in captures
            ]
            folder = staged(file.place, self.base, self.lake.data).parent
            self.made[key] = parquet_copy.copy([(file.place, kept)], folder, "merged", day_of(file.values))
            self.lake._upload([self.made[key]])  # noqa: SLF001 - of this package
        return self.made[key]

    def place(self, file: Stored, captures: Collection[str]) -> Placed:
        """The new file as the catalog stores it."""
        made = self.without(file, captures)
        self.used.add(made.path)
        path = made.path.relative_to(staged(file.folder, self.base, self.lake.data)).as_posix()
        return Placed(file.table, made, path, left(file, captures), file.partition, file.values)

    @property
    def every(self) -> list[StoredFile]:
        """All files that were written."""
        return list(self.made.values())

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """Remove the files that the block's transaction did not use."""
        try:
            yield
        finally:
            self.lake._discard([made for made in self.every if made.path not in self.used])  # noqa: SLF001


def left(file: Stored, captures: Collection[str]) -> tuple[Run, ...]:
    """The rows of a file without those of `captures`."""
    return joined([run for run in file.runs if run.capture not in captures])


def of_captures(session: Session, base: str, captures: Collection[str], *, history: bool = False) -> list[Stored]:
    """The present files with rows of these captures; with `history` those of all snapshots."""
    marks = ", ".join("?" * len(captures))
    where = f"f.data_file_id IN (SELECT data_file_id FROM netlake_file WHERE capture IN ({marks}))"
    if not history:
        where += " AND f.end_snapshot IS NULL"
    return files(session, base, where, list(captures)) if captures else []


def kinds(session: Session, table: int) -> dict[int, str]:
    """DuckLake's type of each column of a table by id."""
    rows = session.rows("SELECT column_id, column_type FROM ducklake_column WHERE table_id = ?", (table,))
    return dict(rows)


def remove(change: Change, rewriter: Rewriter, captures: Collection[str]) -> None:
    """End the present rows of captures: files end, and those with rows of others are replaced by files without them."""
    for file in of_captures(change.session, rewriter.base, captures):
        store.end(change, [(file.id, file.table, file.rows, file.size)])
        if left(file, captures):
            store.insert(change, rewriter.place(file, captures), kinds(change.session, file.table))


def purge(change: Change, rewriter: Rewriter, capture: str) -> tuple[set[int], list[str]]:
    """Write all shared files of a capture again without its rows, in every snapshot.

    Returns the ids of their tables, and the paths of the files that were replaced.
    """
    session = change.session
    tables: set[int] = set()
    old: list[str] = []
    for file in of_captures(session, rewriter.base, [capture], history=True):
        if not left(file, [capture]):
            continue  # deleted as a whole
        placed = rewriter.place(file, [capture])
        for table in ("ducklake_file_column_stats", "netlake_file", ROWS):
            session.run(f"DELETE FROM {table} WHERE data_file_id = ?", (file.id,))
        session.run(
            "UPDATE ducklake_data_file SET path = ?, record_count = ?, file_size_bytes = ?, footer_size = ?"
            " WHERE data_file_id = ?",
            (placed.path, placed.file.rows, placed.file.size, placed.file.footer, file.id),
        )
        store.describe(session, file.id, placed, kinds(session, file.table))
        if file.end is None:
            session.run(
                "UPDATE ducklake_table_stats SET record_count = record_count - ?, file_size_bytes = file_size_bytes - ?"
                " WHERE table_id = ?",
                (file.rows - placed.file.rows, file.size - placed.file.size, file.table),
            )
        tables.add(file.table)
        old.append(file.place)
    return tables, old
