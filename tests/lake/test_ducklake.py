"""The real DuckLake extension reads every state that we make, and we read, or refuse, what it makes of a lake."""

# ruff: noqa: S608 - statements of the test
from __future__ import annotations

import dataclasses
import datetime as dt
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import small
from extension import plain

import netlake
from netlake.errors import LakeError
from netlake.lake import Catalog
from netlake.lake.compact import Wanted
from netlake.schema import Column

A, B, C = (small.identity(number) for number in (10, 20, 30))
COLUMNS = {table.name: [column.name for column in table.all_columns] for table in small.TABLES}
Rows = dict[str, list[Any]]


def rows_of(capture: str, count: int) -> Rows:
    """The rows of a capture as the extension hands them out."""
    return {
        table.name: [plain([row.get(name) for name in COLUMNS[table.name]]) for row in rows]
        for table, rows in small.tables_of(capture, count)
    }


def together(*captures: Rows) -> Rows:
    return {name: sorted((row for rows in captures for row in rows[name]), key=str) for name in COLUMNS}


@pytest.fixture
def history(catalog: Catalog) -> list[tuple[int, Rows]]:
    """A lake of every state: captures added, replaced and removed; each snapshot with its rows."""
    small.put(catalog, A, 20)
    first = (catalog.snapshot(), together(rows_of(A, 20)))
    small.put(catalog, B, 25)
    second = (catalog.snapshot(), together(rows_of(A, 20), rows_of(B, 25)))
    small.put(catalog, A, 30, contract=2, replace=True)
    third = (catalog.snapshot(), together(rows_of(A, 30), rows_of(B, 25)))
    catalog.remove(B)
    small.put(catalog, C, 5)
    return [first, second, third, (catalog.snapshot(), together(rows_of(A, 30), rows_of(C, 5)))]


def reading(history: list[tuple[int, Rows]]) -> list[str]:
    return [f"FROM lake.{name} AT (VERSION => {number})" for number, _ in history for name in COLUMNS]


def check(answers: list[Any], history: list[tuple[int, Rows]]) -> None:
    expected = [rows[name] for _, rows in history for name in COLUMNS]
    for answer, rows in zip(answers, expected, strict=True):
        assert sorted(answer, key=str) == rows


def test_extension_reads_every_snapshot(catalog: Catalog, history: list[tuple[int, Rows]], ask: Any) -> None:
    now = [f"FROM lake.{name}" for name in COLUMNS]
    check(ask(catalog.folder, *reading(history), *now), [*history, history[-1]])


def test_extension_reads_a_lake_after_purge_and_expire(
    catalog: Catalog, history: list[tuple[int, Rows]], ask: Any
) -> None:
    catalog.purge(B)
    without = [(number, {name: list(rows[name]) for name in COLUMNS}) for number, rows in history]
    b = rows_of(B, 25)
    for number, rows in without[1:3]:
        assert number
        for name in COLUMNS:
            for row in b[name]:
                rows[name].remove(row)
    check(ask(catalog.folder, *reading(without)), without)
    catalog.expire(dt.datetime.now(dt.UTC))
    now = [f"FROM lake.{name}" for name in COLUMNS]
    check(ask(catalog.folder, *now), [history[-1]])
    small.put(catalog, B, 25)
    both = [(catalog.snapshot(), together(rows_of(A, 30), rows_of(C, 5), b))]
    check(ask(catalog.folder, *reading(both)), both)


def test_extension_reads_a_compacted_lake(catalog: Catalog, history: list[tuple[int, Rows]], ask: Any) -> None:
    """Also earlier snapshots, after a capture of a merged file was removed or purged, and after expiry."""
    now = [f"FROM lake.{name}" for name in COLUMNS]
    assert catalog.compact(Wanted())
    merged = [*history, (catalog.snapshot(), history[-1][1])]
    check(ask(catalog.folder, *reading(merged), *now), [*merged, history[-1]])
    small.put(catalog, B, 25)
    catalog.compact(Wanted())
    catalog.remove(C)
    state = together(rows_of(A, 30), rows_of(B, 25))
    merged.append((catalog.snapshot(), state))
    check(ask(catalog.folder, *reading(merged), *now), [*merged, merged[-1]])
    catalog.purge(B)
    check(ask(catalog.folder, *now), [(0, together(rows_of(A, 30)))])
    catalog.expire(dt.datetime.now(dt.UTC))
    small.put(catalog, C, 5)
    catalog.compact(Wanted())
    check(ask(catalog.folder, *now), [(0, together(rows_of(A, 30), rows_of(C, 5)))])
    ((ids, distinct),) = ask(catalog.folder, "SELECT count(rowid), count(DISTINCT rowid) FROM lake.wire")[0]
    assert ids == distinct == 35


