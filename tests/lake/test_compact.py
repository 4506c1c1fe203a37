"""Merging small files: the rows stay as they are for every reader, snapshot, removal and concurrent writer."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import small
from extension import plain
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import on_disk, paths, rows
from test_crash import Writers, check_owners, writers  # noqa: F401 - a fixture

import netlake
from netlake.errors import LakeError
from netlake.lake import Catalog
from netlake.lake.compact import Wanted
from netlake.query.snapshot import Snapshot
from netlake.schema import Column

A, B, C, D = (small.identity(number) for number in (10, 20, 30, 40))
NAMES = [table.name for table in small.TABLES]
LATER = small.FIRST + dt.timedelta(days=40)


def every(catalog: Catalog, at: Any = None) -> dict[str, list[str]]:
    """Every row of every table, in the order of capture and packet."""
    return {name: sorted(str(plain(row)) for row in rows(catalog, name, at)) for name in catalog.tables(at)}


def counts(catalog: Catalog) -> dict[str, int]:
    return {name: len(catalog.files(name, columns=())) for name in catalog.tables()}


def check_rows(catalog: Catalog, counted: dict[str, int]) -> None:
    """Every capture has `counted` packets in every table, each with the values that follow from its number."""
    expected: dict[str, list[str]] = {name: [] for name in NAMES}
    for capture, count in counted.items():
        for table, made in small.tables_of(capture, count):
            columns = [column.name for column in table.all_columns]
            expected[table.name] += [str(plain({name: row.get(name) for name in columns})) for row in made]
    assert every(catalog) == {name: sorted(found) for name, found in expected.items()}
    assert catalog.validate(deep=True) == []


def test_rows_columns_and_order_are_kept(catalog: Catalog) -> None:
    for capture, count in ((A, 20), (B, 25), (C, 5)):
        small.put(catalog, capture, count)
    before, ordered, files = every(catalog), rows(catalog, "link"), catalog.files("link")
    old = {path: Path(path).read_bytes() for path in paths(catalog)}
    columns = pq.read_schema(files[0].path)
    merged = {one.table: (one.files, one.into) for one in catalog.compact(Wanted())}
    assert merged == {"address": (3, 1), "link": (5, 1), "wire": (5, 1)}
    assert counts(catalog) == {"address": 1, "link": 1, "wire": 1}
    assert every(catalog) == before
    key = ["capture", "packet"]
    assert sorted(rows(catalog, "link"), key=lambda row: [row[name] for name in key]) == sorted(
        ordered, key=lambda row: [row[name] for name in key]
    )
    (file,) = catalog.files("link")
    assert pq.read_schema(file.path).equals(columns, check_metadata=True)
    assert pq.ParquetFile(file.path).schema.equals(pq.ParquetFile(files[0].path).schema)
    assert pq.read_metadata(file.path).metadata == pq.read_metadata(files[0].path).metadata
    # readers that began before still have their files
    assert {path: Path(path).read_bytes() for path in old} == old
    assert catalog.compact(Wanted()) == []
    assert catalog.snapshots()[-1].message == "merged 13 files into 3"


def test_statistics_of_merged_files_are_those_of_their_rows(catalog: Catalog) -> None:
    small.put(catalog, A, 20)
    small.put(catalog, B, 300)
    catalog.compact(Wanted())
    for name in NAMES:
        (file,) = catalog.files(name)
        found = rows(catalog, name)
        for column in catalog.columns(name):
            values = [row[column.name] for row in found]
            known = file.stats.get(column.id)
            if column.type in ("list", "struct"):
                assert known is None
                continue
            assert known is not None
            some = [value for value in values if value is not None]
            assert (known.values, known.nulls) == (len(some), len(values) - len(some))
            if column.type not in ("boolean", "blob") and some:
                assert (known.least, known.greatest) == (min(some), max(some)), column.name
    with catalog._read() as session:
        for number, count, size, following in session.rows(
            "SELECT table_id, record_count, file_size_bytes, next_row_id FROM ducklake_table_stats"
        ):
            name = next(one.name for one in catalog.tables().values() if one.id == number)
            (file,) = catalog.files(name)
            assert (count, size) == (file.rows, file.size)
            assert following >= count


def test_earlier_snapshots_keep_their_rows_until_they_expire(catalog: Catalog) -> None:
    history = {}
    for number, capture in enumerate((A, B, C)):
        small.put(catalog, capture, 10 + number)
        history[catalog.snapshot()] = every(catalog)
    catalog.compact(Wanted())
    catalog.remove(B)
    history[catalog.snapshot()] = every(catalog)
    for at, known in history.items():
        assert every(catalog, at) == known
    present = paths(catalog)
    catalog.expire(dt.datetime.now(dt.UTC))
    assert on_disk(catalog) == present == paths(catalog)
    assert every(catalog) == history[max(history)]


@pytest.fixture
def merged(catalog: Catalog) -> Catalog:
    """A lake with the captures A, B and C in one file of each table, B in two runs of rows."""
    small.put(catalog, A, 20)
    small.put(catalog, B, 25)
    small.put(catalog, C, 5)
    catalog.compact(Wanted())
    catalog.expire(dt.datetime.now(dt.UTC))
    assert set(counts(catalog).values()) == {1}
    return catalog


def test_a_capture_is_removed_from_merged_files(merged: Catalog) -> None:
    before, at = every(merged), merged.snapshot()
    merged.remove(B)
    check_rows(merged, {A: 20, C: 5})
    assert every(merged, at) == before
    merged.remove(A)
    check_rows(merged, {C: 5})
    merged.remove(C)
    check_rows(merged, {})
    merged.expire(dt.datetime.now(dt.UTC))
    assert on_disk(merged) == set()


def test_a_capture_is_replaced_in_merged_files(merged: Catalog) -> None:
    assert small.put(merged, B, 30, replace=True, contract=2).status == "replaced"
    check_rows(merged, {A: 20, B: 30, C: 5})
    merged.compact(Wanted())
    check_rows(merged, {A: 20, B: 30, C: 5})
    assert small.put(merged, B, 7).status == "unchanged"
    merged.remove(C)
    check_rows(merged, {A: 20, B: 30})


def test_purge_removes_a_capture_from_merged_files_of_all_snapshots(merged: Catalog) -> None:
    first = merged.snapshot()
    merged.remove(C)
    small.put(merged, D, 9)
    merged.compact(Wanted())
    merged.remove(A)
    outcome = merged.purge(B)
    assert outcome.status == "removed"
    check_rows(merged, {D: 9})
    for snapshot in merged.snapshots():
        for name in ("wire", "link"):
            assert B not in {row["capture"] for row in rows(merged, name, snapshot.id)}
    assert {row["capture"] for row in rows(merged, "wire", first)} == {A, C}
    assert len(rows(merged, "address", first)) == 25
    data = b"".join(path.read_bytes() for path in merged.folder.rglob("*") if path.is_file())
    assert B.encode() not in data
    with merged._read() as session:
        every_path = {path for (path,) in session.rows("SELECT path FROM ducklake_data_file")}
    assert {Path(path).name for path in on_disk(merged)} == {Path(path).name for path in every_path}


def test_removal_that_fails_leaves_no_file(merged: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    present, before = on_disk(merged), every(merged)

    def fail(*_: Any) -> None:
        raise LakeError("No.")

    monkeypatch.setattr("netlake.lake.captures.end", fail)
    with pytest.raises(LakeError, match="No"):
        merged.remove(B)
    assert (on_disk(merged), every(merged)) == (present, before)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.tuples(st.sampled_from("prxcue"), st.integers(1, 5), st.integers(1, 9)), max_size=14))
def test_any_order_of_operations_keeps_the_rows(tmp_path_factory: Any, steps: list[tuple[str, int, int]]) -> None:
    """Put, replace, remove, purge, compact and expire: the newest snapshot always has the rows of its captures."""
    catalog = Catalog(tmp_path_factory.mktemp("any") / "lake", create=True)
    present: dict[str, int] = {}
    for step, number, count in steps:
        capture = small.identity(number)
        if step == "p" and capture not in present:
            small.put(catalog, capture, count)
            present[capture] = count
        elif step == "r":
            small.put(catalog, capture, count, replace=True, contract=2)
            present[capture] = count
        elif step in "xu" and capture in present:
            (catalog.remove if step == "x" else catalog.purge)(capture)
            del present[capture]
        elif step == "c":
            catalog.compact(Wanted())
        elif step == "e":
            catalog.expire(dt.datetime.now(dt.UTC))
        if catalog.tables():
            check_rows(catalog, present)
    catalog.expire(dt.datetime.now(dt.UTC))
    assert on_disk(catalog) == paths(catalog)


def test_days_of_few_bytes_are_merged_with_each_other(catalog: Catalog) -> None:
    small.put(catalog, A, 20)
    files = small.write(catalog, B, small.tables_of(B, 20, first=LATER))
    catalog.commit(small.facts(B), files)
    assert {file.day for file in catalog.files("wire")} == {
        dt.date(2024, 3, 1), dt.date(2024, 3, 2), LATER.date(), LATER.date() + dt.timedelta(days=1),
    }  # fmt: skip
    catalog.compact(Wanted(days={LATER.date()}))
    assert len(catalog.files("wire")) == 4  # a file for each day, so there is nothing to merge within one
    catalog.compact(Wanted())
    (file,) = catalog.files("wire")
    assert file.day is None
    assert "day=__HIVE_DEFAULT_PARTITION__" in file.path
    with netlake.Lake(catalog.folder) as lake:
        for day in (dt.date(2024, 3, 1), LATER.date()):
            assert lake.sql(f"SELECT count(*) FROM wire WHERE day = '{day}'").rows() == [(10,)]  # noqa: S608


def test_a_day_of_many_bytes_keeps_its_partition(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlake.lake.compact.FEW", 1)
    for capture in (A, B):
        small.put(catalog, capture, 20)
    merged = {one.table: (one.files, one.into) for one in catalog.compact(Wanted())}
    assert merged == {"address": (2, 1), "link": (4, 2), "wire": (4, 2)}
    assert sorted(str(file.day) for file in catalog.files("wire")) == ["2024-03-01", "2024-03-02"]
    check_rows(catalog, {A: 20, B: 20})


def test_tables_days_and_sizes_limit_what_is_merged(catalog: Catalog) -> None:
    for capture in (A, B, C):
        small.put(catalog, capture, 20)
    day = dt.date(2024, 3, 2)
    assert {group.table for group in catalog.plan(Wanted(["link", "wire"]))} == {"link", "wire"}
    assert [(group.table, len(group.files)) for group in catalog.plan(Wanted(days={day}))] == [("link", 3), ("wire", 3)]
    sizes = [file.size for file in catalog.files("link")]
    assert catalog.plan(Wanted(["link"], target=2 * min(sizes))) == []
    limited = catalog.plan(Wanted(["link"], target=2 * max(sizes) + 2))
    assert [len(group.files) for group in limited] == [2, 2, 2]
    with pytest.raises(LakeError, match="has no table lynk"):
        catalog.plan(Wanted(["lynk"]))
    with pytest.raises(LakeError, match="opened for reading only"):
        Catalog(catalog.folder, readonly=True).compact(Wanted())


def test_versions_of_a_table_are_merged_apart(catalog: Catalog) -> None:
    """Files of an older version of a table keep its columns; those of the newer version keep the added one."""
    wide = dataclasses.replace(small.WIRE, columns=(*small.WIRE.columns, Column("later", "u16", "It.", why="test")))
    for number in range(4):
        capture = small.identity(number + 1)
        table = wide if number % 2 else small.WIRE
        made = [row | ({"later": row["packet"]} if table is wide else {}) for row in small.wire_rows(capture, 6)]
        catalog.commit(small.facts(capture), small.write(catalog, capture, [(table, made)]))
    with netlake.Lake(catalog.folder) as lake:
        before = lake.sql("FROM wire ORDER BY capture, packet").rows()
        catalog.compact(Wanted())
        assert len(catalog.files("wire")) == 2
        assert lake.sql("FROM wire ORDER BY capture, packet").rows() == before
    assert [row[-1] for row in before] == [*[None] * 6, *range(1, 7), *[None] * 6, *range(1, 7)]


def test_rows_of_owners_are_merged_by_owner(catalog: Catalog) -> None:
    for owner in ("one", "two"):
        small.derive(catalog, owner, 1)
    catalog.compact(Wanted())
    assert counts(catalog) == {"label": 2}
    assert check_owners(catalog, 5) == {"one": 1, "two": 1}
    small.derive(catalog, "one", 2, 3)
    assert {(row["writer"], row["edition"]) for row in rows(catalog, "label")} == {("one", 2), ("two", 1)}


def test_single_captures_are_read_from_merged_files(merged: Catalog) -> None:
    """Also of a table without a column for the capture."""
    for capture, count in ((A, 20), (B, 25)):
        with netlake.Lake(merged.folder, captures=[capture]) as lake:
            assert lake.sql("SELECT count(*), min(capture), max(capture) FROM wire").rows() == [
                (count, capture, capture)
            ]
            addresses = {row["address"] for _, made in small.tables_of(capture, count)[2:] for row in made}
            assert {row[0] for row in lake.sql("SELECT address FROM address").rows()} == addresses
            assert set(lake.scan("address").collect()["address"]) == addresses
            assert set(lake.scan("wire").collect()["capture"]) == {capture}
        snapshot = Snapshot(merged, None, [capture])
        assert [file.spans is None for file in snapshot.files("address")] == [False]


def test_many_commits_are_merged_while_a_reader_runs(catalog: Catalog) -> None:
    """A reader of the snapshot before reads the same rows all the time, one of the newest never another number."""
    for number in range(60):
        small.put(catalog, small.identity(number), 3)
    at, before = catalog.snapshot(), every(catalog)
    done, wrong, turns = threading.Event(), [], Counter[str]()

    def read() -> None:
        with netlake.Lake(catalog.folder, at=at) as old, netlake.Lake(catalog.folder) as new:
            while not done.is_set():
                for name, lake in (("old", old), ("new", new)):
                    if lake.sql("SELECT count(*), count(DISTINCT capture) FROM wire").rows() != [(180, 60)]:
                        wrong.append(name)
                    turns[name] += 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        while not turns["new"]:
            time.sleep(0.01)
        catalog.compact(Wanted())
        reached = turns["new"]
        while turns["new"] < reached + 2 and reader.is_alive():
            time.sleep(0.01)
    finally:
        done.set()
        reader.join()
    assert wrong == []
    assert turns["old"] > 1
    assert counts(catalog) == {"address": 1, "link": 1, "wire": 1}
    assert every(catalog) == every(catalog, at) == before


def test_captures_and_compactions_at_once(tmp_path: Path, writers: Writers) -> None:  # noqa: F811
    lake = tmp_path / "lake"
    jobs = [(1, 12, 12, False), (101, 12, 12, False), (1, 12, 12, True), (0, 6, 12, "compact"), (0, 6, 12, "compact")]
    acknowledged = writers.run(lake, *jobs)
    assert Counter(status for status, _ in acknowledged)["error"] == 0
    check_rows(Catalog(lake), {small.identity(one): 12 for one in (*range(1, 13), *range(101, 113))})
    Catalog(lake).compact(Wanted())
    assert set(counts(Catalog(lake)).values()) == {1}
    Catalog(lake).expire(dt.datetime.now(dt.UTC))
    assert on_disk(Catalog(lake)) == paths(Catalog(lake))


def test_a_group_that_changed_meanwhile_is_left_out(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    for capture in (A, B, C):
        small.put(catalog, capture, 4)
    from netlake.lake import compact

    original = compact.write

    def write(group: Any, *places: Any) -> Any:
        if group.table == "link":
            other = Catalog(catalog.folder)
            if B in {stored.facts.capture for stored in other.captures()}:
                other.remove(B)
        return original(group, *places)

    monkeypatch.setattr(compact, "write", write)
    assert catalog.compact(Wanted()) == []
    check_rows(catalog, {A: 4, C: 4})
    assert not [path for path in on_disk(catalog) if "merged-" in path]


def test_compaction_killed_at_any_moment(tmp_path: Path, writers: Writers) -> None:  # noqa: F811
    lake, expected = tmp_path / "lake", {}
    chance = random.Random(9)  # noqa: S311 - a test's moments
    left = 0
    writers.run(lake, (1, 1, 12, False))
    began = time.monotonic()
    writers.run(tmp_path / "another", (1, 12, 12, False), (0, 3, 12, "compact"))
    longest = max(0.25, time.monotonic() - began)
    for turn in range(25):
        writers.run(lake, (100 * turn, 4, 12, False))
        writers.run(lake, (0, 20, 12, "compact"), (0, 20, 12, "compact"), kill=chance.uniform(0.0, longest))
        expected |= {small.identity(number): 12 for number in (1, *range(100 * turn, 100 * turn + 4))}
        catalog = Catalog(lake)
        check_rows(catalog, expected)
        left += bool([path for path in on_disk(catalog) if Path(path).name.startswith((".merged-", "merged-"))])
    assert left
    catalog.compact(Wanted())
    check_rows(catalog, expected)
    catalog.expire(dt.datetime.now(dt.UTC))
    catalog.collect_orphans(0)
    assert on_disk(catalog) == paths(catalog)
    check_rows(catalog, expected)
