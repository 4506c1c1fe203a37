"""Snapshots never change, their statistics are correct, and tables grow by columns with frozen ids."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import sqlite3
import time
from typing import Any

import pyarrow.parquet as pq
import pytest
import small
from hypothesis import given, settings
from hypothesis import strategies as st
from small import paths, rows

from netlake.errors import LakeError
from netlake.lake import Catalog, FileInfo
from netlake.lake.values import decode, encode
from netlake.schema import Column, List, Struct, contract
from netlake.schema.contract import ids

A, B, C = (small.identity(number) for number in (10, 20, 30))
UTC = dt.UTC


# snapshots


def test_snapshots_are_read_by_number_and_time(catalog: Catalog) -> None:
    small.put(catalog, A, 5)
    moment = dt.datetime.now(UTC)
    time.sleep(0.002)
    small.put(catalog, B, 5)
    assert catalog.snapshot() == 2
    assert catalog.snapshot(moment) == 1
    assert catalog.tables(at=0) == {}
    assert {row["capture"] for row in rows(catalog, "wire", at=moment)} == {A}
    for nowhere in (3, -1, moment - dt.timedelta(days=1)):
        with pytest.raises(LakeError, match="no snapshot"):
            catalog.snapshot(nowhere)
    with pytest.raises(LakeError, match="no table wire"):
        catalog.files("wire", at=0)
    notes = [(entry.message, entry.extra.get("capture")) for entry in catalog.snapshots()[1:]]
    assert notes == [(f"added capture {capture}: /captures/{capture}.pcap", capture) for capture in (A, B)]


def test_snapshot_never_changes(catalog: Catalog) -> None:
    seen: list[set[str]] = []
    for step in (lambda: small.put(catalog, A), lambda: small.put(catalog, A, 9, replace=True),
                 lambda: catalog.remove(A), lambda: small.put(catalog, B)):  # fmt: skip
        step()
        seen.append(paths(catalog))
        assert [paths(catalog, at=number + 1) for number in range(len(seen))] == seen


# statistics: the catalog's half of pruning


def test_statistics_contain_every_value_of_a_file(catalog: Catalog) -> None:
    for number in range(6):
        capture = small.identity(number + 1)
        first = dt.datetime(2024, 1, 1 + number, tzinfo=UTC)
        files = small.write(catalog, capture, small.tables_of(capture, 10, first=first))
        catalog.commit(small.facts(capture), files)
    numbers = {column.name: column.id for column in catalog.columns("wire")}
    held = {file.path: pq.ParquetFile(file.path).read().to_pylist() for file in catalog.files("wire")}
    pruned = 0
    for name in ("day", "ts", "capture", "packet", "src_ip", "dst_port", "code", "fault", "name", "ratio"):
        for value in {row[name] for group in held.values() for row in group if row[name] is not None}:
            for file in catalog.files("wire", columns=[numbers[name]]):
                assert set(file.stats) <= {numbers[name]}
                possible = may_equal(file, numbers[name], value)
                assert possible or not [row for row in held[file.path] if row[name] == value]
                pruned += not possible
    assert pruned > 500


def may_equal(file: FileInfo, column: int, value: Any) -> bool:
    known = file.stats[column]
    return bool(known.values) and (known.least is None or known.least <= value <= known.greatest)


def test_statistics_of_chosen_columns_only(catalog: Catalog) -> None:
    small.put(catalog, A, 3)
    seq = ids(small.WIRE)["seq"]
    assert [set(file.stats) for file in catalog.files("wire", columns=[4, seq, 999])] == [{4, seq}]
    assert [file.stats for file in catalog.files("wire", columns=())] == [{}]


def test_statistics_mark_possible_nan(catalog: Catalog) -> None:
    number = ids(small.WIRE)["ratio"]
    for capture, ratios in ((A, [1.0, math.nan]), (B, [1.0, 2.0]), (C, [None, None])):
        group = [row | {"ratio": ratio} for row, ratio in zip(small.wire_rows(capture, 2), ratios, strict=True)]
        catalog.commit(small.facts(capture), small.write(catalog, capture, [(small.WIRE, group)]))
    known = [file.stats[number] for file in catalog.files("wire")]
    assert [(r.least, r.greatest, r.nulls, r.nan) for r in known] == [
        (None, None, 0, True), (1.0, 2.0, 0, False), (None, None, 2, False),
    ]  # fmt: skip


moments = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@settings(deadline=None)
@given(
    pair=st.one_of(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["int16", "int64", "uint64"])),
        st.tuples(st.floats(allow_nan=False), st.just("float64")),
        st.tuples(st.text(), st.just("varchar")),
        st.tuples(st.dates(), st.just("date")),
        st.tuples(moments, st.just("timestamptz")),
        st.tuples(st.booleans(), st.just("boolean")),
    )
)
def test_values_are_read_from_their_text(pair: tuple[Any, str]) -> None:
    value, kind = pair
    assert decode(encode(value), kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("2024-01-01 12:00:00.5+00", "timestamptz", dt.datetime(2024, 1, 1, 12, 0, 0, 500_000, UTC)),
        ("2024-01-01 12:00:00+02", "timestamptz", dt.datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ("294247-01-10 04:00:54.775806+00", "timestamptz", None),
        ("2024-01-01 12:00:00", "timestamptz", None),
        ("4714-11-24 (BC)", "date", None),
        ("infinity", "date", None),
        ("nan", "float64", None),
        ("1.5", "int32", None),
        ("00ff", "blob", None),
        ("whatever", "geometry", None),
        (None, "int32", None),
    ],
)
def test_text_without_value_is_not_known(text: str | None, kind: str, value: object) -> None:
    assert decode(text, kind) == value


def test_days_beyond_the_limit_have_no_partition(catalog: Catalog) -> None:
    group = small.wire_rows(A, 10, step=86400.0)
    group[8] |= {"day": None, "ts": None}
    catalog.commit(small.facts(A), small.write(catalog, A, [(small.WIRE, group)], max_days=3))
    files = {file.day: file for file in catalog.files("wire")}
    assert list(files) == [dt.date(2024, 3, 1), dt.date(2024, 3, 2), dt.date(2024, 3, 3), None]
    known = files[None].stats[1]
    assert (known.least, known.greatest, known.nulls) == (dt.date(2024, 3, 4), dt.date(2024, 3, 10), 1)


def test_capture_has_at_most_32_day_partitions(catalog: Catalog) -> None:
    catalog.commit(small.facts(A), small.write(catalog, A, [(small.WIRE, small.wire_rows(A, 40, step=86400.0))]))
    files = {file.day: file.rows for file in catalog.files("wire")}
    assert files == {**{dt.date(2024, 3, 1) + dt.timedelta(days=day): 1 for day in range(32)}, None: 8}


# evolution


def grown() -> Any:
    """WIRE with a column more, and a field more in its options."""
    option = Struct((*small.OPTION.columns, Column("extra", "u16", "More.", why="test")))
    columns = [
        column if column.name != "options" else dataclasses.replace(column, kind=List(option))
        for column in small.WIRE.columns
    ]
    return dataclasses.replace(small.WIRE, columns=(*columns, Column("later", "u16", "Later.", why="test", null=False)))


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids of WIRE are frozen, as those of a released table are."""
    numbers = ids(small.WIRE)

    def entries(columns: tuple[Column, ...], prefix: str) -> list[dict[str, Any]]:
        return [
            {
                "name": column.name,
                "id": numbers[prefix + column.name],
                "columns": nested(column.kind, prefix + column.name),
            }
            for column in columns
        ]

    def nested(kind: Any, path: str) -> list[dict[str, Any]]:
        if isinstance(kind, List):
            return [
                {
                    "name": "element",
                    "id": numbers[f"{path}.element"],
                    "columns": nested(kind.element, f"{path}.element"),
                }
            ]
        return entries(kind.columns, path + ".") if isinstance(kind, Struct) else []

    known = {"columns": entries(small.WIRE.columns, "")}
    monkeypatch.setattr(contract, "frozen", lambda name: known if name == "wire" else None)


