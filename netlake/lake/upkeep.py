"""Check the data files against the catalog, collect files that no snapshot names, and forget snapshots and captures.

An interrupted run leaves files without a commit. They are removed only if their name is of our making and they were not
written to for a grace period, because a running capture commits its files at its end.
"""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import suppress
from pathlib import Path, PurePosixPath

from netlake.lake import remote
from netlake.lake.database import Session
from netlake.lake.facts import FileProblem
from netlake.lake.remote import Store, is_remote

# names that our sinks give; files of other engines are never removed
OURS = re.compile(
    r"\.?[A-Za-z0-9_-]+-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.(parquet|tmp)"
)
# protobuf messages beside the tables: of a capture, or of one that is being decoded
MESSAGES = re.compile(r"([A-Za-z0-9_-]+)\.pb\.zst|\.[A-Za-z0-9_-]+-[0-9a-f]{32}\.part")


def old_files(folder: Path, ours: re.Pattern[str], grace: float) -> list[Path]:
    """The files in `folder` with names like `ours` that were not written to for `grace` seconds."""
    before = time.time() - grace
    return [path for path in folder.rglob("*") if ours.fullmatch(path.name) and _changed(path) <= before]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process removed it meanwhile
        return float("inf")


def remove_unknown(session: Session, candidates: list[str], store: Store | None) -> list[str]:
    """Remove candidates that no snapshot names, and messages of captures that are not in the lake; return their paths.

    Of a lake in an object store, local copies are removed too if their object is named: they were left by a kill. It
    runs in a write session: a commit that waits for it finds its files missing and fails.
    """
    named = {
        PurePosixPath(path).name
        for table in ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")
        for (path,) in session.rows(f"SELECT path FROM {table}")  # noqa: S608 - our own names
    }
    stored = {capture for (capture,) in session.rows("SELECT capture FROM netlake_capture WHERE end_snapshot IS NULL")}
    messages = {f"{capture}.pb.zst" for capture in stored}
    unknown = sorted(
        path
        for path in candidates
        if (name := PurePosixPath(path).name) not in messages
        and (name not in named or (store is not None and not is_remote(path)))
    )
    for path in unknown:
        if not is_remote(path):
            Path(path).unlink(missing_ok=True)
    if store is not None:
        store.delete(filter(is_remote, unknown))
    return unknown


def delete(paths: list[str], base: str, store: Store | None) -> None:
    """Delete files that no snapshot names any more, and the folders of days that are empty then."""
    if store is not None:
        store.delete(paths)
        return
    for path in paths:
        Path(path).unlink(missing_ok=True)
    for folder in {Path(path).parent for path in paths}:
        for empty in (folder, folder.parent):
            if str(empty) != base and empty.is_relative_to(base):
                with suppress(OSError):  # not empty
                    empty.rmdir()


def check(session: Session, base: str, *, deep: bool) -> list[FileProblem]:
    """The files of all snapshots that are missing or have another size; `deep`: or another SHA-256.

    Those of the present snapshot come first.
    """
    rows = session.rows(
        "SELECT DISTINCT f.data_file_id, s.path, s.path_is_relative, t.path, t.path_is_relative, f.path,"
        " f.path_is_relative, f.file_size_bytes, n.sha256, f.end_snapshot FROM ducklake_data_file f"
        " JOIN ducklake_table t USING (table_id) JOIN ducklake_schema s USING (schema_id)"
        " LEFT JOIN netlake_file n USING (data_file_id)"
    )
    problems = []
    rows.sort(key=lambda row: (row[9] is not None, row[0]))  # the present ones first
    for _, schema, schema_relative, table, table_relative, path, relative, size, sha256, end in rows:
        place = place_of(place_of(place_of(base, schema, schema_relative), table, table_relative), path, relative)
        sentence = _fault(place, size, sha256 if deep else None)
        if sentence:
            problems.append(FileProblem(place, sentence, present=end is None))
    return problems


def without_sha256(session: Session) -> int:
    """How many data files have no recorded SHA-256, because another engine wrote them."""
    row = session.row(
        "SELECT count(*) FROM ducklake_data_file WHERE data_file_id NOT IN (SELECT data_file_id FROM netlake_file)"
    )
    return int(row[0]) if row else 0


def place_of(base: str, path: str, relative: object) -> str:
    """The absolute path for a path of the catalog, which is under `base` if it is relative."""
    return f"{base.rstrip('/')}/{path.rstrip('/')}".rstrip("/") if relative else path


def _fault(place: str, size: int, sha256: str | None) -> str | None:
    path = Path(place)
    try:
        found = remote.size(place) if is_remote(place) else path.stat().st_size
    except FileNotFoundError:
        found = None
    if found is None:
        return "It is missing."
    if found != size:
        return f"It has {found} bytes and had {size} when it was written."
    if sha256 is not None:
        if is_remote(place):
            digest = remote.sha256(place)
        else:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256:
            return "Its bytes were changed: its SHA-256 differs."
    return None
