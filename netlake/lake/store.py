"""Add data files with their statistics to a snapshot, and end files in one.

- A file's statistics are those of its Parquet footer. A range that is not known is null: a wrong one would make readers
  skip rows.
- Statistics over a whole table are used by other engines' optimizers only. They are written for types whose range is
  always known (RANGED), and widened, never narrowed. A column loses its row for good when a file has no range for it,
  because DuckLake cannot express the difference between "no values yet" and "not known".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlake.lake.change import Change
from netlake.lake.database import Session
from netlake.lake.evolve import DAY, catalog_columns, table_id
from netlake.lake.values import REALS, decode, encode
from netlake.schema import Table
from netlake.schema.contract import ids

if TYPE_CHECKING:
    from netlake.sinks import DataFile, Statistics, StoredFile


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive rows of a file that one capture wrote, or an owner of derived rows."""

    capture: str
    rows: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A file of a table, as the catalog stores it.

    `path` is relative to the table's folder; `runs` are its rows by writer, in order, none if they are not known;
    `values` are (index, text) of the keys of its partition, which is None for no partition.
    """

    table: int
    file: StoredFile
    path: str
    runs: Sequence[Run]
    partition: int | None
    values: Sequence[tuple[int, str | None]]


# a column's statistics over a whole table: whether it has nulls, least and greatest value as text
Total = tuple[bool, str | None, str | None]


def add(change: Change, files: Sequence[DataFile], capture: str, data: Path) -> None:
    """Add files that are under `data`; `capture` is their writer: a capture's id, or an owner of derived rows."""
    by_table: dict[str, list[DataFile]] = {}
    for file in files:
        by_table.setdefault(file.table.name, []).append(file)
    for name in sorted(by_table):
        _add_to_table(change, by_table[name], capture, data)


def _add_to_table(change: Change, files: list[DataFile], capture: str, data: Path) -> None:
    table = files[0].table
    number = table_id(change, table)
    partition = partition_by_day(change.session, number, ids(table).get(DAY))
    for file in files:
        own = partition if file.day is not None else None
        values = [] if own is None else [(0, encode(file.day))]
        path = file.path.relative_to(data / table.name).as_posix()
        insert(change, Placed(number, file, path, (Run(capture, file.rows),), own, values), types(table))
    _widen(change, number, files)
    change.note(f"inserted_into_table:{number}")


def insert(change: Change, placed: Placed, kinds: Mapping[int, str], row_id: int | None = None) -> None:
    """Add one file; `kinds` are DuckLake's types by column, `row_id` the id of its first row, None for new ids."""
    session, number, file = change.session, placed.table, placed.file
    file_id = change.file_id()
    stats = session.row("SELECT next_row_id FROM ducklake_table_stats WHERE table_id = ?", (number,))
    if stats is None:
        session.insert("ducklake_table_stats", [(number, 0, 0, 0)])
    next_row: int = stats[0] if stats else 0
    first = next_row if row_id is None else row_id
    session.insert("ducklake_data_file", [
        (file_id, number, change.id, None, None, placed.path, True, "parquet", file.rows, file.size, file.footer, first,
         placed.partition, None, None, None)
    ])  # fmt: skip
    session.insert("ducklake_file_partition_value", [(file_id, number, index, value) for index, value in placed.values])
    session.run(
        "UPDATE ducklake_table_stats SET record_count = record_count + ?, next_row_id = ?, "
        "file_size_bytes = file_size_bytes + ? WHERE table_id = ?",
        (file.rows, max(next_row, first + file.rows), file.size, number),
    )
    describe(session, file_id, placed, kinds)