@pytest.mark.usefixtures("frozen")
def test_an_added_column_appears_with_its_id(catalog: Catalog) -> None:
    small.put(catalog, A, 3)
    before = catalog.columns("wire")
    rows_of_b = [
        row | {"later": 7, "options": [{"kind": 1, "data": b"x", "extra": 9}]} for row in small.wire_rows(B, 3)
    ]
    catalog.commit(small.facts(B), small.write(catalog, B, [(grown(), rows_of_b)]))
    after = catalog.columns("wire")
    assert catalog.columns("wire", at=1) == before
    assert [column.id for column in after[:-1]] == [column.id for column in before]
    later, options, last = after[-1], after[-2], max(ids(small.WIRE).values())
    assert (later.name, later.id, later.begin, later.null) == ("later", last + 2, 2, True)
    extra = options.children[0].children[-1]
    assert (extra.name, extra.id, extra.begin) == ("extra", last + 1, 2)
    assert [later.id in file.stats for file in catalog.files("wire")] == [False, True]
    small.put(catalog, C, 3)  # an older netlake writes too
    assert catalog.columns("wire") == after
    assert catalog.snapshots()[-1].changes == "inserted_into_table:1,inserted_into_table:2,inserted_into_table:4"


def test_table_with_other_ids_is_refused(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    small.put(catalog, A, 3)
    monkeypatch.setattr(contract, "by_path", lambda table: contract.assign(table, None))
    turned = dataclasses.replace(small.WIRE, columns=small.WIRE.columns[::-1])
    files = small.write(catalog, B, [(turned, small.wire_rows(B, 3))])
    with pytest.raises(LakeError, match="into another lake"):
        catalog.commit(small.facts(B), files)


def test_unknown_layouts_are_refused(catalog: Catalog) -> None:
    for table, key, what in (("netlake_metadata", "layout", "layout 7"), ("ducklake_metadata", "version", "version 7")):
        with sqlite3.connect(catalog.folder / "catalog.sqlite") as connection:
            old = connection.execute(f"SELECT value FROM {table} WHERE key = ?", (key,)).fetchone()[0]  # noqa: S608
            connection.execute(f"UPDATE {table} SET value = '7' WHERE key = ?", (key,))  # noqa: S608
        connection.close()
        for attempt in (lambda: Catalog(catalog.folder), lambda: catalog.remove(A)):
            with pytest.raises(LakeError, match=what):
                attempt()
        with sqlite3.connect(catalog.folder / "catalog.sqlite") as connection:
            connection.execute(f"UPDATE {table} SET value = ? WHERE key = ?", (old, key))  # noqa: S608
        connection.close()
