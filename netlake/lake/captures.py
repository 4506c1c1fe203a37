"""The captures of a lake: which are in it, and whether a new one is written.

Rules
- A capture is in a lake once. It is identified by its id and, where it was computed, by the SHA-256 of its bytes: the
  same bytes read from a pipe have another id.
- A capture that is in the lake is not written again. With `replace` its files end and the new ones are added in the
  same snapshot; so are those of a second entry with the same bytes.
- A capture with the state failed has no rows, and is written again.
- The same id with another SHA-256 is another capture, which must get another id: see `identity`.
- A live capture is written in parts. A part with a higher number than the one in the lake is added to it as long as its
  state is running; every other part is treated as the same capture again.
- Rows of `netlake_capture` are ended, never deleted, like all rows that belong to snapshots.
- A capture's rows are removed as whole files, and from files with rows of others by writing these again (see `shared`).
  If another engine merged files of several captures, it is not known which rows are whose, and `refuse_foreign`
  refuses.
"""

# ruff: noqa: S608 - the names in statements are our own; values are bound
from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from netlake.errors import LakeError
from netlake.lake.change import Change
from netlake.lake.database import Row, Session
from netlake.lake.facts import CaptureFacts, Outcome, Stored
from netlake.lake.identity import STAMPS, CollisionError
from netlake.lake.values import encode

COLUMNS = (
    "capture, begin_snapshot, end_snapshot, kind, path, size, sha256, contract, state, part, packets, begin_time,"
    " end_time, row_counts, report, version"
)
# most tables that a sentence names
MOST_NAMES = 12


def _stored(row: Row) -> Stored:
    value: dict[str, Any] = dict(zip(COLUMNS.replace(" ", "").split(","), row, strict=True))
    facts = CaptureFacts(
        value["capture"],
        value["kind"],
        value["path"],
        value["size"],
        value["sha256"],
        value["contract"],
        value["state"],
        value["part"],
        value["packets"],
        value["begin_time"] and dt.datetime.fromisoformat(value["begin_time"]),
        value["end_time"] and dt.datetime.fromisoformat(value["end_time"]),
        json.loads(value["row_counts"]),
        json.loads(value["report"]),
    )
    return Stored(facts, value["begin_snapshot"], value["version"])


def every(session: Session, snapshot: int) -> list[Stored]:
    """All captures at a snapshot, in order of arrival."""
    query = (
        f"SELECT {COLUMNS} FROM netlake_capture WHERE begin_snapshot <= ? "
        "AND (end_snapshot IS NULL OR end_snapshot > ?) ORDER BY begin_snapshot, capture"
    )
    return [_stored(row) for row in session.rows(query, (snapshot, snapshot))]


def matching(session: Session, capture: str, sha256: str | None = None) -> list[Stored]:
    """The capture with this id, and the one with these bytes under another id: at most one each, in this order."""
    query = (
        f"SELECT {COLUMNS} FROM netlake_capture WHERE end_snapshot IS NULL AND (capture = ? OR sha256 = ?)"
        " ORDER BY CASE WHEN capture = ? THEN 0 ELSE 1 END"
    )
    return [_stored(row) for row in session.rows(query, (capture, sha256, capture))]


def find(session: Session, capture: str) -> Stored | None:
    """The capture with this id, None if it is not in the lake."""
    return next(iter(matching(session, capture)), None)


def is_failed(stored: Stored) -> bool:
    """Whether a capture could not be decoded: it has no rows."""
    return stored.facts.state == "failed"


def write(change: Change, facts: CaptureFacts, version: str) -> None:
    """Write the capture's row from this snapshot on; its earlier row ends."""
    end(change, facts.capture)
    row = (
        facts.capture, change.id, None, facts.kind, facts.path, facts.size, facts.sha256, facts.contract, facts.state,
        facts.part, facts.packets, encode(facts.begin), encode(facts.end),
        json.dumps(dict(facts.rows), sort_keys=True), json.dumps(dict(facts.report), ensure_ascii=False), version,
    )  # fmt: skip
    change.session.insert("netlake_capture", [row])


