"""Rows as Protobuf: Protobuf's own classes are the oracle, for every kind and every table, both ways."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.errors import InputError, SchemaError
from netlake.schema import SCALARS, Column, Kind, List, Struct, Table, arrow, proto
from netlake.sinks import protobuf, protobuf_encode, protobuf_read
from netlake.sinks.protobuf import ProtobufSink, encode, header, pieces, read, write_stream

# a busy machine is no fault of the code
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
SETTINGS = settings(deadline=None, max_examples=15, suppress_health_check=SLOW)


def bits(size: int) -> st.SearchStrategy[int]:
    """Whole numbers of so many bits, the ends and small ones often."""
    low, high = -(1 << size - 1), (1 << size - 1) - 1
    return st.sampled_from([low, -1, 0, 1, 127, 128, high]).filter(lambda x: low <= x <= high) | st.integers(low, high)


# times are drawn as microseconds, days as days
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int16": bits(16),
    "int32": bits(32),
    "int64": bits(64),
    "float64": st.floats(allow_nan=False),
    "timestamp": bits(64),
    "date32": bits(32),
    "string": st.text(max_size=12) | st.sampled_from(["", "\0", "ü€𝄞", "a" * 200]),
    "binary": st.binary(max_size=12) | st.sampled_from([b"", b"\0\xff" * 100]),
}


def column(name: str, kind: Kind) -> Column:
    return Column(name, kind, f"The {name}.", why="a test")


def sample(kind: str) -> Table:
    """A table that has `kind` in every way."""
    inner = (column("one", kind), column("many", List(kind)))
    deep = Struct((*inner, column("deep", Struct(inner)), column("deeps", List(Struct(inner)))))
    own = (*inner, column("ts_nanos", "i16"), column("pair", deep), column("pairs", List(deep)))
    return Table(f"sample_{kind}", "One row.", "none", (), own, context="record")


def value(kind: Kind, name: str = "") -> st.SearchStrategy[Any]:
    """A value that is not null."""
    if name == "ts_nanos":
        return st.integers(0, 999)
    if isinstance(kind, List):
        return st.lists(value(kind.element), max_size=3)
    if isinstance(kind, Struct):
        return st.fixed_dictionaries({c.name: maybe(c) for c in kind.columns})
    return VALUES[SCALARS[kind].arrow]


def maybe(column: Column) -> st.SearchStrategy[Any]:
    found = value(column.kind, column.name)
    return found if isinstance(column.kind, List) or not column.null else st.none() | found


def row(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({c.name: maybe(c) for c in table.all_columns})


@cache
def numbered(kind: pa.DataType) -> pa.DataType:
    """`kind` with times and days as whole numbers, as values are drawn."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_date(kind):
        return pa.int32()
    if pa.types.is_list(kind):
        return pa.list_(numbered(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, numbered(field.type)) for field in kind])
    return kind


def stored(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """`values` of the type `numbered(kind)` as `kind`; Arrow has no cast from numbers inside of lists."""
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(values.offsets, stored(values.values, kind.value_type), type=kind)
    if pa.types.is_struct(kind):
        children = [stored(values.field(index), kind.field(index).type) for index in range(kind.num_fields)]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=values.is_null())
    return values.view(kind) if pa.types.is_temporal(kind) else values


