"""Writers that are killed or race: no partial commit is visible, no acknowledged commit is lost."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small
from small import on_disk, paths

from netlake.errors import LakeError
from netlake.lake import Catalog

ROUNDS = 60
ROWS = 12
WRITER = Path(__file__).with_name("writer.py")


class Writers:
    """The program that forks writers."""

    def __init__(self) -> None:
        command = [sys.executable, str(WRITER)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(
        self, lake: Path, *jobs: tuple[int, int, int, bool | str], kill: float | None = None
    ) -> list[tuple[str, str]]:
        """The acknowledged results: (status, capture) each."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"lake": str(lake), "jobs": jobs, "kill": kill}) + "\n")
        self.process.stdin.flush()
        return [(status, capture) for status, capture in json.loads(self.process.stdout.readline())]


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    writers = Writers()
    yield writers
    with writers.process as process:
        assert process.stdin is not None
        process.stdin.close()


def check_whole(catalog: Catalog, rows: int = ROWS) -> set[str]:
    """Every capture in the lake has all its rows in every table, and every file is as it was written."""
    assert catalog.validate(deep=True) == []
    stored = {entry.facts.capture for entry in catalog.captures()}
    for table in set(catalog.tables()) - {"label"}:
        held: Counter[str] = Counter()
        for file in catalog.files(table, columns=()):
            held[Path(file.path).name.split("-")[0]] += file.rows
        assert held == dict.fromkeys(stored, rows), table
    return stored


def test_captures_killed_at_any_moment_are_whole_or_absent(tmp_path: Path, writers: Writers) -> None:
    lake, acknowledged, first = tmp_path / "lake", set(), 1
    chance = random.Random(7)  # noqa: S311 - a test's moments
    killed_with_orphans = 0
    # a busy machine gets more time, so that some writers commit
    began = time.monotonic()
    writers.run(tmp_path / "another", (first, 5, ROWS, False))
    longest = max(0.25, time.monotonic() - began)
    for _ in range(ROUNDS):
        acknowledgments = writers.run(lake, (first, 50, ROWS, False), kill=chance.uniform(0.0, longest))
        first += 50
        assert {status for status, _ in acknowledgments} <= {"added"}
        acknowledged |= {capture for _, capture in acknowledgments}
        if not (lake / "catalog.sqlite").exists():
            continue
        catalog = Catalog(lake, create=True)
        assert acknowledged <= check_whole(catalog)
        killed_with_orphans += on_disk(catalog) != paths(catalog)
    assert acknowledged
    assert killed_with_orphans
    orphans = on_disk(catalog) - paths(catalog)
    assert catalog.collect_orphans(3600) == []
    assert {str(path) for path in catalog.collect_orphans(0)} == orphans
    assert on_disk(catalog) == paths(catalog)
    assert acknowledged <= check_whole(catalog)


def check_owners(catalog: Catalog, rows: int = ROWS) -> dict[str, int]:
    """The edition of every owner; each has all rows of this edition and none of another."""
    assert catalog.validate(deep=True) == []
    editions = {owner: int(version) for owner, version in catalog.owners("label").items()}
    found = small.rows(catalog, "label") if "label" in catalog.tables() else []
    expected = [(owner, edition, flow) for owner, edition in editions.items() for flow in range(rows)]
    assert sorted((row["writer"], row["edition"], row["flow"]) for row in found) == sorted(expected)
    return editions


