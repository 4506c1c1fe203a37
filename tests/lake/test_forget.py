"""Removing captures for good: `purge` and `expire` delete files and history, `validate` reports damage."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import small
from small import on_disk, paths, rows

from netlake.errors import LakeError
from netlake.lake import Catalog

A, B, C = (small.identity(number) for number in (1, 2, 3))
# in the source's name, which must not remain anywhere
SOURCE = "the-source-of-the-capture"


def _put(catalog: Catalog, capture: str, **more: Any) -> None:
    files = small.write(catalog, capture, small.tables_of(capture, 20))
    facts = small.facts(capture, **more)
    catalog.commit(facts, files, replace=capture in [stored.facts.capture for stored in catalog.captures()])


def _bytes(catalog: Catalog) -> bytes:
    return b"".join(path.read_bytes() for path in catalog.folder.rglob("*") if path.is_file())


def test_purge_removes_a_capture_from_all_snapshots(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(catalog, B)
    first = catalog.snapshot()
    for _ in range(2):  # the second replaces the first, whose files stay
        files = small.write(catalog, A, small.tables_of(A, 20))
        facts = small.facts(A)
        object.__setattr__(facts, "path", f"/captures/{SOURCE}.pcap")
        catalog.commit(facts, files, replace=True)
    _put(catalog, C)
    present, before = paths(catalog), on_disk(catalog)
    assert SOURCE.encode() in _bytes(catalog)
    assert len(before) > len(present)
    outcome = catalog.purge(A)
    assert (outcome.status, outcome.snapshot) == ("removed", first + 4)
    assert [stored.facts.capture for stored in catalog.captures()] == [B, C]
    for snapshot in catalog.snapshots():
        assert {row["capture"] for row in rows(catalog, "wire", snapshot.id)} <= {B, C} if snapshot.id else True
    assert on_disk(catalog) == paths(catalog)
    assert not [file for file in on_disk(catalog) if A in file]
    data = _bytes(catalog)
    assert SOURCE.encode() not in data
    assert A.encode() not in data
    assert catalog.validate(deep=True) == []
    with pytest.raises(LakeError, match="No snapshot of the lake has a capture"):
        catalog.purge(A)
    # the lake is still usable
    _put(catalog, A)
    assert {row["capture"] for row in rows(catalog, "wire")} == {A, B, C}


def test_purge_finds_a_capture_that_was_removed_before(catalog: Catalog) -> None:
    _put(catalog, A)
    _put(catalog, B)
    catalog.remove(A)
    assert catalog.known() == [B, A]
    assert len(rows(catalog, "wire", at=1)) == 20
    catalog.purge(A)
    assert rows(catalog, "wire", at=1) == []
    assert on_disk(catalog) == paths(catalog)


def test_purge_computes_statistics_of_tables_again(catalog: Catalog) -> None:
    _put(catalog, A)
    with catalog._read() as session:
        before = session.rows("SELECT * FROM ducklake_table_column_stats ORDER BY table_id, column_id")
        sums = session.rows(
            "SELECT table_id, record_count, file_size_bytes FROM ducklake_table_stats ORDER BY table_id"
        )
    files = small.write(catalog, B, small.tables_of(B, 300))
    catalog.commit(small.facts(B), files)
    catalog.purge(B)
    with catalog._read() as session:
        after = session.rows("SELECT * FROM ducklake_table_column_stats ORDER BY table_id, column_id")
        assert sums == session.rows(
            "SELECT table_id, record_count, file_size_bytes FROM ducklake_table_stats ORDER BY table_id"
        )
    assert after == before


def test_expire_removes_snapshots_and_their_files(catalog: Catalog) -> None:
    _put(catalog, A)
    _put(catalog, B)
    catalog.remove(A)
    _put(catalog, B, contract=1)  # replaced
    newest, present = catalog.snapshot(), paths(catalog)
    assert len(on_disk(catalog)) == 3 * len(present)
    numbers, gone = catalog.expire(dt.datetime.now(dt.UTC))
    assert numbers == list(range(newest))
    assert len(gone) == 2 * len(present)
    assert on_disk(catalog) == present
    assert [snapshot.id for snapshot in catalog.snapshots()] == [newest]
    assert {row["capture"] for row in rows(catalog, "wire")} == {B}
    with pytest.raises(LakeError, match=f"has no snapshot 1; its first is {newest} and its newest {newest}"):
        catalog.snapshot(1)
    assert catalog.known() == [B]
    assert catalog.validate(deep=True) == []
    assert catalog.expire(dt.datetime.now(dt.UTC)) == ([], [])
    _put(catalog, C)
    assert {row["capture"] for row in rows(catalog, "wire")} == {B, C}
    assert len(rows(catalog, "wire", newest)) == 20


def test_expire_keeps_a_number_of_snapshots(catalog: Catalog) -> None:
    for capture in (A, B, C):
        _put(catalog, capture)
    now = dt.datetime.now(dt.UTC)
    assert catalog.expire(now, keep=4) == ([], [])
    assert catalog.expire(now, keep=3)[0] == [0]
    assert [snapshot.id for snapshot in catalog.snapshots()] == [1, 2, 3]
    assert [(snapshot.tables, snapshot.message) for snapshot in catalog.snapshots()[:1]] == [
        (3, f"added capture {A}: /captures/{A}.pcap")
    ]


def test_expire_keeps_what_later_snapshots_contain(catalog: Catalog) -> None:
    _put(catalog, A)
    _put(catalog, B)
    time.sleep(0.01)
    moment = dt.datetime.now(dt.UTC)
    catalog.remove(A)
    everything = on_disk(catalog)
    assert catalog.expire(moment) == ([0, 1], [])
    assert on_disk(catalog) == everything
    assert {row["capture"] for row in rows(catalog, "wire", 2)} == {A, B}
    assert {row["capture"] for row in rows(catalog, "wire", moment)} == {A, B}
    assert {row["capture"] for row in rows(catalog, "wire")} == {B}
    assert catalog.expire(dt.datetime.min.replace(tzinfo=dt.UTC)) == ([], [])


def test_files_of_interrupted_deletion_are_collected(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between the commit and the deletion leaves files that no snapshot names."""
    _put(catalog, A)
    kept = {file: Path(file).read_bytes() for file in on_disk(catalog)}
    catalog.purge(A)
    for file, data in kept.items():
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_bytes(data)
        os.utime(file, (0, 0))
    assert {str(path) for path in catalog.collect_orphans(3600)} == set(kept)


def test_validate_tells_present_damage_from_history(catalog: Catalog) -> None:
    _put(catalog, A)
    _put(catalog, B)
    catalog.remove(A)
    past, present = sorted(on_disk(catalog) - paths(catalog)), sorted(paths(catalog))
    Path(past[0]).unlink()
    (problem,) = catalog.validate()
    assert (problem.path, problem.present) == (past[0], False)
    Path(present[0]).unlink()
    assert [(problem.path, problem.present) for problem in catalog.validate()] == [(present[0], True), (past[0], False)]
    catalog.expire(dt.datetime.now(dt.UTC))
    assert [(problem.path, problem.present) for problem in catalog.validate()] == [(present[0], True)]


def test_files_of_another_engine_outside_the_lake_stay(catalog: Catalog, tmp_path: Path) -> None:
    _put(catalog, A)
    outside = tmp_path / "outside.parquet"
    file = min(paths(catalog))
    shutil.move(file, outside)
    with catalog._write() as session:
        session.run(
            "UPDATE ducklake_data_file SET path = ?, path_is_relative = ? WHERE path LIKE ?",
            (str(outside), False, f"%{Path(file).name}"),
        )
    catalog.purge(A)
    assert outside.exists()
    assert on_disk(catalog) == set()