def batch(table: Table, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    schema = arrow.schema(table)
    arrays = [stored(pa.array([r[f.name] for r in rows], numbered(f.type)), f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def message(table: Table, values: dict[str, Any]) -> Any:
    """The row by Protobuf's own class, set field by field."""
    made = proto.message(table)()
    fill(made, table.all_columns, values, values.get("ts_nanos") or 0)
    return made


def fill(made: Any, columns: tuple[Column, ...], values: dict[str, Any], nanos: int = 0) -> None:
    for c in columns:
        found = values[c.name]
        if isinstance(c.kind, List):
            for item in found:
                put(getattr(made, c.name), c.kind.element, item, None)
        elif found is not None:
            put(made, c.kind, found, c.name, nanos if c.name == "ts" else 0)


def put(target: Any, kind: Kind, found: Any, name: str | None, nanos: int = 0) -> None:
    """Set field `name` of `target`, or (None) append to the repeated field that it is."""
    if isinstance(kind, Struct):
        inner = target.add() if name is None else getattr(target, name)
        inner.SetInParent()
        fill(inner, kind.columns, found)
    elif SCALARS[str(kind)].arrow == "timestamp":
        inner = target.add() if name is None else getattr(target, name)
        inner.SetInParent()
        inner.seconds, inner.nanos = found // 1_000_000, found % 1_000_000 * 1000 + nanos
    elif name is None:
        target.append(found)
    else:
        setattr(target, name, found)


def split(data: bytes) -> list[bytes]:
    """The messages in `data`."""
    found, at = [], 0
    while at < len(data):
        size = shift = 0
        while True:
            byte, at = data[at], at + 1
            size, shift = size | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        found.append(data[at : at + size])
        at += size
    return found


def check(table: Table, rows: list[dict[str, Any]]) -> None:
    """Written as Protobuf's classes write it, read by them as it was, and read back by us."""
    made = batch(table, rows)
    data = bytes(encode(table, made))
    expected = [message(table, values) for values in rows]
    for found, own in zip(split(data), expected, strict=True):
        parsed = proto.message(table)()
        parsed.ParseFromString(found)
        assert parsed == own
        assert found == own.SerializeToString(deterministic=True)
    head, batches = read(io.BytesIO(header(table) + data), table)
    assert head.table == table.name
    assert pa.Table.from_batches(batches, arrow.schema(table)).equals(pa.Table.from_batches([made]))


# one kind of each stored type: what is stored alike is written alike (and every kind comes through below)
STORED = {(scalar.arrow, scalar.proto): kind for kind, scalar in SCALARS.items()}


@pytest.mark.parametrize("kind", STORED.values())
@SETTINGS
@given(st.data())
def test_every_kind_in_every_way(kind: str, data: st.DataObject) -> None:
    table = sample(kind)
    check(table, data.draw(st.lists(row(table), max_size=4)))


@pytest.mark.parametrize("table", tables.every(), ids=lambda table: table.name)
@settings(deadline=None, max_examples=4, suppress_health_check=SLOW)
@given(st.data())
def test_every_table(table: Table, data: st.DataObject) -> None:
    check(table, data.draw(st.lists(row(table), max_size=3)))


def telling(kind: Kind, name: str = "") -> Any:
    """A value that is not the one that a field has when nothing is set."""
    if isinstance(kind, List):
        return [telling(kind.element), telling(kind.element)]
    if isinstance(kind, Struct):
        return {c.name: telling(c.kind, c.name) for c in kind.columns}
    known = {
        "bool": True,
        "float64": 2.5,
        "timestamp": 1_700_000_000_123_456,
        "string": f"ü {name}",
        "binary": b"\0\xff",
    }
    return known.get(SCALARS[kind].arrow, 1 + sum(map(ord, name)) % 900)


def filled(made: Any) -> None:
    """Every field of the message, at any depth, is there and is not what it would be unset."""
    for field in made.DESCRIPTOR.fields:
        items = getattr(made, field.name)
        items = items if field.is_repeated else [items]
        assert len(items)
        for item in items:
            if field.message_type is None or field.message_type.full_name == "google.protobuf.Timestamp":
                assert item != (field.default_value if field.message_type is None else type(item)()), field.full_name
            else:
                filled(item)


def complete(table: Table) -> dict[str, Any]:
    return {c.name: telling(c.kind, c.name) for c in table.all_columns}


@pytest.mark.parametrize("table", [*tables.every(), *map(sample, SCALARS)], ids=lambda table: table.name)
def test_every_column_of_every_table_comes_through(table: Table) -> None:
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
told = {}
for path in sys.argv[1:]:
    first, *rest = messages(open(path, "rb").read())
    name = netlake_pb2.Header.FromString(first).table
    kind = getattr(netlake_pb2, "".join(part.capitalize() for part in name.split("_")))
    told[name] = [json_format.MessageToDict(kind.FromString(row)) for row in rest]
print(json.dumps(told))
"""


def test_generated_classes_read_it_in_another_process(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    every = (*tables.every(), *map(sample, SCALARS))
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


TABLE = sample("text")
ROW = complete(TABLE)


def rows_of(count: int) -> pa.RecordBatch:
    return batch(TABLE, [ROW | {"packet": number, "one": f"text {number % 3}"} for number in range(count)])


def dictionaries(rows: pa.RecordBatch) -> pa.RecordBatch:
    """`rows` with their top-level strings as dictionaries."""
    arrays = [c.dictionary_encode() if pa.types.is_string(c.type) else c for c in rows.columns]
    return pa.RecordBatch.from_arrays(arrays, names=rows.schema.names)


def test_dictionaries_slices_and_pieces_write_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_nan_and_minus_zero_keep_their_bits() -> None:
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
    (lambda: rows_of(1).append_column("other", pa.array([1])), "no column other"),
    (lambda: rows_of(1).append_column("one", pa.array(["x"])), "no column one, or it came twice"),
    (lambda: rows_of(1).drop_columns("packet"), "column packet did not come"),
    (lambda: with_column("packet", pa.array([1], pa.int32())), "column packet came as int32, not as int64"),
    (lambda: with_column("packet", pa.array([1], pa.uint64())), "column packet came as uint64"),
    (lambda: with_column("place", pa.array([1], pa.int64())), "column place came as int64"),
    (lambda: with_column("ts", pa.array([1], pa.timestamp("ns", "UTC"))), "column ts came as timestamp[ns"),
    (lambda: with_column("ts", pa.array([1], pa.timestamp("us"))), "column ts came as timestamp[us]"),
    (lambda: with_column("one", pa.array(["x"], pa.large_string())), "column one came as large_string"),
    (lambda: with_column("one", pa.array([b"x"])), "column one came as binary"),
    (lambda: with_column("one", pa.nulls(1)), "column one came as null"),
    (lambda: with_column("many", pa.array([[1]])), "column many came as list<"),
    (lambda: with_column("many", pa.array([None], pa.list_(pa.string()))), "a list of many is null"),
    (lambda: with_column("many", LIST_OF_NULL), "a value in a list of many is null"),
    (lambda: with_column("pair", pa.array([{"one": "x"}])), "column pair came as struct<"),
    (lambda: with_column("ts_nanos", pa.array([1000], pa.int32())), "ts_nanos is not 0 to 999"),
    (lambda: with_column("many", pa.array([[""] * (protobuf_encode.MOST + 1)])), "a list of many has more than"),
    (lambda: with_column("one", pa.array(["x" * (protobuf_encode.LARGEST + 1)])), "bytes as a message"),
]


@pytest.mark.parametrize(("rows", "told"), REFUSED, ids=[told for _, told in REFUSED])
def test_what_does_not_fit_is_refused(rows: Any, told: str) -> None:
    with pytest.raises(SchemaError) as error:
        encode(TABLE, rows())
    assert f"Table {TABLE.name}" in str(error.value)
    assert told in str(error.value)


def test_some_columns_are_enough_where_one_says_so() -> None:
    rows = rows_of(2).select(["packet", "one"])
    file = io.BytesIO()
    assert write_stream(file, TABLE, [rows], some=True) == 2
    head, batches = read(io.BytesIO(file.getvalue()), TABLE)
    back = next(batches)
    assert back.select(["packet", "one"]).to_pylist() == rows.to_pylist()
    assert back["capture"].null_count == 2
    assert head.capture is None


@pytest.mark.parametrize("threads", [1, 2])
def test_the_sink(tmp_path: Path, threads: int) -> None:
    other = sample("u8")
    sink = ProtobufSink(tmp_path, "0123abcd", source="x.pcap", threads=threads)
    for start in range(0, 30, 10):
        sink.write(TABLE, rows_of(30).slice(start, 10))
        sink.write(other, batch(other, [complete(other)] * 2))
    sink.write(sample("u16"), batch(sample("u16"), []))
    assert not list(tmp_path.rglob("*.zst"))
    sink.close()
    assert sink.files == {name: tmp_path / "proto" / name / "0123abcd.pb.zst" for name in (TABLE.name, other.name)}
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(sink.files.values())
    head, batches = read(sink.files[TABLE.name], TABLE)
    assert (head.table, head.capture, head.source) == (TABLE.name, "0123abcd", "x.pcap")
    assert head.created is not None
    assert head.netlake is not None
    assert pa.Table.from_batches(batches).equals(pa.Table.from_batches([rows_of(30)]))
    again = ProtobufSink(tmp_path, "0123abcd")
    again.write(TABLE, rows_of(1))
    again.close()
    with sink.files[TABLE.name].open("rb") as file:
        assert next(read(file, TABLE)[1]).num_rows == 1
    again.abort()
    assert sink.files[TABLE.name].exists()


def test_the_sink_takes_back_what_it_wrote(tmp_path: Path) -> None:
    sink = ProtobufSink(tmp_path, "0123abcd")
    sink.write(TABLE, rows_of(3))
    sink.abort()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    sink = ProtobufSink(tmp_path, "0123abcd")
    sink.write(TABLE, rows_of(3))
    sink.write(TABLE, rows_of(3).drop_columns("packet"))
    with pytest.raises(SchemaError, match="column packet did not come"):
        sink.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(ValueError, match="no id of a capture"):
        ProtobufSink(tmp_path, "../x")


def stream(count: int = 3) -> bytes:
    return header(TABLE) + bytes(encode(TABLE, rows_of(count)))


def taken(data: bytes, table: Table | None = TABLE) -> int:
    """The rows that can be read of `data`."""
    _, batches = read(io.BytesIO(data), table)
    return sum(rows.num_rows for rows in batches)


def varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])


def one_field(number: int, wire: int, rest: bytes) -> bytes:
    body = varint(number << 3 | wire) + rest
    return header(TABLE) + varint(len(body)) + body


NUMBERS = proto.numbers(TABLE)
MANY = protobuf_encode.MOST
TS = proto.numbers(TABLE)["ts"]
BAD = [
    (b"", InputError, "empty"),
    (b"\x05hello", InputError, "does not begin with a netlake header"),
    (b"\x00", InputError, "does not begin with a netlake header"),
    (stream()[:-1], InputError, "it ends within message 4; the 3 before it are whole"),
    (header(TABLE) + b"\xff" * 10, InputError, "message 2 has a length that cannot be"),
    (header(TABLE) + varint(protobuf_encode.LARGEST + 1), InputError, "message 2 has a length that cannot be"),
    (one_field(999, 0, b"\x01"), SchemaError, "field 999 is not known here"),
    (one_field(NUMBERS["packet"], 2, b"\x01x"), SchemaError, "field packet is not of its column's type"),
    (one_field(NUMBERS["packet"], 0, b""), InputError, "goes beyond its end"),
    (one_field(NUMBERS["packet"], 0, b"\xff" * 10), InputError, "more than ten bytes"),
    (one_field(NUMBERS["packet"], 3, b""), InputError, "a form that Protobuf has not"),
    (one_field(NUMBERS["place"], 0, varint(1 << 31)), InputError, "place does not fit its column"),
    (one_field(NUMBERS["one"], 2, b"\x05x"), InputError, "goes beyond its end"),
    (one_field(NUMBERS["one"], 2, b"\x01\xff"), InputError, "one is not UTF-8"),
    (one_field(TS, 2, b"\x02\x18\x01"), InputError, "not its seconds or nanoseconds"),
    (one_field(TS, 2, b"\x06\x10" + varint(1_000_000_000)), InputError, "beyond what can be stored"),
    (one_field(TS, 2, b"\x08\x08" + varint(1 << 45)), InputError, "beyond what can be stored"),
    (
        one_field(NUMBERS["many"], 2, (b"\x00" + varint(NUMBERS["many"] << 3 | 2)) * MANY + b"\x00"),
        InputError,
        "values lie in",
    ),
    (one_field(NUMBERS["pair"], 2, b"\x00" + varint(NUMBERS["pair"] << 3 | 2) + b"\x00"), InputError, "stands twice"),
]


@pytest.mark.parametrize(("data", "error", "told"), BAD, ids=[told for _, _, told in BAD])
def test_what_cannot_be_read_is_told(data: bytes, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as found:
        taken(data)
    assert told in str(found.value)


def test_the_last_of_a_scalar_counts_as_in_protobuf() -> None:
    key = varint(NUMBERS["packet"] << 3)
    data = one_field(NUMBERS["packet"], 0, b"\x01" + key + b"\x02")
    assert next(read(io.BytesIO(data), TABLE)[1])["packet"].to_pylist() == [2]
    assert proto.message(TABLE).FromString(split(data)[1]).packet == 2  # type: ignore[attr-defined]


def test_a_table_that_is_not_known_is_told() -> None:
    with pytest.raises(SchemaError, match="a table 'sample_text', which is not known here"):
        taken(stream(), None)


def test_a_file_that_is_not_there_or_damaged_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read(tmp_path / "none")
    sink = ProtobufSink(tmp_path, "a")
    sink.write(TABLE, rows_of(500))
    sink.close()
    whole = sink.files[TABLE.name].read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:40] + b"\xff" * 40 + whole[80:], whole + b"tail"):
        with pytest.raises(InputError):
            taken(damaged)


def test_rows_before_the_damage_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf_read, "BLOCK", 4096)
    data = stream(200)
    _, batches = read(io.BytesIO(data[:-1]), TABLE)
    found: list[int] = []
    with pytest.raises(InputError, match="it ends within message 201; the 200 before it are whole"):
        found.extend(number for rows in batches for number in rows["packet"].to_pylist())
    assert found == list(range(199))


@settings(deadline=None, max_examples=100, suppress_health_check=SLOW)
@given(st.data())
def test_hostile_bytes_are_rows_or_an_error(data: st.DataObject) -> None:
    rows = bytearray(encode(TABLE, rows_of(2)))
    for _ in range(data.draw(st.integers(0, 4))):
        rows[data.draw(st.integers(0, len(rows) - 1))] = data.draw(st.integers(0, 255))
    ending = data.draw(st.binary(max_size=30))
    try:
        assert taken(header(TABLE) + bytes(rows) + ending) >= 0
    except (InputError, SchemaError):
        return  # any other error fails the test


def test_large_and_many_messages_cross_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf_read, "BLOCK", 1000)
    rows = batch(TABLE, [ROW | {"one": "x" * size} for size in (0, 5000, 1, 998, 999, 20_000)])
    _, batches = read(io.BytesIO(header(TABLE) + bytes(encode(TABLE, rows))), TABLE)
    assert pa.Table.from_batches(batches).equals(pa.Table.from_batches([rows]))


def test_what_one_says_of_a_stream_stands_in_its_header() -> None:
    file = io.BytesIO()
    write_stream(file, TABLE, [], capture="abc", source="/x/ü.pcap")
    head, batches = read(io.BytesIO(file.getvalue()), TABLE)
    assert (head.table, head.capture, head.source) == (TABLE.name, "abc", "/x/ü.pcap")
    assert list(batches) == []
    assert protobuf.SUFFIX == ".pb.zst"