def test_lake_that_the_extension_changed_is_compacted(catalog: Catalog, ask: Any) -> None:
    """Tables, columns and files of another engine are merged from their files alone; what it merged is left alone."""
    small.put(catalog, A, 4)
    ask(
        catalog.folder,
        "CREATE TABLE lake.notes (day DATE, what VARCHAR, marks STRUCT(x INTEGER, y VARCHAR[])[], n UBIGINT, u UUID)",
        *[
            f"INSERT INTO lake.notes VALUES ('2024-01-0{day}', 'seen', [{{x: {day}, y: ['z']}}], 18446744073709551615,"
            f" '00000000-0000-0000-0000-00000000000{day}')"
            for day in range(1, 6)
        ],
        "ALTER TABLE lake.wire ADD COLUMN mine VARCHAR DEFAULT 'none'",
        "ALTER TABLE lake.link RENAME COLUMN mac TO hardware",
        "ALTER TABLE lake.notes DROP COLUMN n",
        "INSERT INTO lake.notes VALUES ('2024-01-09', 'later', [], NULL)",
    )
    small.put(catalog, B, 3)
    every = [
        "SELECT * REPLACE (u::VARCHAR AS u) FROM lake.notes ORDER BY ALL",
        "SELECT * FROM lake.wire ORDER BY capture, packet",
        "SELECT * FROM lake.link ORDER BY capture, packet",
    ]
    before = ask(catalog.folder, *every)
    merged = {one.table: (one.files, one.into) for one in catalog.compact(Wanted())}
    assert merged["notes"] == (5, 1)
    assert {"wire", "link"} <= merged.keys()
    assert ask(catalog.folder, *every) == before
    ask(catalog.folder, "INSERT INTO lake.notes VALUES ('2024-01-10', 'last', [], NULL)",
        "CALL ducklake_merge_adjacent_files('lake')")  # fmt: skip
    assert catalog.compact(Wanted(["notes"])) == []


