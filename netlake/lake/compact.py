"""Merge small files of a lake into larger ones, in one snapshot.

Theory of operation
- A capture writes a file for each of its tables and days, so many small captures leave many small files. `plan` groups
  small files of one table and partition, in order of arrival, up to the target size. A day with few bytes is merged
  with others into the null partition, whose files have rows of any day and are pruned by the statistics of `day`:
  captures of a hundred days would otherwise keep a hundred files of each table.
- `write` copies each group into one file outside of any transaction, see netlake.sinks.parquet_copy: rows and columns
  are those of the files, in their order. Only files with the same Parquet schema are merged.
- `commit` ends the old files and adds the new ones in one snapshot. A group of which a file ended meanwhile (its
  capture was removed, or another process compacted it) is left out. So concurrent commits need no lock, none is lost,
  and a process that is killed leaves only files that no snapshot names.
- Old files stay for earlier snapshots and for readers that have begun, until `expire` deletes them.
- Files of captures are merged with each other (see `shared` for how a capture is removed from such a file); those of an
  owner of derived rows only with its own, as they are replaced as a whole; those of other engines with each other.
- Left as they are: files outside the data folder, files with deleted rows, encrypted ones, and files that another
  engine merged, which have hidden columns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netlake.lake import layout, shared, store
from netlake.lake.change import Change
from netlake.lake.database import Session
from netlake.lake.layout import OWNER
from netlake.lake.shared import Stored
from netlake.lake.store import Placed

if TYPE_CHECKING:
    from netlake.sinks import StoredFile

# bytes of a merged file
TARGET = 128 << 20
# a day of a table with fewer bytes is merged with other days
FEW = 1 << 20
# most files of a merge: their footers are kept in memory
MOST = 4096


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is merged: `tables` by name, None for all; `days`, None for all; `target` bytes of a merged file."""

    tables: Collection[str] | None = None
    days: Collection[dt.date] | None = None
    target: int = TARGET


