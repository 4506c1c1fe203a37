"""The captures of a lake: who stands in it, and what is to be done with one that comes.

A capture stands once. It is known by its id, and by the sha256 of its bytes where that was computed: the same bytes
read from a pipe have another id. Rows of `netlake_capture` are ended, never deleted, like everything in a snapshot.
"""

# ruff: noqa: S608 - the names in statements are our own; values are bound
from __future__ import annotations

import datetime as dt
import json

from netlake.errors import LakeError
from netlake.lake.change import Change
from netlake.lake.database import Row, Session
from netlake.lake.facts import CaptureFacts, Outcome, Standing
from netlake.lake.values import encode

COLUMNS = (
    "capture, begin_snapshot, end_snapshot, kind, path, size, sha256, contract, state, part, packets, begin_time,"
    " end_time, row_counts, report, version"
)
# file: (data_file_id, table_id, record_count, file_size_bytes)
OwnFile = tuple[int, int, int, int]


def _standing(row: Row) -> Standing:
    capture, begin, _, kind, path, size, sha256, contract, state, part, packets, first, last, rows, report, version = (
        row
    )
    facts = CaptureFacts(
        capture, kind, path, size, sha256, contract, state, part, packets,
        first and dt.datetime.fromisoformat(first), last and dt.datetime.fromisoformat(last),
        json.loads(rows), json.loads(report),
    )  # fmt: skip
    return Standing(facts, begin, version)


def every(session: Session, snapshot: int) -> list[Standing]:
    """All that stand at a snapshot, in order of arrival."""
    query = (
        f"SELECT {COLUMNS} FROM netlake_capture WHERE begin_snapshot <= ? "
        "AND (end_snapshot IS NULL OR end_snapshot > ?) ORDER BY begin_snapshot, capture"
    )
    return [_standing(row) for row in session.rows(query, (snapshot, snapshot))]


def matching(session: Session, capture: str, sha256: str | None = None) -> list[Standing]:
    """What stands under this id, and with these bytes under another: at most one each, in this order."""
    query = (
        f"SELECT {COLUMNS} FROM netlake_capture WHERE end_snapshot IS NULL AND (capture = ? OR sha256 = ?)"
        " ORDER BY CASE WHEN capture = ? THEN 0 ELSE 1 END"
    )
    return [_standing(row) for row in session.rows(query, (capture, sha256, capture))]


def find(session: Session, capture: str, sha256: str | None = None) -> Standing | None:
    """The capture that stands under this id, or else with these bytes."""
    return next(iter(matching(session, capture, sha256)), None)


def write(change: Change, facts: CaptureFacts, version: str) -> None:
    """Let the capture stand from this snapshot on; an earlier state of it ends."""
    end(change, facts.capture)
    row = (
        facts.capture, change.id, None, facts.kind, facts.path, facts.size, facts.sha256, facts.contract, facts.state,
        facts.part, facts.packets, encode(facts.begin), encode(facts.end),
        json.dumps(dict(facts.rows), sort_keys=True), json.dumps(dict(facts.report), ensure_ascii=False), version,
    )  # fmt: skip
    change.session.insert("netlake_capture", [row])


def end(change: Change, capture: str) -> None:
    """Let the capture stand no longer."""
    statement = "UPDATE netlake_capture SET end_snapshot = ? WHERE capture = ? AND end_snapshot IS NULL"
    change.session.run(statement, (change.id, capture))


def decide(standing: Standing | None, facts: CaptureFacts, *, replace: bool) -> Outcome | None:
    """What becomes of a capture that comes: None if it is to be written, else why not. LakeError if it cannot be."""
    if standing is None:
        return None
    there = standing.facts
    if there.capture == facts.capture:
        _same_bytes(there, facts)
        if there.kind == facts.kind == "live" and facts.part > there.part and there.state == "running":
            return None
    if replace:
        return None
    return Outcome("standing", _why(there, facts), there.capture)


def _same_bytes(there: CaptureFacts, facts: CaptureFacts) -> None:
    if there.sha256 and facts.sha256 and there.sha256 != facts.sha256:
        raise LakeError(
            f"{facts.called} has the id {facts.capture} of {there.called}, which stands in the lake, but other bytes"
            f" (sha256 {facts.sha256[:12]}..., not {there.sha256[:12]}...); put one of them into a lake of its own."
        )


def _why(there: CaptureFacts, facts: CaptureFacts) -> str:
    name = f"{facts.called} stands in the lake already, as capture {there.capture}"
    if facts.contract <= there.contract:
        return f"{name}; nothing was written."
    return f"{name}, decoded by contract {there.contract}; nothing was written, --replace decodes again."


def own_files(session: Session, standing: Standing) -> list[OwnFile]:
    """The files that hold a capture's rows now. LakeError if another engine mixed them with others' rows."""
    capture = standing.facts.capture
    foreign = session.rows(
        "SELECT t.table_name, f.path FROM ducklake_data_file f"
        " JOIN ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL"
        " JOIN ducklake_column c ON c.table_id = f.table_id AND c.column_name = 'capture'"
        "  AND c.parent_column IS NULL AND c.end_snapshot IS NULL"
        " LEFT JOIN ducklake_file_column_stats s ON s.table_id = f.table_id AND s.column_id = c.column_id"
        "  AND s.data_file_id = f.data_file_id"
        " WHERE f.end_snapshot IS NULL AND f.data_file_id NOT IN (SELECT data_file_id FROM netlake_file)"
        " AND (s.min_value IS NULL OR s.min_value <= ?) AND (s.max_value IS NULL OR s.max_value >= ?)",
        (capture, capture),
    )
    for name, path in foreign:
        if not standing.facts.rows or standing.facts.rows.get(name):
            raise LakeError(
                f"Rows of capture {capture} may stand in {name}/{path}, which another engine put together, so they"
                " cannot be taken out as files; decode the captures into a new lake."
            )
    rows = session.rows(
        "SELECT data_file_id, table_id, record_count, file_size_bytes FROM ducklake_data_file"
        " JOIN netlake_file USING (data_file_id) WHERE capture = ? AND end_snapshot IS NULL",
        (capture,),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
