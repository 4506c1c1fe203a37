"""The catalog: a capture is in it once, a lake can be moved, and errors are one sentence."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import small
from small import on_disk, paths, rows

from netlake.errors import LakeError
from netlake.lake import CaptureFacts, Catalog
from netlake.lake.database import UncertainError

A, B, C = (small.identity(number) for number in (10, 20, 30))
UTC = dt.UTC


# a capture is in a lake once


def test_rows_read_equal_rows_written(catalog: Catalog) -> None:
    outcome = small.put(catalog, A, 20)
    assert (outcome.status, outcome.snapshot, outcome.capture) == ("added", 1, A)
    assert outcome.sentence == f"/captures/{A}.pcap was added as capture {A}."
    for table, expected in small.tables_of(A, 20):
        names = [column.name for column in table.all_columns]
        assert rows(catalog, table.name) == [{name: row.get(name) for name in names} for row in expected]


def test_facts_read_equal_facts_written(catalog: Catalog) -> None:
    facts = CaptureFacts(
        A, "stream", "-", 7, "ab" * 32, 3, "failed", 0, 5,
        dt.datetime(2024, 1, 1, 1, 2, 3, 4, tzinfo=UTC), dt.datetime(2024, 1, 2, tzinfo=UTC),
        {"wire": 5, "link": 0}, {"cut": 3, "why": ["a 'b'", None]},
    )  # fmt: skip
    catalog.commit(facts, [])
    assert catalog.captures() == [catalog.capture(A)]
    stored = catalog.capture(A)
    assert stored is not None
    assert (stored.facts, stored.snapshot) == (facts, 1)
    assert catalog.capture(B) is None


@pytest.mark.parametrize(
    ("there", "given", "sentence"),
    [
        ({}, {}, "as capture {A}; nothing was written."),
        ({"contract": 2}, {"contract": 1}, "as capture {A}; nothing was written."),
        ({}, {"contract": 2}, "decoded with schema version 1; nothing was written, --replace decodes it again."),
        ({"sha256": None}, {}, "as capture {A}; nothing was written."),
    ],
)
def test_capture_in_the_lake_is_not_written_again(
    catalog: Catalog, there: dict[str, Any], given: dict[str, Any], sentence: str
) -> None:
    small.put(catalog, A, **there)
    before, files = catalog.snapshot(), on_disk(catalog)
    outcome = small.put(catalog, A, 30, **given)
    assert (outcome.status, outcome.written) == ("unchanged", False)
    assert outcome.sentence.endswith(sentence.format(A=A))
    assert catalog.snapshot() == before
    assert on_disk(catalog) == files


def test_same_bytes_with_another_id_are_not_written_again(catalog: Catalog) -> None:
    small.put(catalog, A, sha256="ab" * 32)
    assert small.put(catalog, B, sha256="ab" * 32).capture == A
    outcome = small.put(catalog, B, sha256="ab" * 32, replace=True)
    assert (outcome.status, outcome.capture) == ("replaced", B)
    assert [entry.facts.capture for entry in catalog.captures()] == [B]
    assert {row["capture"] for row in rows(catalog, "wire")} == {B}


def test_replace_leaves_one_capture_of_the_same_bytes(catalog: Catalog) -> None:
    small.put(catalog, A, sha256=None)
    small.put(catalog, B, sha256="ab" * 32)
    assert small.put(catalog, A, sha256="ab" * 32).status == "unchanged"
    assert small.put(catalog, A, sha256="ab" * 32, replace=True).status == "replaced"
    assert [entry.facts.capture for entry in catalog.captures()] == [A]
    assert {row["capture"] for row in rows(catalog, "wire")} == {A}


def test_id_with_other_bytes_is_an_error(catalog: Catalog) -> None:
    small.put(catalog, A, sha256="ab" * 32)
    files = on_disk(catalog)
    for replace in (False, True):
        with pytest.raises(LakeError, match="but other bytes"):
            small.put(catalog, A, sha256="cd" * 32, replace=replace)
    assert on_disk(catalog) == files


def test_replace_swaps_all_tables_in_one_snapshot(catalog: Catalog) -> None:
    small.put(catalog, A, 20)
    small.put(catalog, B, 20)
    files = small.write(catalog, A, [(small.WIRE, small.wire_rows(A, 5))])
    outcome = catalog.commit(small.facts(A, contract=2), files, replace=True)
    assert (outcome.status, outcome.snapshot) == ("replaced", 3)
    assert len([row for row in rows(catalog, "wire") if row["capture"] == A]) == 5
    assert {row["capture"] for row in rows(catalog, "link")} == {B}
    assert len(rows(catalog, "wire", at=2)) == 40
    assert [entry.facts.contract for entry in catalog.captures()] == [1, 2]
    assert [entry.facts.contract for entry in catalog.captures(at=2)] == [1, 1]


def test_removed_capture_can_be_added_again(catalog: Catalog) -> None:
    small.put(catalog, A, 20)
    small.put(catalog, B, 20)
    assert catalog.remove(A).status == "removed"
    assert {row["capture"] for row in rows(catalog, "wire")} == {B}
    assert [entry.facts.capture for entry in catalog.captures()] == [B]
    assert catalog.capture(A) is None
    with pytest.raises(LakeError, match="has no capture"):
        catalog.remove(A)
    assert small.put(catalog, A, 20).status == "added"
    assert len(rows(catalog, "wire", at=1)) == 20
    assert len(rows(catalog, "wire")) == 40


def test_live_capture_is_added_in_parts(catalog: Catalog) -> None:
    def part(number: int, state: str) -> str:
        facts = dataclasses.replace(small.facts(A, sha256=None), kind="live", state=state, part=number)
        files = small.write(catalog, A, [(small.WIRE, small.wire_rows(A, 5))])
        return catalog.commit(facts, files).status

    assert [part(0, "running"), part(1, "running"), part(1, "running"), part(2, "complete")] == [
        "added", "added", "unchanged", "added",
    ]  # fmt: skip
    assert part(3, "running") == "unchanged"
    assert len(rows(catalog, "wire")) == 15
    (stored,) = catalog.captures()
    assert (stored.facts.state, stored.facts.part) == ("complete", 2)
    catalog.remove(A)
    assert rows(catalog, "wire") == []


# the files of a commit


def test_files_of_a_failed_commit_are_removed(catalog: Catalog) -> None:
    small.put(catalog, A)
    before = on_disk(catalog)
    clash = dataclasses.replace(small.WIRE, columns=(dataclasses.replace(small.WIRE.columns[0], kind="text"),))
    files = small.write(
        catalog,
        B,
        [(small.LINK, small.tables_of(B, 3)[1][1]), (clash, [row | {"code": "x"} for row in small.wire_rows(B, 3)])],
    )
    with pytest.raises(LakeError, match=r"code .* of table wire is code int16 in this lake and varchar"):
        catalog.commit(small.facts(B), files)
    assert on_disk(catalog) == before
    assert catalog.snapshot() == 1
    assert "link" in catalog.tables()


def test_missing_file_is_not_committed(catalog: Catalog) -> None:
    files = small.write(catalog, A, small.tables_of(A, 5))
    files[0].path.unlink()
    with pytest.raises(LakeError, match="is missing or changed since it was written"):
        catalog.commit(small.facts(A), files)
    assert on_disk(catalog) == set()


def test_file_outside_the_lake_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    other = Catalog(tmp_path / "other", create=True)
    with pytest.raises(LakeError, match="is outside the lake's folder"):
        catalog.commit(small.facts(A), small.write(other, A, small.tables_of(A, 5)))


@pytest.mark.parametrize("held", [False, True])
def test_uncertain_commit_keeps_files_that_the_catalog_names(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    def doubtful(connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT" if held else "ROLLBACK")
        raise UncertainError("The disk failed.")

    monkeypatch.setattr("netlake.lake.database._commit", lambda connection, _: doubtful(connection))
    if held:
        assert small.put(catalog, A).status == "added"
        assert paths(catalog) == on_disk(catalog) != set()
    else:
        with pytest.raises(UncertainError):
            small.put(catalog, A)
        assert on_disk(catalog) == set()


def test_interrupt_after_the_commit_keeps_its_files(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(connection: sqlite3.Connection, _: Path) -> None:
        connection.execute("COMMIT")
        raise KeyboardInterrupt

    monkeypatch.setattr("netlake.lake.database._commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small.put(catalog, A)
    assert paths(catalog) == on_disk(catalog) != set()
    assert catalog.capture(A) is not None


def test_journal_settings_survive_a_power_cut(catalog: Catalog) -> None:
    """As far as SQLite can promise it: EXTRA also makes the journal's deletion durable."""
    with catalog._database.write() as session:
        assert session.row("PRAGMA synchronous") == (3,)
        assert session.row("PRAGMA journal_mode") == ("delete",)