@dataclass(frozen=True, slots=True)
class Group:
    """Files of a table that become one; `partition` and `values` are those of the new file."""

    table: str
    files: Sequence[Stored]
    partition: int | None
    values: tuple[tuple[int, str | None], ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of one table: number and bytes of its files that were merged, and of those that replace them."""

    table: str
    files: int
    size: int
    into: int
    into_size: int


class Candidates(NamedTuple):
    """The files of a table that are small enough, and whether the table is partitioned by day."""

    table: str
    files: list[Stored]
    by_day: bool


def candidates(session: Session, base: str, tables: dict[str, int], wanted: Wanted) -> list[Candidates]:
    """The small files of each table; `tables` are the ids of the present tables by name."""
    return [
        Candidates(name, _candidates(session, base, number, wanted), _by_day(session, number))
        for name, number in tables.items()
        if wanted.tables is None or name in wanted.tables
    ]


def plan(found: Iterable[Candidates], wanted: Wanted) -> list[Group]:
    """The groups of files to merge; their footers are read, so call it outside of a session."""
    return [
        group
        for one in found
        for files in _of_one_kind(one.files)
        for group in _grouped(one.table, files, wanted, by_day=one.by_day)
    ]


def _candidates(session: Session, base: str, table: int, wanted: Wanted) -> list[Stored]:
    where = (
        "f.table_id = ? AND f.end_snapshot IS NULL AND f.file_size_bytes < ? AND f.file_format = 'parquet'"
        " AND f.encryption_key IS NULL AND f.mapping_id IS NULL AND f.partial_max IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM ducklake_delete_file d WHERE d.data_file_id = f.data_file_id)"
    )
    found = shared.files(session, base, where, (table, wanted.target // 2))
    inside = [file for file in found if file.relative and file.place.startswith(f"{base}/")]
    return [file for file in inside if wanted.days is None or shared.day_of(file.values) in wanted.days]


def _by_day(session: Session, table: int) -> bool:
    """Whether the table is partitioned by the value of its column `day`."""
    row = session.row(
        "SELECT column_id FROM ducklake_column WHERE table_id = ? AND column_name = 'day' AND parent_column IS NULL"
        " AND end_snapshot IS NULL",
        (table,),
    )
    return row is not None and store.partition_by_day(session, table, row[0]) is not None


def _of_one_kind(files: Sequence[Stored]) -> Iterator[list[Stored]]:
    """The files of captures, those of each owner, and those of other engines."""
    kinds: dict[str, list[Stored]] = {}
    for file in files:
        writer = file.runs[0].capture if file.runs else "?"
        kinds.setdefault(writer if writer.startswith(OWNER) or not file.runs else "", []).append(file)
    yield from kinds.values()


def _grouped(table: str, files: Sequence[Stored], wanted: Wanted, *, by_day: bool) -> Iterator[Group]:
    """Groups within each partition, and of the days with few bytes together."""
    parts: dict[tuple[int | None, tuple[tuple[int, str | None], ...]], list[Stored]] = {}
    for file in files:
        parts.setdefault((file.partition, file.values), []).append(file)
    mixed: list[Stored] = []
    for (partition, values), some in parts.items():
        few = by_day and wanted.days is None and (partition is None or sum(file.size for file in some) < FEW)
        if few and len(parts) > 1:
            mixed += some
        else:
            yield from _cut(table, some, wanted.target, partition, values)
    yield from _cut(table, sorted(mixed, key=lambda file: file.id), wanted.target, None, ())


def _cut(
    table: str, files: Sequence[Stored], target: int, partition: int | None, values: tuple[tuple[int, str | None], ...]
) -> Iterator[Group]:
    """Groups of files with one schema, up to the target size; a file alone is no group."""
    from netlake.sinks import parquet_copy

    by_schema: dict[str, list[Stored]] = {}
    for file in files if len(files) > 1 else ():
        by_schema.setdefault(parquet_copy.schema_of(file.place), []).append(file)
    for alike in by_schema.values():
        if len(alike) < 2 or not parquet_copy.is_faithful(alike[0].place):
            continue
        group: list[Stored] = []
        for file in alike:
            if group and (sum(one.size for one in group) + file.size > target or len(group) == MOST):
                yield from [Group(table, group, partition, values)] if len(group) > 1 else []
                group = []
            group.append(file)
        if len(group) > 1:
            yield Group(table, group, partition, values)


def write(group: Group, data: Path, base: str) -> StoredFile:
    """Copy the files of a group, which are below `base`, into one below `data`, which is durable but in no snapshot."""
    from netlake.sinks import parquet_copy
    from netlake.sinks.parquet import NO_DAY

    first = group.files[0]
    folder = shared.staged(first.place, base, data).parent
    if group.partition is None and folder.name.startswith("day="):
        folder = folder.parent / f"day={NO_DAY}"
    return parquet_copy.copy(
        [(file.place, None) for file in group.files], folder, "merged", shared.day_of(group.values)
    )


def commit(
    change: Change,
    made: Sequence[tuple[Group, StoredFile]],
    check: Callable[[StoredFile], None],
    base: str,
    data: Path,
) -> list[tuple[Group, StoredFile]]:
    """Replace the files of groups by their merged ones; returns those that were still as planned."""
    session, kept = change.session, []
    for group, file in made:
        if not _unchanged(session, group):
            continue
        check(file)
        store.end(change, [(old.id, old.table, old.rows, old.size) for old in group.files])
        first = group.files[0]
        runs = shared.joined([run for old in group.files for run in old.runs])
        path = file.path.relative_to(shared.staged(first.folder, base, data)).as_posix()
        placed = Placed(first.table, file, path, runs, group.partition, group.values)
        store.insert(change, placed, shared.kinds(session, first.table), _row_id(group))
        change.note(f"inserted_into_table:{first.table}")
        kept.append((group, file))
    if kept:
        layout.raise_to(session, layout.SHARED)
    return kept


def _unchanged(session: Session, group: Group) -> bool:
    """Whether all files of a group are present, with the rows they had, and none has deleted rows."""
    for marks, some in shared.chunks([file.id for file in group.files]):
        present = session.rows(
            f"SELECT data_file_id, record_count, path FROM ducklake_data_file WHERE data_file_id IN ({marks})"  # noqa: S608
            " AND end_snapshot IS NULL",
            some,
        )
        planned = {(file.id, file.rows, file.path) for file in group.files if file.id in set(some)}
        deleted = session.row(f"SELECT 1 FROM ducklake_delete_file WHERE data_file_id IN ({marks})", some)  # noqa: S608
        if set(present) != planned or deleted:
            return False
    return True


def _row_id(group: Group) -> int | None:
    """The id of the first row, if the rows of all files have consecutive ids; else None, and they get new ones."""
    due = group.files[0].first
    for file in group.files:
        if file.first is None or file.first != due:
            return None
        due = file.first + file.rows
    return group.files[0].first


def summary(made: Sequence[tuple[Group, Sequence[int]]]) -> list[Merged]:
    """What becomes of each table, for groups with the sizes of the files that replace them."""
    found: dict[str, Merged] = {}
    for group, sizes in made:
        before = found.get(group.table, Merged(group.table, 0, 0, 0, 0))
        found[group.table] = Merged(
            group.table, before.files + len(group.files), before.size + group.size, before.into + len(sizes),
            before.into_size + sum(sizes),
        )  # fmt: skip
    return [found[name] for name in sorted(found)]
