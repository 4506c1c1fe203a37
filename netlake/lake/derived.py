"""Derived tables: rows that a program computes from a lake, such as labels, replaced by whole files.

Rules
- The rows of a derived table belong to owners. An owner replaces all its rows of one table in one commit; the rows of
  other owners stay. Rows are never changed or deleted one by one.
- An owner can be removed with its rows (`remove`); earlier snapshots still contain them.
- An owner gives its rows a version, the version of its own contract or configuration. netlake stores it and returns it
  (`Catalog.owners`), so that the owner can decide whether its rows are current; it does not compare versions.
- A table is written either by captures or by owners. Otherwise a capture that is decoded again would keep rows that an
  owner computed from its earlier rows, or an owner could remove evidence. Each side refuses the other's tables.
- Files that are replaced end in the new snapshot, as those of captures do; earlier snapshots still contain them.

Data
- `netlake_owner` has one row for each owner of a table and snapshot range: `end_snapshot` is null for the present one.
- `netlake_file.capture`, the writer of a file, is `owner:NAME` for these files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netlake.errors import LakeError
from netlake.lake import store
from netlake.lake.change import Change
from netlake.lake.database import Session
from netlake.lake.evolve import MAIN, table_id
from netlake.lake.facts import Outcome, TableInfo
from netlake.lake.layout import OWNER
from netlake.schema import Table

if TYPE_CHECKING:
    from netlake.sinks import DataFile

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class OwnedRows:
    """All rows of an owner in a table: `files` are those of the table that were written for it."""

    table: Table
    files: Sequence[DataFile]
    owner: str
    version: str

    def check(self) -> None:
        """LakeError for an owner without a proper name, a file of another table, or a table that captures write."""
        from netlake import tables  # imports every protocol

        if not NAME.fullmatch(self.owner):
            raise LakeError(
                f"{self.owner!r} cannot own rows; use up to 64 letters, digits, dots, dashes and underscores."
            )
        for file in self.files:
            if file.table.name != self.table.name:
                raise LakeError(f"{file.path} is a file of table {file.table.name}, not of {self.table.name}.")
        if self.table.name in tables.entries():
            raise _written_by_captures(self.table.name)


def _written_by_captures(name: str) -> LakeError:
    return LakeError(
        f"Table {name} is written by captures and cannot be replaced; give the derived table another name."
    )


def replace(change: Change, rows: OwnedRows, data: Path) -> Outcome:
    """Replace the rows of an owner by those in its new files, which are under `data`."""
    session, owner, name = change.session, rows.owner, rows.table.name
    _refuse_files_of_captures(session, name)
    number, writer = table_id(change, rows.table), OWNER + owner
    _end_files(change, number, writer)
    store.add(change, rows.files, writer, data)
    where = (number, owner)
    before = session.row(
        "SELECT version FROM netlake_owner WHERE table_id = ? AND owner = ? AND end_snapshot IS NULL", where
    )
    session.run(
        "UPDATE netlake_owner SET end_snapshot = ? WHERE table_id = ? AND owner = ? AND end_snapshot IS NULL",
        (change.id, *where),
    )
    session.insert("netlake_owner", [(number, owner, rows.version, change.id, None)])
    status = "added" if before is None else "replaced"
    count = sum(file.rows for file in rows.files)
    sentence = f"{count} rows of {owner} (version {rows.version}) were {status} in {name}."
    return Outcome(status, sentence, owner, change.id)


def remove(change: Change, table: TableInfo, owner: str) -> Outcome:
    """End the rows of an owner in a table of the catalog, and the owner itself. LakeError if it owns no rows there."""
    session, where = change.session, (table.id, owner)
    before = session.row(
        "SELECT version FROM netlake_owner WHERE table_id = ? AND owner = ? AND end_snapshot IS NULL", where
    )
    if before is None:
        known = ", ".join(owners(session, table.id, change.id - 1)) or "none"
        raise LakeError(f"Table {table.name} has no rows of {owner!r}; its owners are: {known}.")
    count = _end_files(change, table.id, OWNER + owner)
    session.run(
        "UPDATE netlake_owner SET end_snapshot = ? WHERE table_id = ? AND owner = ? AND end_snapshot IS NULL",
        (change.id, *where),
    )
    sentence = (
        f"{count} rows of {owner} were removed from {table.name}; earlier snapshots still contain them until"
        " `netlake util expire`."
    )
    return Outcome("removed", sentence, owner, change.id)


def _end_files(change: Change, number: int, writer: str) -> int:
    """End the present files of a writer in a table, and return the number of their rows."""
    ended = change.session.rows(
        "SELECT data_file_id, table_id, record_count, file_size_bytes FROM ducklake_data_file"
        " JOIN netlake_file USING (data_file_id) WHERE capture = ? AND table_id = ? AND end_snapshot IS NULL",
        (writer, number),
    )
    store.end(change, [(row[0], row[1], row[2], row[3]) for row in ended])
    return sum(row[2] for row in ended)


def _refuse_files_of_captures(session: Session, name: str) -> None:
    query = (
        "SELECT 1 FROM ducklake_table t JOIN ducklake_data_file f USING (table_id)"
        " LEFT JOIN netlake_file n USING (data_file_id) WHERE t.schema_id = ? AND t.table_name = ?"
        " AND (n.capture IS NULL OR substr(n.capture, 1, ?) <> ?)"
    )
    if session.row(query, (MAIN, name, len(OWNER), OWNER)):
        raise _written_by_captures(name)


def refuse_capture(session: Session, names: Iterable[str]) -> None:
    """LakeError if a capture would write to one of these tables that has an owner."""
    query = (
        "SELECT owner FROM netlake_owner JOIN ducklake_table USING (table_id)"
        " WHERE schema_id = ? AND table_name = ? AND netlake_owner.end_snapshot IS NULL"
    )
    for name in names:
        if found := session.row(query, (MAIN, name)):
            raise LakeError(
                f"Table {name} of this lake is derived, its rows belong to {found[0]}, and captures cannot write to it;"
                " rename the table in its plugin."
            )


def owners(session: Session, table: int, at: int) -> dict[str, str]:
    """The version of each owner's rows in a table at a snapshot."""
    rows = session.rows(
        "SELECT owner, version FROM netlake_owner WHERE table_id = ? AND begin_snapshot <= ?"
        " AND (end_snapshot IS NULL OR end_snapshot > ?) ORDER BY owner",
        (table, at, at),
    )
    return dict(rows)
