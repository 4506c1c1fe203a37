"""Encoding and decoding Protobuf: compared with Protobuf's own classes, for every kind and table."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.errors import SchemaError
from netlake.schema import SCALARS, Table, arrow, proto
from netlake.sinks import protobuf_encode
from netlake.sinks.protobuf import encode, pieces, read, stream_header, write_stream
from tests.sinks.oracle import ROW, SETTINGS, SLOW, TABLE, batch, complete, message, row, rows_of, sample, split


def check(table: Table, rows: list[dict[str, Any]]) -> None:
    """The bytes equal those of Protobuf's classes, which parse them; and decoding returns the rows."""
    made = batch(table, rows)
    data = bytes(encode(table, made))
    expected = [message(table, values) for values in rows]
    for found, own in zip(split(data), expected, strict=True):
        parsed = proto.message(table)()
        parsed.ParseFromString(found)
        assert parsed == own
        assert found == own.SerializeToString(deterministic=True)
    head, batches = read(io.BytesIO(stream_header(table) + data), table)
    assert head.table == table.name
    assert pa.Table.from_batches(batches, arrow.schema(table)).equals(pa.Table.from_batches([made]))


# one kind of each stored type, as equal stored types are encoded alike; all kinds are tested below
STORED = {(scalar.arrow, scalar.proto): kind for kind, scalar in SCALARS.items()}


@pytest.mark.parametrize("kind", STORED.values())
@SETTINGS
@given(st.data())
def test_every_kind_round_trips(kind: str, data: st.DataObject) -> None:
    table = sample(kind)
    check(table, data.draw(st.lists(row(table), max_size=4)))


@pytest.mark.parametrize("table", tables.declared(), ids=lambda table: table.name)
@settings(deadline=None, max_examples=4, suppress_health_check=SLOW)
@given(st.data())
def test_every_table_round_trips(table: Table, data: st.DataObject) -> None:
    check(table, data.draw(st.lists(row(table), max_size=3)))


def filled(made: Any) -> None:
    """Check that every field of the message, at any depth, is set to a value other than its default."""
    for field in made.DESCRIPTOR.fields:
        items = getattr(made, field.name)
        items = items if field.is_repeated else [items]
        assert len(items)
        for item in items:
            if field.message_type is None or field.message_type.full_name == "google.protobuf.Timestamp":
                assert item != (field.default_value if field.message_type is None else type(item)()), field.full_name
            else:
                filled(item)


@pytest.mark.parametrize("table", [*tables.declared(), *map(sample, SCALARS)], ids=lambda table: table.name)
def test_every_column_of_every_table_round_trips(table: Table) -> None:
    values = complete(table)
    for found in split(bytes(encode(table, batch(table, [values, values])))):
        filled(proto.message(table).FromString(found))
    check(table, [values, values])


PROGRAM = """
import importlib, json, sys
from google.protobuf import json_format
import netlake_pb2
def messages(data):
    at = 0
    while at < len(data):
        size = shift = 0
        while True:
            byte, at = data[at], at + 1
            size, shift = size | (byte & 127) << shift, shift + 7
            if byte < 128: break
        yield data[at:at + size]
        at += size
found = {}
for path in sys.argv[1:]:
    first, *rest = messages(open(path, "rb").read())
    name = netlake_pb2.Header.FromString(first).table
    kind = getattr(netlake_pb2, "".join(part.capitalize() for part in name.split("_")))
    found[name] = [json_format.MessageToDict(kind.FromString(row)) for row in rest]
print(json.dumps(found))
"""


def test_classes_generated_by_protoc_read_files(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    every = (*tables.declared(), *map(sample, SCALARS))
    for table in every:
        (tmp_path / f"{table.name}.proto").write_text(proto.text(table))
    (tmp_path / proto.INDEX).write_text(proto.index_text(every))
    names = [path.name for path in tmp_path.glob("*.proto")]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", "--python_out=.", *names], cwd=tmp_path, check=True
    )
    expected = {}
    for table in every:
        rows = [complete(table)]
        with (tmp_path / f"{table.name}.pb").open("wb") as file:
            assert write_stream(file, table, [batch(table, rows)]) == 1
        expected[table.name] = [json_format.MessageToDict(message(table, values)) for values in rows]
    (tmp_path / "program.py").write_text(PROGRAM)
    streams = sorted(str(path) for path in tmp_path.glob("*.pb"))
    done = subprocess.run([sys.executable, "program.py", *streams], cwd=tmp_path, check=True, capture_output=True)
    assert json.loads(done.stdout) == expected


