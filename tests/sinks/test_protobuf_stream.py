"""Protobuf files and streams: the sink, and reading corrupt and hostile input."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.errors import InputError, SchemaError
from netlake.schema import Table, proto
from netlake.sinks import protobuf, protobuf_encode, protobuf_read
from netlake.sinks.protobuf import ProtobufSink, encode, read, stream_header, write_stream
from tests.sinks.oracle import ROW, SLOW, TABLE, batch, complete, rows_of, sample, split


def test_some_allows_missing_columns() -> None:
    rows = rows_of(2).select(["packet", "one"])
    file = io.BytesIO()
    assert write_stream(file, TABLE, [rows], some=True) == 2
    head, batches = read(io.BytesIO(file.getvalue()), TABLE)
    back = next(batches)
    assert back.select(["packet", "one"]).to_pylist() == rows.to_pylist()
    assert back["capture"].null_count == 2
    assert head.capture is None


@pytest.mark.parametrize("threads", [1, 2])
def test_sink_writes_one_file_for_each_table(tmp_path: Path, threads: int) -> None:
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


def test_sink_removes_files_after_abort_and_errors(tmp_path: Path) -> None:
    sink = ProtobufSink(tmp_path, "0123abcd")
    sink.write(TABLE, rows_of(3))
    sink.abort()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    sink = ProtobufSink(tmp_path, "0123abcd")
    sink.write(TABLE, rows_of(3))
    sink.write(TABLE, rows_of(3).drop_columns("packet"))
    with pytest.raises(SchemaError, match="column packet is missing"):
        sink.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(ValueError, match="not a capture id"):
        ProtobufSink(tmp_path, "../x")


def stream(count: int = 3) -> bytes:
    return stream_header(TABLE) + bytes(encode(TABLE, rows_of(count)))


def row_count(data: bytes, table: Table | None = TABLE) -> int:
    """Number of rows that can be read from `data`."""
    _, batches = read(io.BytesIO(data), table)
    return sum(rows.num_rows for rows in batches)


def varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])


def one_field(number: int, wire: int, rest: bytes) -> bytes:
    body = varint(number << 3 | wire) + rest
    return stream_header(TABLE) + varint(len(body)) + body


NUMBERS = proto.numbers(TABLE)
MANY = protobuf_encode.MOST
TS = proto.numbers(TABLE)["ts"]
BAD = [
    (b"", InputError, "empty"),
    (b"\x05hello", InputError, "does not start with a netlake header"),
    (b"\x00", InputError, "does not start with a netlake header"),
    (stream()[:-1], InputError, "ends within message 4; the 3 messages before it are complete"),
    (stream_header(TABLE) + b"\xff" * 10, InputError, "message 2 has an invalid length"),
    (stream_header(TABLE) + varint(protobuf_encode.LARGEST + 1), InputError, "message 2 has an invalid length"),
    (one_field(999, 0, b"\x01"), SchemaError, "field 999 is unknown"),
    (one_field(NUMBERS["packet"], 2, b"\x01x"), SchemaError, "field packet does not have the type of its column"),
    (one_field(NUMBERS["packet"], 0, b""), InputError, "extends beyond its end"),
    (one_field(NUMBERS["packet"], 0, b"\xff" * 10), InputError, "more than ten bytes"),
    (one_field(NUMBERS["packet"], 3, b""), InputError, "an invalid number or wire type"),
    (one_field(NUMBERS["place"], 0, varint(1 << 31)), InputError, "place is out of range"),
    (one_field(NUMBERS["one"], 2, b"\x05x"), InputError, "extends beyond its end"),
    (one_field(NUMBERS["one"], 2, b"\x01\xff"), InputError, "one is not UTF-8"),
    (one_field(TS, 2, b"\x02\x18\x01"), InputError, "other than seconds and nanoseconds"),
    (one_field(TS, 2, b"\x06\x10" + varint(1_000_000_000)), InputError, "a time is out of range"),
    (one_field(TS, 2, b"\x08\x08" + varint(1 << 45)), InputError, "a time is out of range"),
    (
        one_field(NUMBERS["many"], 2, (b"\x00" + varint(NUMBERS["many"] << 3 | 2)) * MANY + b"\x00"),
        InputError,
        "values",
    ),
    (one_field(NUMBERS["pair"], 2, b"\x00" + varint(NUMBERS["pair"] << 3 | 2) + b"\x00"), InputError, "occurs twice"),
]


@pytest.mark.parametrize(("data", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_invalid_stream_is_reported(data: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as found:
        row_count(data)
    assert message in str(found.value)


def test_last_value_of_a_scalar_counts() -> None:
    key = varint(NUMBERS["packet"] << 3)
    data = one_field(NUMBERS["packet"], 0, b"\x01" + key + b"\x02")
    assert next(read(io.BytesIO(data), TABLE)[1])["packet"].to_pylist() == [2]
    assert proto.message(TABLE).FromString(split(data)[1]).packet == 2  # type: ignore[attr-defined]


def test_unknown_table_is_reported() -> None:
    with pytest.raises(SchemaError, match="an unknown table 'sample_text'"):
        row_count(stream(), None)


def test_missing_and_corrupt_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read(tmp_path / "none")
    sink = ProtobufSink(tmp_path, "a")
    sink.write(TABLE, rows_of(500))
    sink.close()
    whole = sink.files[TABLE.name].read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:40] + b"\xff" * 40 + whole[80:], whole + b"tail"):
        with pytest.raises(InputError):
            row_count(damaged)


def test_rows_before_corrupt_data_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf_read, "BLOCK", 4096)
    data = stream(200)
    _, batches = read(io.BytesIO(data[:-1]), TABLE)
    found: list[int] = []
    with pytest.raises(InputError, match="ends within message 201; the 200 messages before it are complete"):
        found.extend(number for rows in batches for number in rows["packet"].to_pylist())
    assert found == list(range(199))


@settings(deadline=None, max_examples=100, suppress_health_check=SLOW)
@given(st.data())
def test_random_bytes_give_rows_or_an_error(data: st.DataObject) -> None:
    rows = bytearray(encode(TABLE, rows_of(2)))
    for _ in range(data.draw(st.integers(0, 4))):
        rows[data.draw(st.integers(0, len(rows) - 1))] = data.draw(st.integers(0, 255))
    ending = data.draw(st.binary(max_size=30))
    try:
        assert row_count(stream_header(TABLE) + bytes(rows) + ending) >= 0
    except (InputError, SchemaError):
        return  # any other error fails the test


def test_large_and_many_messages_span_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf_read, "BLOCK", 1000)
    rows = batch(TABLE, [ROW | {"one": "x" * size} for size in (0, 5000, 1, 998, 999, 20_000)])
    _, batches = read(io.BytesIO(stream_header(TABLE) + bytes(encode(TABLE, rows))), TABLE)
    assert pa.Table.from_batches(batches).equals(pa.Table.from_batches([rows]))


def test_header_has_capture_and_source() -> None:
    file = io.BytesIO()
    write_stream(file, TABLE, [], capture="abc", source="/x/ü.pcap")
    head, batches = read(io.BytesIO(file.getvalue()), TABLE)
    assert (head.table, head.capture, head.source) == (TABLE.name, "abc", "/x/ü.pcap")
    assert list(batches) == []
    assert protobuf.SUFFIX == ".pb.zst"