def describe(session: Session, file_id: int, placed: Placed, kinds: Mapping[int, str]) -> None:
    """Write a file's statistics, SHA-256 and writers; of several writers, also which rows are whose."""
    file = placed.file
    session.insert("ducklake_file_column_stats", _statistics(file, file_id, placed.table, kinds))
    writers = dict.fromkeys(run.capture for run in placed.runs)
    session.insert("netlake_file", [(file_id, capture, file.sha256) for capture in writers])
    if len(writers) > 1:
        begins = accumulate((run.rows for run in placed.runs), initial=0)
        session.insert(
            "netlake_file_rows",
            [(file_id, first, run.rows, run.capture) for first, run in zip(begins, placed.runs, strict=False)],
        )


def partition_by_day(session: Session, number: int, day: int | None) -> int | None:
    """The partitioning of a table; None unless it is by day as ours: another engine may have changed it."""
    query = (
        "SELECT partition_id, column_id, transform FROM ducklake_partition_info JOIN ducklake_partition_column "
        "USING (partition_id, table_id) WHERE table_id = ? AND end_snapshot IS NULL"
    )
    rows = session.rows(query, (number,))
    return rows[0][0] if [row[1:] for row in rows] == [(day, "identity")] else None


@cache
def types(table: Table) -> dict[int, str]:
    """DuckLake's type of each column by id."""
    return {column.id: column.type for column in catalog_columns(table)}


def _statistics(file: StoredFile, file_id: int, number: int, kinds: Mapping[int, str]) -> list[tuple[Any, ...]]:
    return [
        (file_id, number, column, known.size, known.values - known.nulls, known.nulls, encode(known.least),
         encode(known.greatest), _nan(known, kinds.get(column, "")), None)
        for column, known in sorted(file.statistics.items())
    ]  # fmt: skip


def _nan(known: Statistics, kind: str) -> bool | None:
    """Whether a value is NaN, None if not known: a file with NaN has no range."""
    if kind not in REALS:
        return None
    return False if known.least is not None or known.values == known.nulls else None


def _widen(change: Change, number: int, files: list[DataFile]) -> None:
    query = "SELECT column_id, contains_null, min_value, max_value FROM ducklake_table_column_stats WHERE table_id = ?"
    before: dict[int, Total] = {row[0]: (bool(row[1]), row[2], row[3]) for row in change.session.rows(query, (number,))}
    after: dict[int, Total | None] = dict(before)
    kinds = types(files[0].table)
    for file in files:
        for column, known in file.statistics.items():
            total = after.get(column)
            if total is not None:
                after[column] = _wider(total, known, kinds[column])
    for column, total in after.items():
        where = (number, column)
        if total is None:
            change.session.run("DELETE FROM ducklake_table_column_stats WHERE table_id = ? AND column_id = ?", where)
        elif total != before[column]:
            change.session.run(
                "UPDATE ducklake_table_column_stats SET contains_null = ?, min_value = ?, max_value = ? "
                "WHERE table_id = ? AND column_id = ?",
                (*total, *where),
            )


def _wider(total: Total, known: Statistics, kind: str) -> Total | None:
    nulls, least, greatest = total
    nulls = nulls or known.nulls > 0
    if known.values == known.nulls:
        return nulls, least, greatest
    if known.least is None or known.greatest is None:
        return None
    low, high = decode(least, kind), decode(greatest, kind)
    if low is not None and high is not None:
        return nulls, encode(min(low, known.least)), encode(max(high, known.greatest))
    return (nulls, encode(known.least), encode(known.greatest)) if least is None and greatest is None else None


def end(change: Change, files: Sequence[tuple[int, int, int, int]]) -> None:
    """End files in this snapshot, given as (id, table, rows, size); earlier snapshots still name them."""
    for file_id, number, rows, size in files:
        change.session.run(
            "UPDATE ducklake_data_file SET end_snapshot = ? WHERE data_file_id = ?", (change.id, file_id)
        )
        change.session.run(
            "UPDATE ducklake_table_stats SET record_count = record_count - ?, file_size_bytes = file_size_bytes - ? "
            "WHERE table_id = ?",
            (rows, size, number),
        )
        change.note(f"deleted_from_table:{number}")