def dictionaries(rows: pa.RecordBatch) -> pa.RecordBatch:
    """`rows` with their top-level strings as dictionaries."""
    arrays = [c.dictionary_encode() if pa.types.is_string(c.type) else c for c in rows.columns]
    return pa.RecordBatch.from_arrays(arrays, names=rows.schema.names)


def test_dictionaries_slices_and_pieces_give_equal_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = batch(TABLE, [ROW | {"one": None if n % 4 == 0 else f"text {n % 3}", "fault": None} for n in range(20)])
    plain = bytes(encode(TABLE, rows))
    assert bytes(encode(TABLE, dictionaries(rows))) == plain
    again = [bytes(encode(TABLE, made.slice(at, 3))) for at in range(0, 20, 3) for made in (rows,)]
    assert b"".join(again) == plain
    assert b"".join(bytes(encode(TABLE, dictionaries(rows).slice(at, 7))) for at in range(0, 20, 7)) == plain
    for size in (1, 500, 1 << 20):
        monkeypatch.setattr(protobuf_encode, "PIECE", size)
        assert b"".join(pieces(TABLE, rows)) == plain
        assert bytes(encode(TABLE, rows)) == plain


def test_nan_and_negative_zero_keep_their_bits() -> None:
    table = sample("f64")
    for number in (float("nan"), -0.0):
        made = batch(table, [complete(table) | {"one": number}])
        assert split(bytes(encode(table, made))) == [
            message(table, complete(table) | {"one": number}).SerializeToString(deterministic=True)
        ]


def with_column(name: str, values: pa.Array) -> pa.RecordBatch:
    rows = rows_of(1)
    index = rows.schema.get_field_index(name)
    return rows.set_column(index, name, values)


LIST_OF_NULL = pa.array([[None]], pa.list_(pa.string()))
REFUSED = [
    (lambda: rows_of(1).append_column("other", pa.array([1])), "column other is unknown"),
    (lambda: rows_of(1).append_column("one", pa.array(["x"])), "column one is unknown or given twice"),
    (lambda: rows_of(1).drop_columns("packet"), "column packet is missing"),
    (lambda: with_column("packet", pa.array([1], pa.int32())), "column packet has type int32 instead of int64"),
    (lambda: with_column("packet", pa.array([1], pa.uint64())), "column packet has type uint64"),
    (lambda: with_column("place", pa.array([1], pa.int64())), "column place has type int64"),
    (lambda: with_column("ts", pa.array([1], pa.timestamp("ns", "UTC"))), "column ts has type timestamp[ns"),
    (lambda: with_column("ts", pa.array([1], pa.timestamp("us"))), "column ts has type timestamp[us]"),
    (lambda: with_column("one", pa.array(["x"], pa.large_string())), "column one has type large_string"),
    (lambda: with_column("one", pa.array([b"x"])), "column one has type binary"),
    (lambda: with_column("one", pa.nulls(1)), "column one has type null"),
    (lambda: with_column("many", pa.array([[1]])), "column many has type list<"),
    (lambda: with_column("many", pa.array([None], pa.list_(pa.string()))), "a list of many is null"),
    (lambda: with_column("many", LIST_OF_NULL), "a value in a list of many is null"),
    (lambda: with_column("pair", pa.array([{"one": "x"}])), "column pair has type struct<"),
    (lambda: with_column("ts_nanos", pa.array([1000], pa.int32())), "ts_nanos is outside 0 to 999"),
    (lambda: with_column("many", pa.array([[""] * (protobuf_encode.MOST + 1)])), "a list of many has more than"),
    (lambda: with_column("one", pa.array(["x" * (protobuf_encode.LARGEST + 1)])), "bytes; the limit is"),
]


@pytest.mark.parametrize(("rows", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_invalid_rows_are_refused(rows: Any, message: str) -> None:
    with pytest.raises(SchemaError) as error:
        encode(TABLE, rows())
    assert f"Table {TABLE.name}" in str(error.value)
    assert message in str(error.value)