# the lake's place


def test_missing_or_foreign_lake_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="There is no lake at"):
        Catalog(tmp_path / "nothing")
    with pytest.raises(LakeError, match="There is no lake at"):
        Catalog(tmp_path / "nothing", create=True, readonly=True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "catalog.sqlite").write_text("something else, and long enough to be looked at as a database " * 20)
    with pytest.raises(LakeError, match="cannot be read"):
        Catalog(tmp_path)
    (tmp_path / "catalog.sqlite").unlink()
    with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(LakeError, match="not a netlake catalog"):
        Catalog(tmp_path, create=True)


def test_an_empty_database_becomes_a_lake(tmp_path: Path) -> None:
    """As a process leaves it that is killed before its first commit."""
    (tmp_path / "catalog.sqlite").touch()
    with pytest.raises(LakeError, match="There is no lake at"):
        Catalog(tmp_path)
    assert small.put(Catalog(tmp_path, create=True), A).written


def test_path_with_special_characters(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "a ?mode=ro#b%20'\"é", create=True)
    small.put(catalog, A)
    assert Catalog(catalog.folder / "catalog.sqlite").captures() == catalog.captures()


def test_lake_is_created_by_many_threads_at_once(tmp_path: Path) -> None:
    made: list[Catalog] = []
    threads = [threading.Thread(target=lambda: made.append(Catalog(tmp_path / "lake", create=True))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(made[0].snapshots()) == 1


def test_readonly_refuses_every_change(catalog: Catalog) -> None:
    small.put(catalog, A)
    locked = Catalog(catalog.folder, readonly=True)
    before = on_disk(catalog)
    for attempt in (lambda: small.put(locked, B), lambda: locked.remove(A), locked.relocate):
        with pytest.raises(LakeError, match="for reading only"):
            attempt()
    assert on_disk(catalog) == before
    assert locked.captures() == catalog.captures()


def test_moved_lake_is_read_and_relocated(catalog: Catalog, tmp_path: Path) -> None:
    small.put(catalog, A)
    assert catalog.notice is None
    expected = rows(catalog, "wire")
    shutil.move(catalog.folder, tmp_path / "moved")
    moved = Catalog(tmp_path / "moved")
    assert rows(moved, "wire") == expected
    assert moved.notice == (
        f"The lake was moved here from {catalog.data}/; netlake reads it, other engines can after"
        " `netlake util relocate`."
    )
    small.put(moved, B)
    assert moved.validate(deep=True) == []
    assert moved.relocate() == f"{tmp_path}/moved/data/"
    assert moved.notice is None


# upkeep


def test_orphans_are_collected_after_the_grace_period(catalog: Catalog) -> None:
    small.put(catalog, A)
    small.put(catalog, A, 5, replace=True)
    keep = on_disk(catalog)
    left = small.write(catalog, B, small.tables_of(B, 5))
    stale = left[0].path.with_name(f".{left[0].path.stem}.tmp")
    stale.touch()
    foreign = catalog.data / "wire" / "ducklake-01a206b1-4a61-72a2-9e44-5246a01c4808.txt"
    foreign.touch()
    assert catalog.collect_orphans(60) == []
    old = time.time() - 120
    for file in left[:2]:
        os.utime(file.path, (old, old))
    assert catalog.collect_orphans(60) == sorted(str(file.path) for file in left[:2])
    assert set(catalog.collect_orphans(0)) == {str(stale), *(str(file.path) for file in left[2:])}
    assert on_disk(catalog) == keep | {str(foreign)}
    assert len(rows(catalog, "wire", at=1)) == 20


def test_validate_finds_changed_and_missing_files(catalog: Catalog) -> None:
    small.put(catalog, A)
    assert catalog.validate(deep=True) == []
    gone, cut, changed = (Path(file.path) for file in (*catalog.files("wire"), *catalog.files("link")[:1]))
    gone.unlink()
    for path in (cut, changed):
        path.chmod(0o644)
    cut.write_bytes(cut.read_bytes()[:-1])
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    assert {problem.path for problem in catalog.validate()} == {str(gone), str(cut)}
    sentences = {problem.path: problem.sentence for problem in catalog.validate(deep=True)}
    assert sentences == {
        str(gone): "It is missing.",
        str(cut): f"It has {cut.stat().st_size} bytes and had {cut.stat().st_size + 1} when it was written.",
        str(changed): "Its bytes were changed: its SHA-256 differs.",
    }


def test_reading_needs_no_arrow(catalog: Catalog) -> None:
    """`netlake captures` answers at once."""
    use = f"from netlake.lake import Catalog; Catalog({str(catalog.folder)!r}).captures()"
    code = f"import sys; {use}; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
