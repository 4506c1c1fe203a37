"""A table with columns of every kind, and its rows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from netlake.schema import Column, List, Struct, Table, arrow

TABLE = Table(
    "thing",
    "One row for each thing.",
    "none",
    (),
    (
        Column("small", "u8", "Few values.", why="test"),
        Column("port", "u16", "A port.", why="test"),
        Column("number", "u32", "A number.", why="test"),
        Column("ratio", "f64", "A ratio.", why="test"),
        Column("seen", "ts", "A time.", why="test"),
        Column("flag", "bool", "A flag.", why="test"),
        Column("word", "word", "A word.", why="test"),
        Column("key", "hex64", "Hexadecimal text.", why="test"),
        Column("data", "bytes", "Bytes.", why="test"),
        Column("words", List("text"), "Words.", why="test"),
        Column(
            "parts",
            List(Struct((Column("kind", "u8", "Kind.", why="test"), Column("left", "u32", "Left.", why="test")))),
            "Parts.",
            why="test",
        ),
    ),
    context="transport",
)
SCALARS = [column.name for column in TABLE.all_columns if column.scalar]
UTC = dt.UTC

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
own = {
    "small": st.none() | st.integers(0, 255),
    "port": st.none() | st.integers(0, 65535),
    "number": st.none() | st.integers(0, 2**32 - 1),
    "ratio": st.none() | st.floats(allow_nan=True),
    "seen": st.none() | st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    "flag": st.none() | st.booleans(),
    "word": st.none() | texts,
    "key": st.none() | st.sampled_from(["00", "ff", "a" * 300]),
    "data": st.none() | st.binary(max_size=6),
    "words": st.lists(texts, max_size=3),
    "parts": st.lists(st.fixed_dictionaries({"kind": st.integers(0, 255), "left": st.none() | st.just(7)}), max_size=2),
}
own_row = st.fixed_dictionaries({"days": st.none() | st.integers(0, 6), **own})


def row(packet: int, /, *, days: int | None = 0, **values: object) -> dict[str, object]:
    """A row of TABLE on the day `days` after 1 January 2024."""
    moment = None if days is None else dt.datetime(2024, 1, 1, 12, tzinfo=UTC) + dt.timedelta(days=days)
    fixed: dict[str, object] = {"words": [], "parts": [], "capture": "c0ffee", "packet": packet, "place": 0}
    return {"ts": moment, "day": moment and moment.date(), "src_ip": f"10.0.0.{packet % 7}"} | fixed | values


def batch(rows: list[dict[str, object]], *, dictionaries: bool = True, table: Table = TABLE) -> pa.RecordBatch:
    schema = arrow.schema(table)
    plain = pa.RecordBatch.from_pylist(rows, schema=schema)
    columns = [
        column.dictionary_encode() if dictionaries and pa.types.is_string(column.type) else column
        for column in plain.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=schema.names)


def read(files: list[Path]) -> list[dict[str, object]]:
    rows = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    return sorted(rows, key=lambda row: row["packet"])


def same(left: object, right: object) -> bool:
    """Whether two values are equal, with NaN equal to NaN."""
    return repr(left) == repr(right)
