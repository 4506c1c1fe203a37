"""Looks after the data files: those that nobody knows, and those that are not as they were written."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path, PurePosixPath

from netlake.lake.database import Session
from netlake.lake.facts import Problem

# only names that our own sinks give: what other engines have under way is theirs
OURS = re.compile(
    r"\.?[A-Za-z0-9_-]+-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.(parquet|tmp)"
)
# messages beside the tables: of a capture, or of one that is being taken in
MESSAGES = re.compile(r"([A-Za-z0-9_-]+)\.pb\.zst|\.[A-Za-z0-9_-]+-[0-9a-f]{32}\.part")


def old_files(folder: Path, ours: re.Pattern[str], grace: float) -> list[Path]:
    """The files of our making in `folder` that nobody wrote to for `grace` seconds."""
    before = time.time() - grace
    return [path for path in folder.rglob("*") if ours.fullmatch(path.name) and _changed(path) <= before]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process took it away meanwhile
        return float("inf")


def remove_unknown(session: Session, candidates: list[Path]) -> list[Path]:
    """Remove those that no snapshot knows, and messages of captures that do not stand.

    In a write session: a commit that comes later finds its files gone.
    """
    known = {
        PurePosixPath(path).name
        for table in ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")
        for (path,) in session.rows(f"SELECT path FROM {table}")  # noqa: S608 - our own names
    }
    stands = {capture for (capture,) in session.rows("SELECT capture FROM netlake_capture WHERE end_snapshot IS NULL")}
    known |= {f"{capture}.pb.zst" for capture in stands}
    unknown = sorted(path for path in candidates if path.name not in known)
    for path in unknown:
        path.unlink(missing_ok=True)
    return unknown


def check(session: Session, data: Path, *, deep: bool) -> list[Problem]:
    """Every file of every snapshot that is missing or has another size; `deep`: or another sha256."""
    rows = session.rows(
        "SELECT DISTINCT f.data_file_id, s.path, s.path_is_relative, t.path, t.path_is_relative, f.path,"
        " f.path_is_relative, f.file_size_bytes, n.sha256 FROM ducklake_data_file f"
        " JOIN ducklake_table t USING (table_id) JOIN ducklake_schema s USING (schema_id)"
        " LEFT JOIN netlake_file n USING (data_file_id) ORDER BY f.data_file_id"
    )
    problems = []
    for _, schema, schema_relative, table, table_relative, path, relative, size, sha256 in rows:
        place = place_of(place_of(place_of(str(data), schema, schema_relative), table, table_relative), path, relative)
        sentence = _fault(Path(place), size, sha256 if deep else None)
        if sentence:
            problems.append(Problem(place, sentence))
    return problems


def place_of(base: str, path: str, relative: object) -> str:
    """A path of the catalog: under `base` if it is relative."""
    return f"{base.rstrip('/')}/{path.rstrip('/')}".rstrip("/") if relative else path


def _fault(path: Path, size: int, sha256: str | None) -> str | None:
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        return "It is missing."
    if found != size:
        return f"It has {found} bytes and was written with {size}."
    if sha256 is not None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256:
            return "Its bytes are not those that were written: its sha256 differs."
    return None
