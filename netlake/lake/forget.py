"""Forget snapshots and captures: remove them from the catalog, and return the files that may then be deleted.

Rules
- The lake keeps what was removed or replaced, so that earlier snapshots stay readable. `expire` ends that for snapshots
  before one: those snapshots, and every row of the catalog and every file that only they contained, are removed. The
  newest snapshot stays.
- `purge` removes every trace of one capture in all snapshots: its files, its rows in merged files (see `shared`),
  statistics, facts, marks, and its name and id in the messages of commits. The snapshots stay, without its rows.
  Statistics over a whole table are computed again.
- Nothing is deleted here. The caller deletes the files after the commit; if it is interrupted, no snapshot names them
  and `util gc` collects them. A reader of an earlier snapshot may find its files missing.
- SQLite overwrites what is deleted with zeros (`secure_delete`). Blocks of deleted files on the disk, snapshots of the
  file system and backups are beyond netlake.
- Absolute paths are files that another engine added from elsewhere; they stay.
"""

# ruff: noqa: S608 - the names in statements are our own; values are bound
from __future__ import annotations

import datetime as dt
from itertools import pairwise

from netlake.errors import LakeError
from netlake.lake import shared
from netlake.lake.change import Change
from netlake.lake.database import Row, Session
from netlake.lake.upkeep import place_of
from netlake.lake.values import decode, encode

# tables whose rows are valid from begin_snapshot to end_snapshot
_VERSIONED = (
    "ducklake_schema", "ducklake_table", "ducklake_view", "ducklake_tag", "ducklake_column_tag", "ducklake_column",
    "ducklake_partition_info", "ducklake_sort_info", "ducklake_macro", "netlake_capture", "netlake_owner",
)  # fmt: skip
# tables with rows of a data file
_OF_FILES = (
    "ducklake_file_column_stats", "ducklake_file_variant_stats", "ducklake_file_partition_value", "netlake_file",
    "netlake_file_rows", "ducklake_data_file",
)  # fmt: skip
PURGED = "purged a capture"


def expire(session: Session, base: str, before: dt.datetime, keep: int = 1) -> tuple[list[int], list[str]]:
    """Remove the snapshots that ended before a time; return their numbers, and the files that only they had.

    The newest `keep` stay. A snapshot ends when the next one begins, so the lake can be read at each time since
    `before`.
    """
    text = before.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
    numbers = session.rows("SELECT snapshot_id, snapshot_time FROM ducklake_snapshot ORDER BY snapshot_id")
    gone = [number for (number, _), (_, end) in pairwise(numbers) if end <= text]
    gone = gone[: max(0, len(numbers) - keep)]
    if not gone:
        return [], []
    first = gone[-1] + 1
    row = session.row("SELECT min(snapshot_id) FROM ducklake_snapshot WHERE snapshot_id >= ?", (first,))
    first = row[0] if row else first
    session.run("DELETE FROM ducklake_snapshot WHERE snapshot_id < ?", (first,))
    session.run("DELETE FROM ducklake_snapshot_changes WHERE snapshot_id < ?", (first,))
    files = _files(session, base, "ducklake_data_file", "f.end_snapshot <= ?", (first,))
    files |= _files(session, base, "ducklake_delete_file", "f.end_snapshot <= ?", (first,))
    _delete_files(session, [number for number, _ in files.items()])
    session.run("DELETE FROM ducklake_delete_file WHERE end_snapshot <= ?", (first,))
    present = session.tables()
    for table in _VERSIONED:
        if table in present:
            session.run(f"DELETE FROM {table} WHERE end_snapshot <= ?", (first,))
    return gone, [path for path in files.values() if path is not None]


