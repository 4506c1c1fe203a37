"""Read the catalog at a snapshot: tables, columns and files, from the catalog alone.

- The declarations of this netlake are not used: tables and columns of a newer version, a plugin or another engine are
  read like ours.
- What another engine may write and reading only the Parquet files would get wrong is refused: rows kept in the catalog,
  deleted rows, files without field ids, encrypted files, files merged after the snapshot.
"""

# ruff: noqa: S608 - the names in statements are our own; values are bound
from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection

from netlake.errors import LakeError
from netlake.lake.database import Row, Session
from netlake.lake.facts import ColumnInfo, FileInfo, Range, SnapshotInfo, TableInfo
from netlake.lake.layout import OWNER
from netlake.lake.upkeep import place_of
from netlake.lake.values import decode

# the condition that a row is valid at a snapshot, whose number is bound twice
VALID = "begin_snapshot <= ? AND (end_snapshot IS NULL OR end_snapshot > ?)"

At = int | dt.datetime | None


def snapshot(session: Session, at: At) -> int:
    """The id of a snapshot: `at` is its number, a time (the last one at it) or None (newest). LakeError if none is."""
    if isinstance(at, dt.datetime):
        query = "SELECT max(snapshot_id) FROM ducklake_snapshot WHERE snapshot_time <= ?"
        row = session.row(query, (_sortable(at),))
    elif at is None:
        row = session.row("SELECT max(snapshot_id) FROM ducklake_snapshot")
    else:
        row = session.row("SELECT snapshot_id FROM ducklake_snapshot WHERE snapshot_id = ?", (at,))
    if row is None or row[0] is None:
        raise LakeError(
            f"The lake has no snapshot {at}; its first is {_first(session)} and its newest {snapshot(session, None)}."
        )
    number: int = row[0]
    return number


def _first(session: Session) -> int:
    row = session.row("SELECT min(snapshot_id) FROM ducklake_snapshot")
    return row[0] if row else 0