def test_extension_reads_a_moved_lake(
    catalog: Catalog, history: list[tuple[int, Rows]], ask: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "else where"
    shutil.move(catalog.folder, folder)
    override = f"(DATA_PATH '{folder}/data/', OVERRIDE_DATA_PATH true)"
    check(ask(folder, *reading(history), options=override), history)
    moved = Catalog(folder)
    assert "moved" in (moved.notice or "")
    assert moved.validate(deep=True) == []
    moved.relocate()
    assert moved.notice is None
    check(ask(folder, *reading(history)), history)


# how many of the last state's three files the extension opens
PRUNED = {
    f"capture = '{A}'": 2,
    "day = '2024-03-01'": 2,
    "ts < '2024-03-01 23:59:52+00'": 2,
    "packet > 25": 1,
    "src_ip = '10.0.10.3'": 1,
    "src_ip = '9.9.9.9'": 0,
    "dst_port IS NULL": 3,
    "packet > 0": 3,
}


def test_extension_prunes_by_our_statistics(catalog: Catalog, history: list[tuple[int, Rows]], ask: Any) -> None:
    assert history
    plans = [f"EXPLAIN ANALYZE FROM lake.wire WHERE {condition}" for condition in PRUNED]
    counts = [f"SELECT count(*) FROM lake.wire WHERE {condition}" for condition in PRUNED]
    unpruned = [f"SELECT count(*) FILTER ({condition}) FROM lake.wire" for condition in PRUNED]
    answers = ask(catalog.folder, *plans, *counts, *unpruned)
    size = len(PRUNED)
    read = [re.search(r"Total Files Read: (\d+)", plan[0][1]) for plan in answers[:size]]
    assert [int(found[1]) if found else 0 for found in read] == list(PRUNED.values())
    assert answers[size : 2 * size] == answers[2 * size :]


def test_docs_are_comments_in_the_extension(catalog: Catalog, history: list[tuple[int, Rows]], ask: Any) -> None:
    assert history
    of_table, of_column = ask(
        catalog.folder,
        "SELECT comment FROM duckdb_tables() WHERE database_name = 'lake' AND table_name = 'wire'",
        "SELECT comment FROM duckdb_columns() WHERE database_name = 'lake' AND column_name = 'seq'",
    )
    assert (of_table, of_column) == ([["One row for each packet."]], [["A sequence number."]])


def wider() -> Any:
    """WIRE with a column more, and one more within its options."""
    return dataclasses.replace(small.WIRE, columns=(*small.WIRE.columns, Column("later", "u16", "Later.", why="test")))


def test_extension_reads_an_added_column(catalog: Catalog, ask: Any) -> None:
    small.put(catalog, A, 3)
    before = catalog.snapshot()
    rows = [row | {"later": 7} for row in small.wire_rows(B, 3)]
    catalog.commit(small.facts(B), small.write(catalog, B, [(wider(), rows)]))
    now, then = ask(
        catalog.folder,
        "SELECT capture, packet, later FROM lake.wire ORDER BY ALL",
        f"FROM lake.wire AT (VERSION => {before}) ORDER BY packet",
    )
    assert now == [*([A, i, None] for i in (1, 2, 3)), *([B, i, 7] for i in (1, 2, 3))]
    assert then == sorted(rows_of(A, 3)["wire"], key=lambda row: row[3])
    (nulls,) = ask(catalog.folder, "SELECT count(*) FROM lake.wire WHERE later IS NULL")
    assert nulls == [[3]]


def test_catalog_tables_equal_those_of_the_extension(catalog: Catalog, ask: Any, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    ask(tmp_path / "theirs", "CREATE TABLE lake.t (x INTEGER)", options=f"(DATA_PATH '{tmp_path}/theirs/data/')")

    def tables(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
        connection = sqlite3.connect(folder / "catalog.sqlite")
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'ducklake_%'")]
        found = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
        connection.close()
        return {name: columns for name, columns in found.items() if not name.startswith("ducklake_inlined_data_1")}

    theirs = tables(tmp_path / "theirs")
    assert len(theirs) == 28
    assert tables(catalog.folder) == theirs


def test_extension_reads_rows_without_partition(catalog: Catalog, ask: Any) -> None:
    group = small.wire_rows(A, 10, step=86400.0)
    group[8] |= {"day": None, "ts": None}
    catalog.commit(small.facts(A), small.write(catalog, A, [(small.WIRE, group)], max_days=3))
    query = "SELECT packet FROM lake.wire WHERE "
    answers = ask(
        catalog.folder, f"{query} day = '2024-03-02'", f"{query} day = '2024-03-06'", f"{query} day IS NULL",
        "SELECT count(*), count(day), max(day)::VARCHAR FROM lake.wire",
    )  # fmt: skip
    assert answers == [[[2]], [[6]], [[9]], [[10, 9, "2024-03-10"]]]


def test_tables_of_the_extension_are_read_from_the_catalog(catalog: Catalog, ask: Any) -> None:
    small.put(catalog, A, 3)
    ask(
        catalog.folder,
        "CREATE TABLE lake.notes (day DATE, what VARCHAR, marks STRUCT(x INTEGER, y VARCHAR[])[], n UBIGINT)",
        "COMMENT ON TABLE lake.notes IS 'Mine.'",
        "INSERT INTO lake.notes VALUES ('2024-01-01', 'seen', [{x: 1, y: ['z']}], 18446744073709551615)",
        "ALTER TABLE lake.wire ADD COLUMN mine VARCHAR DEFAULT 'none'",
        "ALTER TABLE lake.link RENAME COLUMN mac TO hardware",
    )
    notes = catalog.tables()["notes"]
    assert notes.doc == "Mine."
    assert [(column.name, column.type) for column in catalog.columns("notes")] == [
        ("day", "date"), ("what", "varchar"), ("marks", "list"), ("n", "uint64"),
    ]  # fmt: skip
    (element,) = catalog.columns("notes")[2].children
    assert [(column.name, column.type) for column in element.children] == [("x", "int32"), ("y", "list")]
    (file,) = catalog.files("notes")
    assert (file.rows, file.stats[1].least.isoformat(), file.stats[2].greatest) == (1, "2024-01-01", "seen")
    assert Path(file.path).is_file()
    assert catalog.columns("wire")[-1].name == "mine"
    assert catalog.columns("wire")[-1].default == "none"
    assert catalog.columns("link")[-1].name == "hardware"
    small.put(catalog, B, 3)
    ((counted,),) = ask(catalog.folder, "SELECT count(*), count(hardware), count(mine) FROM lake.link, lake.wire")
    assert counted == [36, 36, 36]


def test_changes_of_the_extension_are_read_or_refused(catalog: Catalog, ask: Any) -> None:
    small.put(catalog, A, 4)
    small.put(catalog, B, 4)
    ask(catalog.folder, "DELETE FROM lake.wire WHERE packet = 2")
    with pytest.raises(LakeError, match="deleted one by one"):
        catalog.files("wire")
    ask(catalog.folder, "CALL ducklake_rewrite_data_files('lake', 'wire', delete_threshold => 0)")
    assert sum(file.rows for file in catalog.files("wire")) == 6
    ask(catalog.folder, "CALL ducklake_merge_adjacent_files('lake')")
    assert catalog.without_sha256() == 3
    assert sum(file.rows for file in catalog.files("link")) == 8
    with pytest.raises(LakeError, match="merged after"):
        catalog.files("link", at=1)
    with pytest.raises(LakeError, match="which another engine merged"):
        catalog.remove(A)
    small.put(catalog, C, 4)
    assert sum(file.rows for file in catalog.files("link")) == 12


def test_inlined_rows_are_refused(catalog: Catalog, ask: Any) -> None:
    small.put(catalog, A, 4)
    allow = "CALL lake.set_option('data_inlining_row_limit', 100)"
    ask(catalog.folder, allow, "INSERT INTO lake.address VALUES ('192.0.2.1', 4)")
    with pytest.raises(LakeError, match="keeps in the catalog"):
        catalog.files("address")
    assert len(catalog.files("address", at=1)) == 1
    ask(catalog.folder, "CALL ducklake_flush_inlined_data('lake')")
    assert sum(file.rows for file in catalog.files("address")) == 5


def test_extension_and_netlake_write_one_lake(catalog: Catalog, ask: Any) -> None:
    small.put(catalog, A, 4)
    ask(
        catalog.folder,
        f"INSERT INTO lake.link SELECT * REPLACE ('{C}' AS capture, packet + 10 AS packet) FROM lake.link",
    )
    small.put(catalog, B, 4)
    (count, ranges) = ask(
        catalog.folder,
        "SELECT count(*), count(DISTINCT rowid) FROM lake.link",
        "SELECT min(packet), max(packet), min(ts) = max(ts) FROM lake.link",
    )
    assert count == [[12, 12]]
    assert ranges == [[1, 14, False]]
    assert catalog.remove(A).status == "removed"
    assert sum(file.rows for file in catalog.files("link")) == 8


def test_extension_reads_a_decoded_capture(tmp_path: Path, ask: Any) -> None:
    """Every value of every table of real traffic, whatever tables there are."""
    demo = Path(__file__).resolve().parents[1] / "captures" / "demo.pcapng"
    netlake.capture([demo], tmp_path / "lake")
    catalog = Catalog(tmp_path / "lake")
    names = list(catalog.tables())
    answers = ask(catalog.folder, *(f"FROM lake.{name}" for name in names))
    assert len(names) > 10
    for name, answer in zip(names, answers, strict=True):
        columns = [column.name for column in catalog.columns(name)]
        expected = [plain([row[column] for column in columns]) for row in small.rows(catalog, name)]
        assert sorted(answer, key=str) == sorted(expected, key=str), name