def test_owners_killed_at_any_moment_leave_whole_editions(tmp_path: Path, writers: Writers) -> None:
    lake, acknowledged, first = tmp_path / "lake", Counter[str](), 1
    chance = random.Random(8)  # noqa: S311 - a test's moments
    Catalog(lake, create=True)
    small.put(Catalog(lake), small.identity(1), ROWS)
    began = time.monotonic()
    writers.run(tmp_path / "another", (1, 5, ROWS, "a"), (1, 5, ROWS, "b"), (1, 5, ROWS, False))
    longest = max(0.25, time.monotonic() - began)
    left_files = 0
    for _ in range(ROUNDS // 3):
        jobs = [(first, 50, ROWS, "a"), (first, 50, ROWS, "b"), (first + 1, 50, ROWS, False)]
        acknowledgments = writers.run(lake, *jobs, kill=chance.uniform(0.0, longest))
        first += 50
        assert {status for status, _ in acknowledgments} <= {"added", "replaced"}
        for _, name in acknowledgments:
            owner, _, edition = name.partition(":")
            if edition:
                acknowledged[owner] = max(acknowledged[owner], int(edition))
        catalog = Catalog(lake)
        editions = check_owners(catalog)
        assert all(editions[owner] >= edition for owner, edition in acknowledged.items())
        assert {name for _, name in acknowledgments if ":" not in name} <= check_whole(catalog)
        left_files += bool(on_disk(catalog) - known(catalog))
    assert acknowledged
    assert left_files
    before = check_owners(catalog)
    catalog.collect_orphans(0)
    assert on_disk(catalog) == known(catalog)
    assert check_owners(catalog) == before


def known(catalog: Catalog) -> set[str]:
    """Every file of every snapshot."""
    with catalog._read() as session:
        rows = session.rows("SELECT t.path, f.path FROM ducklake_data_file f JOIN ducklake_table t USING (table_id)")
    return {str(catalog.data / table / path) for table, path in rows}


def test_owners_and_captures_write_at_once(tmp_path: Path, writers: Writers) -> None:
    acknowledgments = writers.run(tmp_path / "lake", (1, 10, ROWS, "a"), (1, 10, ROWS, "b"), (1, 10, ROWS, False))
    assert Counter(status for status, _ in acknowledgments) == {"added": 12, "replaced": 18}
    catalog = Catalog(tmp_path / "lake")
    assert check_owners(catalog) == {"a": 10, "b": 10}
    assert len(check_whole(catalog)) == 10


def test_four_writers_commit_all_captures(tmp_path: Path, writers: Writers) -> None:
    jobs = [(1000 * number, 25, ROWS, False) for number in range(1, 5)]
    acknowledgments = writers.run(tmp_path / "lake", *jobs)
    catalog = Catalog(tmp_path / "lake")
    assert Counter(status for status, _ in acknowledgments) == {"added": 100}
    assert check_whole(catalog) == {capture for _, capture in acknowledgments}
    assert on_disk(catalog) == paths(catalog)
    assert [snapshot.id for snapshot in catalog.snapshots()] == list(range(101))


def test_one_capture_by_many_writers_is_added_once(tmp_path: Path, writers: Writers) -> None:
    acknowledgments = writers.run(tmp_path / "lake", *[(7, 1, ROWS, False)] * 6)
    assert Counter(status for status, _ in acknowledgments) == {"added": 1, "unchanged": 5}
    catalog = Catalog(tmp_path / "lake")
    assert check_whole(catalog) == {small.identity(7)}
    assert on_disk(catalog) == paths(catalog)


def test_one_capture_is_replaced_by_many_writers(tmp_path: Path, writers: Writers) -> None:
    acknowledgments = writers.run(tmp_path / "lake", *[(7, 3, ROWS, True)] * 4)
    assert set(Counter(acknowledgments).values()) <= {1, 3, 4}
    assert Counter(status for status, _ in acknowledgments) == {"added": 3, "replaced": 9}
    catalog = Catalog(tmp_path / "lake")
    assert check_whole(catalog) == {small.identity(number) for number in (7, 8, 9)}


def half_done(catalog: Catalog, writers: Writers) -> None:
    """Leave the catalog as a writer that is killed while it writes the file."""
    writers.run(catalog.folder, (0, 0, 0, False))
    assert (catalog.folder / "catalog.sqlite-journal").stat().st_size > 0


@pytest.mark.parametrize("readonly", [False, True])
def test_interrupted_write_is_rolled_back_by_a_reader(catalog: Catalog, writers: Writers, *, readonly: bool) -> None:
    small.put(catalog, small.identity(1), ROWS)
    half_done(catalog, writers)
    assert check_whole(Catalog(catalog.folder, readonly=readonly)) == {small.identity(1)}
    with sqlite3.connect(catalog.folder / "catalog.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM netlake_metadata").fetchone() == (3,)
    connection.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_interrupted_write_without_permission_is_an_error(catalog: Catalog, writers: Writers) -> None:
    half_done(catalog, writers)
    catalog.folder.chmod(0o555)
    (catalog.folder / "catalog.sqlite").chmod(0o444)
    try:
        with pytest.raises(LakeError, match="cannot be written"):
            Catalog(catalog.folder, readonly=True)
    finally:
        catalog.folder.chmod(0o755)


def test_writer_that_waits_too_long_fails(catalog: Catalog, monkeypatch: Any) -> None:
    monkeypatch.setattr("netlake.lake.database.PATIENCE", 0.05)
    files = small.write(catalog, small.identity(1), small.tables_of(small.identity(1), ROWS))
    with catalog._database.write(), pytest.raises(LakeError, match="is locked by another process"):
        catalog.commit(small.facts(small.identity(1)), files)
    assert on_disk(catalog) == set()