def _sortable(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def snapshots(session: Session) -> list[SnapshotInfo]:
    """Every snapshot, oldest first."""
    rows = session.rows(
        "SELECT snapshot_id, snapshot_time, author, commit_message, changes_made, commit_extra_info"
        " FROM ducklake_snapshot LEFT JOIN ducklake_snapshot_changes USING (snapshot_id) ORDER BY snapshot_id"
    )
    return [
        SnapshotInfo(number, decode(time, "timestamptz"), author, message, changes or "", _notes(extra))
        for number, time, author, message, changes, extra in rows
    ]


def _notes(text: str | None) -> dict[str, object]:
    """The JSON recorded with a commit; another engine may record any text."""
    try:
        notes = json.loads(text or "{}")
    except ValueError:
        notes = text
    return notes if isinstance(notes, dict) else {"note": notes}


def tables(session: Session, at: int, base: str) -> dict[str, TableInfo]:
    """Every table by name; those outside the schema `main` by `schema.name`."""
    rows = session.rows(
        "SELECT t.table_id, s.schema_name, t.table_name, t.begin_snapshot, s.path, s.path_is_relative,"
        " t.path, t.path_is_relative, g.value FROM ducklake_table t"
        f" JOIN ducklake_schema s ON s.schema_id = t.schema_id AND {_valid('s')}"
        f" LEFT JOIN ducklake_tag g ON g.object_id = t.table_id AND g.key = 'comment' AND {_valid('g')}"
        f" WHERE {_valid('t')} ORDER BY s.schema_name, t.table_name",
        (at,) * 6,
    )
    result = {}
    for number, schema, name, begin, folder, folder_relative, path, relative, doc in rows:
        place = place_of(place_of(base, folder, folder_relative), path, relative)
        key = name if schema == "main" else f"{schema}.{name}"
        result[key] = TableInfo(number, schema, name, doc or "", place, begin)
    return result


def _valid(alias: str) -> str:
    return f"{alias}.begin_snapshot <= ? AND ({alias}.end_snapshot IS NULL OR {alias}.end_snapshot > ?)"


def columns(session: Session, at: int, table: TableInfo) -> list[ColumnInfo]:
    """The columns of a table in order, nested ones as children."""
    rows = session.rows(
        "SELECT c.column_id, c.parent_column, c.column_name, c.column_type, c.nulls_allowed, c.begin_snapshot,"
        " c.initial_default, g.value FROM ducklake_column c LEFT JOIN ducklake_column_tag g"
        f" ON g.table_id = c.table_id AND g.column_id = c.column_id AND g.key = 'comment' AND {_valid('g')}"
        f" WHERE c.table_id = ? AND {_valid('c')} ORDER BY c.column_order, c.column_id",
        (at, at, table.id, at, at),
    )
    by_parent: dict[int | None, list[Row]] = {}
    for row in rows:
        by_parent.setdefault(row[1], []).append(row)
    return _family(by_parent, None)


def _family(by_parent: dict[int | None, list[Row]], parent: int | None) -> list[ColumnInfo]:
    return [
        ColumnInfo(number, name, kind, bool(null), doc or "", begin, default, tuple(_family(by_parent, number)))
        for number, _, name, kind, null, begin, default, doc in by_parent.get(parent, ())
    ]


def files(session: Session, at: int, table: TableInfo, wanted: Collection[int] | None) -> list[FileInfo]:
    """The data files of a table in order of arrival, with statistics of the column ids `wanted`, None for all."""
    _refuse_other_forms(session, at, table)
    rows = session.rows(
        "SELECT data_file_id, path, path_is_relative, record_count, file_size_bytes, footer_size, begin_snapshot,"
        f" partition_id FROM ducklake_data_file WHERE table_id = ? AND {VALID} ORDER BY data_file_id",
        (table.id, at, at),
    )
    days = _days(session, table)
    stats = {} if wanted is not None and not wanted else _stats(session, at, table, wanted)
    return [
        FileInfo(number, place_of(table.path, path, relative), rows, size, footer, days.get((number, partition)), begin,
                 stats.get(number, {}))
        for number, path, relative, rows, size, footer, begin, partition in rows
    ]  # fmt: skip


def files_of_others(session: Session, wanted: Collection[str]) -> frozenset[int]:
    """The ids of the data files that captures wrote, none of which is in `wanted`; derived tables have no capture."""
    rows = session.rows("SELECT data_file_id, capture FROM netlake_file")
    kept = {number for number, capture in rows if capture in wanted or capture.startswith(OWNER)}
    return frozenset(number for number, _ in rows if number not in kept)


def spans(session: Session, wanted: Collection[str]) -> dict[int, tuple[tuple[int, int], ...]]:
    """The rows of captures in files with rows of several, by file: (first, number) of each run."""
    if "netlake_file_rows" not in session.tables():
        return {}
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    for number, first, count, capture in session.rows(
        "SELECT data_file_id, first_row, row_count, capture FROM netlake_file_rows ORDER BY data_file_id, first_row"
    ):
        if capture in wanted:
            found[number] = (*found.get(number, ()), (first, count))
    return found


def _days(session: Session, table: TableInfo) -> dict[tuple[int, int], dt.date]:
    """The day of each file that has one, by (file, partitioning)."""
    rows = session.rows(
        "SELECT v.data_file_id, p.partition_id, v.partition_value FROM ducklake_file_partition_value v"
        " JOIN ducklake_partition_column p USING (table_id, partition_key_index)"
        " JOIN ducklake_column c USING (table_id, column_id)"
        " WHERE v.table_id = ? AND p.transform = 'identity' AND c.column_name = 'day' AND c.parent_column IS NULL",
        (table.id,),
    )
    return {(number, partition): decode(value, "date") for number, partition, value in rows if value is not None}


def _stats(session: Session, at: int, table: TableInfo, wanted: Collection[int] | None) -> dict[int, dict[int, Range]]:
    kinds = {column.id: column.type for column in columns(session, at, table)}
    chosen = [column for column in kinds if wanted is None or column in wanted]
    if not chosen:
        return {}
    marks = ", ".join("?" * len(chosen))
    rows = session.rows(
        "SELECT data_file_id, column_id, value_count, null_count, min_value, max_value, contains_nan"
        f" FROM ducklake_file_column_stats WHERE table_id = ? AND column_id IN ({marks})",
        (table.id, *chosen),
    )
    result: dict[int, dict[int, Range]] = {}
    for number, column, values, nulls, least, greatest, nan in rows:
        kind = kinds[column]
        low, high = decode(least, kind), decode(greatest, kind)
        if low is None or high is None:
            low = high = None
        maybe_nan = kind in ("float32", "float64") and nan != 0
        result.setdefault(number, {})[column] = Range(low, high, nulls, values, maybe_nan)
    return result


def _refuse_other_forms(session: Session, at: int, table: TableInfo) -> None:
    inside = session.rows("SELECT table_name FROM ducklake_inlined_data_tables WHERE table_id = ?", (table.id,))
    present = session.tables()
    names = {name for (name,) in inside} & present
    for name in sorted(names):
        if session.row(f'SELECT 1 FROM "{name}" WHERE {VALID}', (at, at)):
            raise _refusal(table, "rows that another engine keeps in the catalog", "ducklake_flush_inlined_data")
    deletions = f"ducklake_inlined_delete_{table.id}"
    inlined = deletions in present and session.row(f"SELECT 1 FROM {deletions} WHERE begin_snapshot <= ?", (at,))
    query = f"SELECT 1 FROM ducklake_delete_file WHERE table_id = ? AND {VALID}"
    if inlined or session.row(query, (table.id, at, at)):
        raise _refusal(table, "rows that another engine deleted one by one", "ducklake_rewrite_data_files")
    row = session.row(
        "SELECT max(encryption_key), max(mapping_id), max(partial_max),"
        " max(CASE WHEN file_format <> 'parquet' THEN 1 ELSE 0 END)"
        f" FROM ducklake_data_file WHERE table_id = ? AND {VALID}",
        (table.id, at, at),
    )
    key, mapping, partial, other = row or (None, None, None, None)
    if key is not None or other:
        raise LakeError(
            f"Table {table.name} has files that are encrypted or not Parquet; read it with the DuckLake extension."
        )
    if mapping is not None:
        raise LakeError(f"Table {table.name} has files without field ids; read it with the DuckLake extension.")
    if partial is not None and partial > at:
        raise LakeError(
            f"Files of table {table.name} were merged after snapshot {at}; read it there with the DuckLake extension."
        )


def _refusal(table: TableInfo, what: str, remedy: str) -> LakeError:
    return LakeError(f"Table {table.name} has {what}; call {remedy} in that engine, then netlake can read it.")
