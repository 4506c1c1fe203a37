"""Creates lakes for tests: Parquet files and a catalog, from given rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from netlake.lake.catalog import Catalog
from netlake.lake.facts import CaptureFacts
from netlake.schema import Column, List, Struct, Table, arrow
from netlake.sinks.parquet import ParquetSink

THING = Struct((Column("name", "text", "A name."), Column("size", "u32", "A size."), Column("raw", "bytes", "Bytes.")))
COLUMNS = (
    Column("number", "i64", "A number."),
    Column("small", "u8", "A small number."),
    Column("word", "word", "A word."),
    Column("payload", "bytes", "Bytes."),
    Column("ratio", "f64", "A ratio."),
    Column("flag", "bool", "A flag."),
    Column("things", List(THING), "Things in it."),
    Column("codes", List("u16"), "Numbers in it."),
)
SAMPLE = Table("sample", "One row for each sample.", "none", (), COLUMNS)
START = dt.datetime(2024, 2, 28, 23, 54, tzinfo=dt.UTC)


def batch(table: Table, capture: str, rows: Iterable[Mapping[str, Any]]) -> pa.RecordBatch:
    """A batch of `rows` with context columns added: one row per packet, one minute apart."""
    made = []
    for number, row in enumerate(rows, 1):
        ts = row.get("ts", START + dt.timedelta(minutes=number))
        context = {"day": ts and ts.date(), "ts": ts, "capture": capture, "packet": number, "place": 0}
        empty = {column.name: [] for column in table.columns if isinstance(column.kind, List)}
        made.append({**context, **empty, **row})
    return pa.RecordBatch.from_pylist(made, schema=arrow.schema(table))


def commit(lake: Path, capture: str, tables: Mapping[Table, Iterable[Mapping[str, Any]]], **facts: Any) -> str:
    """Add a capture with these rows to `lake`; return its id."""
    catalog = Catalog(lake, create=True)
    sink = ParquetSink(catalog.data, capture, threads=1)
    counts = {}
    for table, rows in tables.items():
        made = batch(table, capture, rows)
        counts[table.name] = made.num_rows
        sink.write(table, made)
    known = {"kind": "file", "path": f"captures/{capture}.pcap", "packets": sum(counts.values()), **facts}
    sink.close()
    catalog.commit(CaptureFacts(capture, rows=counts, **known), sink.files)
    return capture


def example(path: Path) -> Path:
    """Four captures of ten rows over two days each (eight files), with disjoint numbers and addresses."""
    for index in range(4):
        rows = [
            {
                "number": index * 100 + row,
                "word": f"word {index}" if row else None,
                "src_ip": f"10.0.{index}.{row}",
                "ratio": row / 2,
                "flag": row % 2 == 0,
                "payload": bytes([row]),
                "codes": [row, index],
                "things": [{"name": f"n{row}", "size": row, "raw": b"\x00"}] * (row % 3),
            }
            for row in range(10)
        ]
        commit(path, f"{index:016x}", {SAMPLE: rows})
    return path