def end(change: Change, capture: str) -> None:
    """End the capture's row in this snapshot."""
    statement = "UPDATE netlake_capture SET end_snapshot = ? WHERE capture = ? AND end_snapshot IS NULL"
    change.session.run(statement, (change.id, capture))


def known(session: Session) -> list[str]:
    """The ids of the captures in any snapshot, the present ones first."""
    rows = session.rows(
        "SELECT capture, max(CASE WHEN end_snapshot IS NULL THEN 1 ELSE 0 END) FROM netlake_capture GROUP BY capture"
        " ORDER BY 2 DESC, min(begin_snapshot)"
    )
    return [capture for capture, _ in rows]


def among(session: Session, ids: Sequence[str]) -> list[Stored]:
    """The captures in the lake that have one of `ids`."""
    marks = ", ".join("?" * len(ids))
    query = f"SELECT {COLUMNS} FROM netlake_capture WHERE end_snapshot IS NULL AND capture IN ({marks})"
    return [_stored(row) for row in session.rows(query, ids)]


def decide(stored: Stored | None, facts: CaptureFacts, *, replace: bool, seen: int | None = None) -> Outcome | None:
    """None if a capture is to be written, else the result "unchanged"; CollisionError if its id has other bytes.

    `stored` is what is in the lake under its id or with its bytes, `seen` the snapshot at which they were compared.
    """
    if stored is None:
        return None
    there = stored.facts
    if there.capture == facts.capture:
        _same_bytes(there, facts, known=seen is None or stored.snapshot <= seen)
        if there.kind == facts.kind == "live" and facts.part > there.part and there.state == "running":
            return None
    if replace or is_failed(stored):
        return None
    return Outcome("unchanged", _why(there, facts), there.capture)


def _same_bytes(there: CaptureFacts, facts: CaptureFacts, *, known: bool) -> None:
    """CollisionError unless two captures with one id have the same bytes; `known`: they were compared before."""
    if there.sha256 and facts.sha256:
        same = there.sha256 == facts.sha256
    else:
        same = known or (there.path == facts.path and there.report.get(STAMPS) == facts.report.get(STAMPS))
    if not same:
        raise CollisionError(
            f"{facts.called} has the id {facts.capture} of {there.called} in the lake, but other bytes;"
            " capture it again."
        )


def _why(there: CaptureFacts, facts: CaptureFacts) -> str:
    name = f"{facts.called} is already in the lake as capture {there.capture}"
    name += f" ({there.called})" if there.called != facts.called else ""
    if other := _other_options(there, facts):
        return f"{name}; nothing was written. {other}"
    if facts.contract <= there.contract:
        return f"{name}; nothing was written."
    return f"{name}, decoded with schema version {there.contract}; nothing was written, --replace decodes it again."


def _other_options(there: CaptureFacts, facts: CaptureFacts) -> str | None:
    """A sentence about a capture that was decoded with other options than those of `facts`; None for the same."""
    before, now = there.report.get("options"), facts.report.get("options")
    if not before or not now or before == now:
        return None
    names = sorted(name for name, rows in there.rows.items() if rows)
    listed = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
    given = [
        f"--{name} {','.join(value)}" if isinstance(value, list) else f"--{name}"
        for name, value in before.items()
        if value
    ]
    how = f"with {' '.join(given)}" if given else "without these options"
    return (
        f"It was decoded {how}, and the lake has its tables {listed or '(none)'}; --replace decodes it again, with the"
        " options given then."
    )


def refuse_foreign(session: Session, stored: Stored) -> None:
    """LakeError if rows of a capture may be in a file that another engine merged, so that they cannot be removed."""
    capture = stored.facts.capture
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
        if not stored.facts.rows or stored.facts.rows.get(name):
            raise LakeError(
                f"Rows of capture {capture} may be in {name}/{path}, which another engine merged, so they cannot be"
                " removed as files; decode the captures into a new lake."
            )