def purge(change: Change, rewriter: shared.Rewriter, capture: str) -> list[str]:
    """Remove every trace of a capture in all snapshots; return the files to delete. LakeError if no snapshot has it."""
    session, base = change.session, rewriter.base
    known = session.rows("SELECT path FROM netlake_capture WHERE capture = ?", (capture,))
    if not known:
        raise LakeError(f"No snapshot of the lake has a capture {capture}.")
    replaced, old = shared.purge(change, rewriter, capture)
    where = "f.data_file_id IN (SELECT data_file_id FROM netlake_file WHERE capture = ?)"
    files = _files(session, base, "ducklake_data_file", where, (capture,))
    tables = session.rows(
        f"SELECT DISTINCT table_id, sum(CASE WHEN end_snapshot IS NULL THEN record_count ELSE 0 END),"
        f" sum(CASE WHEN end_snapshot IS NULL THEN file_size_bytes ELSE 0 END) FROM ducklake_data_file f WHERE {where}"
        " GROUP BY table_id",
        (capture,),
    )
    _delete_files(session, list(files))
    for number, rows, size in tables:
        session.run(
            "UPDATE ducklake_table_stats SET record_count = record_count - ?, file_size_bytes = file_size_bytes - ?"
            " WHERE table_id = ?",
            (int(rows), int(size), number),
        )
        replaced.add(number)
    for number in sorted(replaced):
        _measure_again(session, number)
        change.note(f"deleted_from_table:{number}")
    session.run("DELETE FROM netlake_capture WHERE capture = ?", (capture,))
    _forget_messages(session, capture)
    return [*old, *(path for path in files.values() if path is not None)]


def _files(session: Session, base: str, kind: str, where: str, values: Row) -> dict[int, str | None]:
    """The files of a table of files that match: {id: path, None for an absolute one}."""
    number = "data_file_id" if kind == "ducklake_data_file" else "-delete_file_id"
    rows = session.rows(
        f"SELECT {number}, f.path, f.path_is_relative, max(t.path),"
        " max(CASE WHEN t.path_is_relative THEN 1 ELSE 0 END), max(s.path),"
        f" max(CASE WHEN s.path_is_relative THEN 1 ELSE 0 END) FROM {kind} f JOIN ducklake_table t USING (table_id)"
        f" JOIN ducklake_schema s USING (schema_id) WHERE {where} GROUP BY f.{number.removeprefix('-')}, f.path,"
        " f.path_is_relative",
        values,
    )
    found: dict[int, str | None] = {}
    for number_, path, relative, table, table_relative, schema, schema_relative in rows:
        place = place_of(place_of(place_of(base, schema, schema_relative), table, table_relative), path, relative)
        found[number_] = place if relative and place.startswith(f"{base}/") else None
    return found


def _delete_files(session: Session, numbers: list[int]) -> None:
    """Delete the rows of data files; ids below 0 are those of delete files, which the caller deletes."""
    for table in _OF_FILES:
        session.many(f"DELETE FROM {table} WHERE data_file_id = ?", [(number,) for number in numbers if number >= 0])


def _measure_again(session: Session, table: int) -> None:
    """Compute the statistics of a table's columns from those of its present files."""
    rows = session.rows(
        "SELECT c.column_id, min(c.column_type) FROM ducklake_table_column_stats s JOIN ducklake_column c"
        " USING (table_id, column_id) WHERE table_id = ? AND c.end_snapshot IS NULL GROUP BY c.column_id",
        (table,),
    )
    session.run(
        "DELETE FROM ducklake_table_column_stats WHERE table_id = ? AND column_id NOT IN (SELECT column_id"
        " FROM ducklake_column WHERE table_id = ? AND end_snapshot IS NULL)",
        (table, table),
    )
    for column, kind in rows:
        ranges = session.rows(
            "SELECT s.min_value, s.max_value, s.null_count FROM ducklake_file_column_stats s JOIN ducklake_data_file f"
            " USING (data_file_id) WHERE s.table_id = ? AND s.column_id = ? AND f.end_snapshot IS NULL",
            (table, column),
        )
        least = [value for low, _, _ in ranges if (value := decode(low, kind)) is not None]
        greatest = [value for _, high, _ in ranges if (value := decode(high, kind)) is not None]
        session.run(
            "UPDATE ducklake_table_column_stats SET contains_null = ?, min_value = ?, max_value = ?"
            " WHERE table_id = ? AND column_id = ?",
            (
                any(nulls != 0 for _, _, nulls in ranges),
                encode(min(least)) if least else None,
                encode(max(greatest)) if greatest else None,
                table,
                column,
            ),
        )


def _forget_messages(session: Session, capture: str) -> None:
    """Remove the capture's id and source from the messages of the commits that wrote it."""
    rows = session.rows(
        "SELECT snapshot_id FROM ducklake_snapshot_changes WHERE commit_extra_info LIKE ? OR commit_message LIKE ?",
        (f'%"{capture}"%', f"%capture {capture}%"),
    )
    for (number,) in rows:
        session.run(
            "UPDATE ducklake_snapshot_changes SET commit_message = ?, commit_extra_info = NULL WHERE snapshot_id = ?",
            (PURGED, number),
        )
