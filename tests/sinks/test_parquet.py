"""ParquetSink: content and statistics of the files, and cleanup after errors."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import os
from functools import partial
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlake.errors import SchemaError
from netlake.schema import Column, Table, arrow
from netlake.schema.contract import ids
from netlake.sinks.parquet import NO_DAY, ParquetSink
from netlake.sinks.parquet_file import ParquetFile, declared
from tests.sinks.things import SCALARS, TABLE, UTC, batch, own_row, read, row, same


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(groups=st.lists(st.lists(own_row, min_size=1, max_size=12), min_size=1, max_size=3), plain=st.booleans())
def test_rows_round_trip_and_statistics_match(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[dict[str, object]]], *, plain: bool
) -> None:
    place = tmp_path_factory.mktemp("lake")
    given_rows, batches = [], []
    for group in groups:
        rows = [row(len(given_rows) + 1 + i, **values) for i, values in enumerate(group)]
        given_rows += rows
        batches.append(batch(rows, dictionaries=not plain))
    sink = ParquetSink(place, "c0ffee", max_days=3)
    for rows in batches:
        sink.write(TABLE, rows)
    sink.close()
    files = sink.files
    expected = [line for rows in batches for line in rows.to_pylist()]
    assert same(read([file.path for file in files]), expected)
    days = [line["day"] for line in expected if line["day"]]
    owned = list(dict.fromkeys(days))[:3]
    assert sink.beyond[TABLE.name] == sum(day not in owned for day in days)
    assert {file.day for file in files if file.day} == set(owned)
    for file in files:
        check_file(file, expected, owned)


def test_long_table_is_several_files_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlake.sinks.parquet.MOST_GROUPS", 2)
    sink = ParquetSink(tmp_path, "c0ffee")
    given_rows = [row(number, days=number % 2) for number in range(1, 29)]
    for first in range(0, 28, 4):
        sink.write(TABLE, batch(given_rows[first : first + 4]))
    sink.close()
    expected = batch(given_rows).to_pylist()
    for day in {line["day"] for line in expected}:
        files = [file.path for file in sink.files if file.day == day]
        assert [pq.ParquetFile(file).num_row_groups for file in files] == [2, 2, 2, 1]
        read_rows = [line for file in files for line in pq.ParquetFile(file).read().to_pylist()]
        assert same(read_rows, [line for line in expected if line["day"] == day])
    for file in sink.files:
        known = pq.ParquetFile(file.path).read().to_pylist()
        least, greatest = min(line["packet"] for line in known), max(line["packet"] for line in known)
        found = file.statistics[ids(TABLE)["packet"]]
        assert (found.least, found.greatest, file.rows) == (least, greatest, len(known))
    sink.abort()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_finished_files_are_removed_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netlake.sinks.parquet.MOST_GROUPS", 1)
    sink = ParquetSink(tmp_path, "c0ffee")
    for number in (1, 2, 3):
        sink.write(TABLE, batch([row(number)]))
    sink.write(TABLE, pa.RecordBatch.from_pydict({"strange": [1], "day": pa.array([dt.date(2024, 1, 1)])}))
    with pytest.raises(SchemaError):
        sink.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def check_file(file: object, expected: list[dict[str, object]], owned: list[dt.date]) -> None:
    """Check rows, hash, size, footer and statistics of one file."""
    path, day = file.path, file.day
    mine = [line for line in expected if (line["day"] if line["day"] in owned else None) == day]
    assert same(read([path]), mine)
    assert path.parent.name == f"day={day or NO_DAY}"
    data = path.read_bytes()
    assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert data[-8:-4] == file.footer.to_bytes(4, "little")
    assert path.stat().st_mode & 0o777 == 0o444
    assert file.rows == len(mine)
    numbers = ids(TABLE)
    assert set(file.statistics) == {numbers[name] for name in SCALARS}
    for name in SCALARS:
        check_statistics(name, file.statistics[numbers[name]], [line[name] for line in mine])


def check_statistics(name: str, known: object, values: list[object]) -> None:
    there = [value for value in values if value is not None]
    assert (known.values, known.nulls) == (len(values), len(values) - len(there))
    assert known.size > 0
    if known.least is not None:
        assert (known.least, known.greatest) == (min(there), max(there))
        assert not any(isinstance(value, float) and math.isnan(value) for value in there)
    elif name in ("day", "ts", "capture", "packet", "number", "port", "seen"):
        assert not there, f"{name} has values but no range"
    elif name in ("word", "src_ip"):
        assert not any(there) or "\ufffd" in "".join(there)


def test_encodings_are_as_declared(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "c0ffee")
    for first in (1, 1001):
        sink.write(
            TABLE, batch([row(first + i, word=f"w{i % 9}", port=i, number=i, words=["a", "b"]) for i in range(1000)])
        )
    sink.close()
    (file,) = sink.files
    metadata = pq.ParquetFile(file.path).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [1000, 1000]
    chunks = {
        metadata.row_group(0).column(i).path_in_schema: metadata.row_group(0).column(i)
        for i in range(metadata.num_columns)
    }
    assert "RLE_DICTIONARY" in chunks["src_ip"].encodings
    assert "DELTA_BINARY_PACKED" in chunks["ts"].encodings
    assert "DELTA_BINARY_PACKED" in chunks["packet"].encodings
    assert "BYTE_STREAM_SPLIT" in chunks["ratio"].encodings
    assert "BYTE_STREAM_SPLIT" not in chunks["port"].encodings  # DuckDB before 2.0 cannot read it
    assert "PLAIN" in chunks["port"].encodings
    assert "PLAIN" in chunks["key"].encodings
    assert "RLE_DICTIONARY" in chunks["words.list.element"].encodings
    assert "RLE_DICTIONARY" not in chunks["parts.list.element.kind"].encodings
    assert chunks["src_ip"].statistics is None
    assert chunks["packet"].has_column_index
    assert {chunk.compression for chunk in chunks.values()} == {"ZSTD"}


def test_footer_has_schema_ids_and_docs(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "c0ffee")
    sink.write(TABLE, batch([row(1)]))
    sink.close()
    (file,) = sink.files
    schema = pq.read_schema(file.path)
    declared = arrow.schema(TABLE)
    assert schema.types == declared.types
    assert [field.nullable for field in schema] == [field.nullable for field in declared]
    assert [field.metadata[b"PARQUET:field_id"] for field in schema] == [
        field.metadata[b"PARQUET:field_id"] for field in declared
    ]
    keys = pq.read_metadata(file.path).metadata
    assert keys[b"netlake.table"] == b"thing"
    assert json.loads(keys[b"netlake.columns"])["port"] == "A port."


def test_duckdb_and_polars_read_every_encoding(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "c0ffee", bloom=True)
    rows = [
        row(
            i + 1,
            small=i % 256,
            port=i,
            number=i * 7,
            ratio=i / 3,
            seen=dt.datetime(2020, 1, 1, tzinfo=UTC),
            word=f"w{i}",
        )
        for i in range(3000)
    ]
    sink.write(TABLE, batch(rows))
    sink.close()
    (file,) = sink.files
    sums = (sum(i % 256 for i in range(3000)), sum(range(3000)), 7 * sum(range(3000)), 3000)
    with duckdb.connect() as connection:
        things = connection.read_parquet(str(file.path))
        found = things.aggregate(
            "sum(small), sum(port), sum(number), count(distinct word), max(epoch(seen))"
        ).fetchall()
        assert found == [(*sums, dt.datetime(2020, 1, 1, tzinfo=UTC).timestamp())]
        assert len(things.filter("src_ip = '10.0.0.3'").fetchall()) == 429
        query = "select path_in_schema from parquet_metadata(?) where bloom_filter_offset is not null"
        assert connection.sql(query, params=[str(file.path)]).fetchall() == [("src_ip",), ("dst_ip",)]
    frame = pl.read_parquet(file.path)
    assert (frame["small"].sum(), frame["port"].sum(), frame["number"].sum(), frame["word"].n_unique()) == sums


def test_batch_without_rows_writes_no_file(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "c0ffee")
    sink.write(TABLE, batch([row(1)]).slice(0, 0))
    sink.close()
    assert sink.files == []
    assert list(tmp_path.iterdir()) == []


def test_table_without_day_has_no_partition(tmp_path: Path) -> None:
    table = Table(
        "fact", "One row for each fact.", "none", (), (Column("word", "word", "It.", why="t"),), context="lake"
    )
    sink = ParquetSink(tmp_path, "c0ffee")
    sink.write(table, batch([{"word": "a"}, {"word": "b"}], table=table))
    sink.close()
    (file,) = sink.files
    assert file.path.parent == tmp_path / "fact"
    assert file.day is None


@pytest.mark.parametrize("closed", [False, True])
def test_abort_leaves_no_file(tmp_path: Path, *, closed: bool) -> None:
    sink = ParquetSink(tmp_path, "c0ffee")
    sink.write(TABLE, batch([row(i, days=i % 4) for i in range(1, 9)]))
    if closed:
        sink.close()
        assert len(sink.files) == 4
    sink.abort()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_error_in_thread_is_raised_and_files_are_removed(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "c0ffee")
    sink.write(TABLE, batch([row(1)]))
    sink.write(TABLE, batch([row(1)]).select(["packet"]))
    with pytest.raises(SchemaError, match="thing"):
        sink.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_null_in_non_null_column_is_an_error(tmp_path: Path) -> None:
    rows = batch([row(1)])
    names = rows.schema.names
    columns = [pa.nulls(1, pa.int64()) if name == "packet" else rows.column(name) for name in names]
    sink = ParquetSink(tmp_path, "c0ffee")
    sink.write(TABLE, pa.RecordBatch.from_arrays(columns, names=names))
    with pytest.raises(pa.ArrowInvalid, match="packet"):
        sink.close()


def test_dictionaries_and_plain_strings_alternate(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "c0ffee")
    for number, dictionaries in enumerate((False, True, False), 1):
        sink.write(TABLE, batch([row(number, word="x")], dictionaries=dictionaries))
    sink.close()
    (file,) = sink.files
    assert [line["packet"] for line in read([file.path])] == [1, 2, 3]


def test_files_are_synced_before_and_folders_after_renaming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, int]] = []
    sync, link = os.fsync, os.link

    def synced(handle: int) -> None:
        sync(handle)
        done.append(("synced", os.fstat(handle).st_ino))

    def linked(old: Path, new: Path) -> None:
        link(old, new)
        done.append(("named", new.stat().st_ino))

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    sink = ParquetSink(tmp_path / "data", "c0ffee", threads=1)
    sink.write(TABLE, batch([row(1)], dictionaries=False))
    sink.close()
    (file,) = sink.files
    itself, folder = file.path.stat().st_ino, file.path.parent.stat().st_ino
    named = done.index(("named", itself))
    assert ("synced", itself) in done[:named]
    assert ("synced", folder) in done[named:]
    # the parent of each new folder is synced
    assert {("synced", parent.stat().st_ino) for parent in (tmp_path, tmp_path / "data", file.path.parent.parent)} <= {
        *done[:named]
    }


@pytest.mark.parametrize("capture", ["", "../x", "a b", "a/b"])
def test_invalid_capture_id_is_refused(tmp_path: Path, capture: str) -> None:
    with pytest.raises(ValueError, match="not a capture id"):
        ParquetSink(tmp_path, capture)


def test_file_is_closed_between_row_groups(tmp_path: Path) -> None:
    file = ParquetFile(partial(declared, TABLE, bloom=False), tmp_path, "c0ffee")
    file.write(batch([row(1)]))
    assert not [link for link in Path("/proc/self/fd").iterdir() if str(tmp_path) in _target(link)]
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_removed_temporary_file_is_an_error(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, "c0ffee")
    sink.write(TABLE, batch([row(1)]))
    sink._threads.wait()
    (temporary,) = tmp_path.rglob("*.tmp")
    temporary.unlink()
    sink.write(TABLE, batch([row(2)]))
    with pytest.raises(FileNotFoundError):
        sink.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
