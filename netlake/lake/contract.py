"""The contract of a lake: which names its columns have, and what happens to a lake of another contract.

Rules
- CONTRACT is the number of the contract by which this netlake reads and writes. It is increased when a column is
  renamed, removed or given another meaning. Added tables and columns do not increase it: `evolve` adds them, and
  `schema_version()` counts them, which each capture records.
- A lake records its number in `netlake_metadata`; one without a number has contract 1. A lake of another number is
  neither read nor written, because its columns are not those of the documentation. A newer one needs
  a newer netlake; an older one needs `netlake capture --refresh`, which decodes all its captures again.
- A refresh keeps no row of the older contract, so it starts only if the original of every capture is there. Rows of
  earlier snapshots remain readable at those snapshots, under their own column names.

Steps of a refresh, each one commit
1. `begin` ends the tables that captures write, with their columns and files, and records the snapshot before it under
   the key `refreshing`. The tables are created anew by the first capture that has rows of them, so renamed, renumbered
   and retyped columns need no conversion.
2. Each capture is decoded and committed as a replacement. Captures of which the snapshot is not after `refreshing` are
   left to do; a refresh that was interrupted continues with these.
3. `finish` records CONTRACT, and the layout that programs of an older contract refuse. Until then the lake has its
   older number and is refused.
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from netlake.errors import LakeError
from netlake.lake import captures, layout
from netlake.lake.change import Change
from netlake.lake.database import Session
from netlake.lake.evolve import MAIN
from netlake.lake.facts import CONTRACT, Stored
from netlake.lake.layout import OWNER

# rows of these tables that belong to a table end with it, as when the DuckLake extension drops a table
_PARTS = (
    ("ducklake_table", "table_id"),
    ("ducklake_partition_info", "table_id"),
    ("ducklake_column", "table_id"),
    ("ducklake_column_tag", "table_id"),
    ("ducklake_data_file", "table_id"),
    ("ducklake_delete_file", "table_id"),
    ("ducklake_sort_info", "table_id"),
    ("ducklake_tag", "object_id"),
)


def recorded(session: Session) -> int:
    """The contract of a lake."""
    row = session.row("SELECT value FROM netlake_metadata WHERE key = 'contract'")
    return int(row[0]) if row else 1


def admit(found: int, folder: Path, *, older: bool = False) -> None:
    """LakeError for a lake of another contract than ours; `older` admits an older one."""
    if found > CONTRACT:
        raise LakeError(
            f"The lake {folder} has contract {found} and this netlake reads contract {CONTRACT}: use a newer netlake."
        )
    if found < CONTRACT and not older:
        raise LakeError(
            f"The lake {folder} has contract {found} and this netlake reads contract {CONTRACT}, which names columns"
            f" differently; run `netlake capture --refresh --lake {folder}` to decode its captures again."
        )


def outdated(session: Session, snapshot: int) -> list[Stored]:
    """The captures that a refresh must still decode, in order of arrival; `snapshot` is the newest."""
    if recorded(session) == CONTRACT:
        return []
    begun = _refreshing(session)
    stored = captures.every(session, snapshot)
    return stored if begun is None else [capture for capture in stored if capture.snapshot <= begun]


def _refreshing(session: Session) -> int | None:
    row = session.row("SELECT value FROM netlake_metadata WHERE key = 'refreshing'")
    return int(row[0]) if row else None


def begin(session: Session, known: Container[str] | None = None) -> Change | None:
    """End the tables that captures write; None if an earlier refresh has done it. The caller finishes the change.

    LakeError if one of them is not `known` (None: all are), because no capture would write it again.
    """
    if recorded(session) == CONTRACT or _refreshing(session) is not None:
        return None
    layout.complete(session)
    change = Change(session)
    written = _tables_of_captures(session)
    if lost := [name for _, name in written if known is not None and name not in known]:
        raise LakeError(
            f"Tables of the lake that no declaration has, and whose rows a refresh would lose: {', '.join(lost)}; name"
            " their plugins with --plugin."
        )
    for number, name in written:
        _refuse_foreign_files(session, number, name)
        for part, column in _PARTS:
            session.run(
                f"UPDATE {part} SET end_snapshot = ? WHERE {column} = ? AND end_snapshot IS NULL",  # noqa: S608 - ours
                (change.id, number),
            )
        change.note(f"dropped_table:{number}")
        change.new_schema(number)
    session.insert("netlake_metadata", [("refreshing", str(change.id - 1))])
    return change


def _tables_of_captures(session: Session) -> list[tuple[int, str]]:
    rows = session.rows(
        "SELECT table_id, table_name FROM ducklake_table t WHERE schema_id = ? AND end_snapshot IS NULL AND EXISTS"
        " (SELECT 1 FROM ducklake_data_file f JOIN netlake_file n USING (data_file_id) WHERE f.table_id = t.table_id"
        "  AND substr(n.capture, 1, ?) <> ?) ORDER BY table_id",
        (MAIN, len(OWNER), OWNER),
    )
    return [(number, name) for number, name in rows]


def _refuse_foreign_files(session: Session, number: int, name: str) -> None:
    query = (
        "SELECT path FROM ducklake_data_file WHERE table_id = ? AND end_snapshot IS NULL"
        " AND data_file_id NOT IN (SELECT data_file_id FROM netlake_file)"
    )
    if foreign := session.row(query, (number,)):
        raise LakeError(
            f"Table {name} has the file {foreign[0]} of another engine, whose rows a refresh would lose;"
            " decode the captures into a new lake."
        )


def finish(session: Session) -> None:
    """Record that the lake has our contract. LakeError if a capture has not been decoded under it."""
    snapshot = session.row("SELECT max(snapshot_id) FROM ducklake_snapshot")
    left = outdated(session, snapshot[0] if snapshot else 0)
    if left:
        raise LakeError(f"Captures have not been decoded again yet: {len(left)}, the first is {left[0].facts.called}.")
    session.run("DELETE FROM netlake_metadata WHERE key IN ('contract', 'refreshing')")
    session.insert("netlake_metadata", [("contract", str(CONTRACT))])
    layout.raise_to(session, layout.LAYOUT)
