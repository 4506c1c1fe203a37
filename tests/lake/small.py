"""Small captures for the tests of the lake: tables with every stored type, rows that follow from a number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from netlake.lake import CaptureFacts, Catalog, Outcome
from netlake.schema import Column, List, Struct, Table, arrow
from netlake.sinks import DataFile
from netlake.sinks.parquet import ParquetSink

UTC = dt.UTC
FIRST = dt.datetime(2024, 3, 1, 23, 59, 50, 123456, tzinfo=UTC)

OPTION = Struct((Column("kind", "u8", "Kind.", why="test"), Column("data", "bytes", "Bytes.", why="test")))
WIRE = Table(
    "wire",
    "One row for each packet.",
    "none",
    (),
    (
        Column("code", "u8", "A code, 0 to 255.", why="test"),
        Column("seq", "u32", "A sequence number.", why="test"),
        Column("ratio", "f64", "A ratio.", why="test"),
        Column("flag", "bool", "A flag.", why="test"),
        Column("name", "text", "A name.", why="test"),
        Column("raw", "bytes", "Bytes.", why="test"),
        Column("names", List("text"), "Names.", why="test"),
        Column("options", List(OPTION), "Options.", why="test"),
    ),
)
LINK = Table(
    "link", "One row for each frame.", "none", (), (Column("mac", "mac", "MAC.", why="test"),), context="record"
)
ADDRESS = Table(
    "address",
    "One row for each address.",
    "none",
    (),
    (Column("address", "ip", "It.", why="test"), Column("family", "u8", "4 or 6.", why="test")),
    context="lake",
    key=("address",),
)
TABLES = (WIRE, LINK, ADDRESS)
# a derived table: its rows belong to owners
LABEL = Table(
    "label",
    "One row for each label.",
    "none",
    (),
    (
        Column("writer", "text", "Owner of the row.", why="test"),
        Column("edition", "i64", "Version of its owner.", why="test"),
        Column("flow", "i64", "A flow.", why="test"),
    ),
    context="lake",
    key=("writer", "flow"),
)


def wire_rows(capture: str, count: int, step: float = 1.0, first: dt.datetime = FIRST) -> list[dict[str, Any]]:
    """Rows of WIRE: one packet each `step` seconds, past midnight with the defaults; some values null."""
    return [
        {
            "day": (first + dt.timedelta(seconds=i * step)).date(),
            "ts": first + dt.timedelta(seconds=i * step),
            "capture": capture,
            "packet": i + 1,
            "place": 0,
            "fault": "cut" if i % 5 == 4 else None,
            "flow": i // 3 + 1,
            "from_originator": i % 2 == 0,
            "src_ip": f"10.0.{int(capture, 16) % 200}.{i % 250}",
            "dst_ip": f"2001:db8::{i % 16:x}",
            "src_port": 1024 + i,
            "dst_port": 53 if i % 3 else None,
            "code": i % 256,
            "seq": 2**32 - 1 - i,
            "ratio": i / 7,
            "flag": None if i % 4 == 0 else i % 2 == 0,
            "name": f"name {i} 'q' \"d\" é",
            "raw": bytes([i % 256]),
            "names": [str(i)] * (i % 3),
            "options": [{"kind": i % 256, "data": b"x"}] * (i % 2),
        }
        for i in range(count)
    ]


def batch(table: Table, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Rows as a sink gets them: strings as dictionaries."""
    plain = pa.RecordBatch.from_pylist(rows, schema=arrow.schema(table))
    columns = [column.dictionary_encode() if pa.types.is_string(column.type) else column for column in plain.columns]
    return pa.RecordBatch.from_arrays(columns, names=plain.schema.names)


def tables_of(capture: str, count: int, **more: Any) -> list[tuple[Table, list[dict[str, Any]]]]:
    """The rows of every table of a capture."""
    wire = wire_rows(capture, count, **more)
    own = ("day", "ts", "capture", "packet", "place", "fault")
    link = [{**{name: row[name] for name in own}, "mac": f"00:00:00:00:00:{row['packet'] % 256:02x}"} for row in wire]
    address = [{"address": row["src_ip"], "family": 4} for row in wire[:250]]
    return [(WIRE, wire), (LINK, link), (ADDRESS, address)]


def write(
    catalog: Catalog, capture: str, tables: Iterable[tuple[Table, list[dict[str, Any]]]], **options: Any
) -> list[DataFile]:
    """Data files of a capture, not yet the catalog's."""
    sink = ParquetSink(catalog.data, capture, threads=1, **options)
    for table, rows in tables:
        sink.write(table, batch(table, rows))
    sink.close()
    return sink.files


def facts(capture: str, **more: Any) -> CaptureFacts:
    """What is known of a capture."""
    known = {"sha256": (capture * 4)[:64], "contract": 1, "rows": {"wire": 1}} | more
    return CaptureFacts(capture, "file", f"/captures/{capture}.pcap", **known)


def put(catalog: Catalog, capture: str, count: int = 20, *, replace: bool = False, **more: Any) -> Outcome:
    """Write a capture into the lake."""
    files = write(catalog, capture, tables_of(capture, count))
    return catalog.commit(facts(capture, **more), files, replace=replace)


def derive(catalog: Catalog, owner: str, edition: int, count: int = 5, table: Table = LABEL) -> Outcome:
    """Replace the rows of an owner: `count` rows of this edition, in two files."""
    files = []
    for part in range(2):
        rows = [{"writer": owner, "edition": edition, "flow": i} for i in range(part, count, 2)]
        files += write(catalog, owner, [(table, rows)]) if rows else []
    return catalog.replace_table(table, files, owner, str(edition))


def identity(number: int) -> str:
    """The id of the capture with this number."""
    return f"{number:016x}"


def rows(catalog: Catalog, table: str, at: Any = None) -> list[dict[str, Any]]:
    """Every row of a table, from its files."""
    return [row for file in catalog.files(table, at) for row in pq.ParquetFile(file.path).read().to_pylist()]


def on_disk(catalog: Catalog) -> set[str]:
    """Every file in the lake's data folder."""
    return {str(path) for path in catalog.data.rglob("*") if path.is_file()}


def paths(catalog: Catalog, at: Any = None) -> set[str]:
    """Every data file in the catalog."""
    return {file.path for table in catalog.tables(at) for file in catalog.files(table, at)}
