"""Output formats: values are read back unchanged, and untrusted text cannot control a terminal."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import io
import json
import math
import re
from typing import Any

import lakes
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.errors import QueryError
from netlake.query import output
from netlake.query.output import text
from netlake.query.output.visible import harmless
from netlake.schema import arrow

HOSTILE = [
    "plain", "a,b", 'say "x"', "two\nlines", "cr\rlf\r\n", "tab\there", "nul\x00", "esc\x1b[31m", "c1\x9b2J", "del\x7f",
    "=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "bidi\u202eevil", "\u2066x\u2069", "\u2028", "\ufeff",
    "back\\slash", "\\n", "", " ", " padded ", "é", "日本", "\U0001f600", "'", "\x85", "a" * 5000,
]  # fmt: skip
CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), max_size=12)


def written(name: str, table: pa.Table, style: output.Style | None = None, rows: int = 3) -> bytes:
    """`table` in format `name`, written in batches of `rows`."""
    out = io.BytesIO()
    writer = output.writer(name, out, table.schema, style or output.Style())
    for part in table.to_batches(max_chunksize=rows):
        writer.write(part)
    writer.close()
    return out.getvalue()


def as_csv(data: bytes) -> list[list[str]]:
    """Parse CSV with Python's csv module."""
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def every_kind() -> pa.Table:
    """A table with every kind of column, with nulls."""
    word, things = HOSTILE * 2, [{"name": name, "size": 2**32 - 1, "raw": b"\x00\xff"} for name in HOSTILE[:9]]
    rows: list[dict[str, Any]] = [
        {
            "number": (-1) ** index * 2**62, "small": index % 256, "word": name, "payload": name.encode(),
            "flag": index % 2 == 0, "ratio": [0.1, -1e300, 0.0, 1e-9][index % 4], "things": things[: index % 10],
            "codes": list(range(index % 4)), "ts": lakes.START + dt.timedelta(microseconds=index),
        }
        for index, name in enumerate(word)
    ]  # fmt: skip
    rows.append({"ts": None, "things": [{"name": None, "size": None, "raw": None}]})
    rows.append({"ratio": math.nan})
    return pa.Table.from_batches([lakes.batch(lakes.SAMPLE, "f" * 16, rows)])


def plain(value: Any) -> Any:
    """A value as JSON data."""
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return None if not math.isfinite(value) else value
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {name: plain(one) for name, one in value.items()} if isinstance(value, dict) else value


def cell(value: Any) -> str:
    """A value as text of a cell."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "JSON" + json.dumps(plain(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nan" if isinstance(value, float) and math.isnan(value) else str(plain(value))


def same_cell(found: str, value: Any) -> bool:
    """Whether a cell equals `value`; numbers and JSON are compared by value."""
    if isinstance(value, float) and not math.isnan(value):
        return float(found) == value
    if isinstance(value, list):
        return bool(json.loads(found) == plain(value))
    return found == cell(value)


def test_csv_round_trip_of_every_kind() -> None:
    table = every_kind()
    head, *lines = as_csv(written("csv", table, output.Style(raw=True)))
    assert head == table.column_names
    rows = table.to_pylist()
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        wrong = [(name, at) for name, at in zip(head, line, strict=True) if not same_cell(at, row[name])]
        assert wrong == []


@given(st.lists(st.tuples(TEXTS, st.none() | TEXTS), min_size=1, max_size=8))
def test_csv_round_trip_of_any_text(rows: list[tuple[str, str | None]]) -> None:
    table = pa.table({"a,b": [row[0] for row in rows], "=x": pa.array([row[1] for row in rows], pa.string())})
    _, *lines = as_csv(written("csv", table, output.Style(raw=True)))
    assert lines == [[first, second or ""] for first, second in rows]


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_tsv_round_trip_of_any_text(words: list[str]) -> None:
    lines = written("tsv", pa.table({"a": words, "b": words}), output.Style(raw=True)).decode().split("\n")
    assert lines[0] == "a\tb"
    back = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
    cells = [[re.sub(r"\\.", lambda match: back[match[0]], one) for one in line.split("\t")] for line in lines[1:-1]]
    assert cells == [[word, word] for word in words]


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_json_round_trip_of_any_text(words: list[str]) -> None:
    table = pa.table({'"k\n': words, "n": [[{"x": word}] for word in words]})
    expected = [{'"k\n': word, "n": [{"x": word}]} for word in words]
    assert json.loads(written("json", table)) == expected
    data = written("jsonl", table).decode()
    assert [json.loads(line) for line in data.removesuffix("\n").split("\n")] == expected
    assert not CONTROLS.search(data)


def test_json_round_trip_of_every_kind() -> None:
    table = every_kind()
    expected = [plain(row) for row in table.to_pylist()]
    assert json.loads(written("json", table)) == expected
    assert [json.loads(line) for line in written("jsonl", table).splitlines()] == expected
    assert json.loads(written("json", table.slice(0, 0))) == []


@pytest.mark.parametrize("name", ["table", "text", "csv", "tsv", "json", "jsonl"])
def test_control_characters_are_escaped(name: str) -> None:
    words = HOSTILE + [f"{one}{two}" for one in HOSTILE[:20] for two in HOSTILE[:20]]
    table = pa.table({"\x1b]0;x\x07": words, "things": [[{"\x1bn": word}] for word in words]})
    found = written(name, table).decode()
    assert not CONTROLS.search(found)
    if name in ("table", "text", "tsv", "json", "jsonl"):
        assert "\r" not in found


@settings(max_examples=200)
@given(word=TEXTS, spaces=st.booleans())
def test_escaping_of_columns_and_single_values_is_equal(*, word: str, spaces: bool) -> None:
    found = text.harmless(pa.array([word, None, "plain"]), spaces=spaces).to_pylist()
    assert found[1:] == [None, "plain"]
    assert not CONTROLS.search(found[0])
    if not spaces:
        assert found[0] == harmless(word)
    if harmless(word) == word:
        assert found[0] == word


def test_formulas_are_escaped_in_text_columns_only() -> None:
    table = pa.table({
        "=head": ["=1+1", "+x", "-x", "@x", "\t=1", "\r=1", "safe", None, ""],
        "number": [-1, -2, -3, -4, -5, -6, -7, -8, -9],
        "ratio": [-0.5] * 9,
        "nested": [["=1"]] * 9,
    })  # fmt: skip
    head, *lines = as_csv(written("csv", table))
    assert head[0] == "'=head"
    assert [line[0] for line in lines] == ["'=1+1", "'+x", "'-x", "'@x", "'\t=1", "'\r=1", "safe", "", ""]
    assert lines[0][1:] == ["-1", "-0.5", '["=1"]']
    assert written("tsv", table).decode().splitlines()[1].startswith("'=1+1\t-1\t")
    assert as_csv(written("csv", table, output.Style(raw=True)))[1][0] == "=1+1"


def test_null_and_empty_text_differ_in_csv() -> None:
    data = written("csv", pa.table({"a": ["", None], "b": [1, 2]}))
    assert data == b'a,b\n"",1\n,2\n'
    options = pa.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    assert pa.csv.read_csv(io.BytesIO(data), convert_options=options)["a"].to_pylist() == ["", None]
    assert written("csv", pa.table({"a": pa.array(["x", None])})) == b'a\nx\n""\n'


OTHERS: list[tuple[pa.Array, list[str | None], list[Any]]] = [
    (
        pa.array([dt.datetime(2024, 1, 2, tzinfo=dt.UTC)], pa.timestamp("us")),
        ["2024-01-02T00:00:00.000000"],
        ["2024-01-02T00:00:00.000000"],
    ),
    (pa.array([1], pa.timestamp("ns", "UTC")), ["1970-01-01T00:00:00.000000001Z"], ["1970-01-01T00:00:00.000000001Z"]),
    (
        pa.array([0], pa.timestamp("us", "America/New_York")),
        ["1970-01-01T00:00:00.000000Z"],
        ["1970-01-01T00:00:00.000000Z"],
    ),
    (pa.array([decimal.Decimal(10) ** 30], pa.decimal128(38, 0)), ["1" + "0" * 30], [10**30]),
    (pa.array([dt.time(1, 2, 3)], pa.time64("us")), ["01:02:03.000000"], ["01:02:03.000000"]),
    (pa.array(["x", None]).dictionary_encode(), ["x", None], ["x", None]),
    (pa.array([None], pa.null()), [None], [None]),
    (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())), ['[["k",1]]'], [[["k", 1]]]),
    (pa.array([[1, 2]], pa.list_(pa.int32(), 2)), ["[1,2]"], [[1, 2]]),
    (pa.array([[1], None], pa.large_list(pa.int32())), ["[1]", None], [[1], None]),
    (pa.array(["é"], pa.large_string()), ["é"], ["é"]),
    (pa.array([math.inf, -math.inf]), ["inf", "-inf"], [None, None]),
    (pa.array([2**64 - 1], pa.uint64()), [str(2**64 - 1)], [2**64 - 1]),
    (pa.array([{"a": None}, None], pa.struct([("a", pa.int8())])), ['{"a":null}', None], [{"a": None}, None]),
    (pa.array([{}], pa.struct([])), ["{}"], [{}]),
    (pa.array([[[]], [[1], None]], pa.list_(pa.list_(pa.int8()))), ["[[]]", "[[1],null]"], [[[]], [[1], None]]),
]


@pytest.mark.parametrize(("values", "cells", "plain_values"), OTHERS, ids=[str(case[0].type) for case in OTHERS])
def test_other_arrow_types_of_sql_results(values: pa.Array, cells: list[str], plain_values: list[Any]) -> None:
    assert text.plain(values).to_pylist() == cells
    assert [json.loads(one) for one in text.json_text(values).to_pylist()] == plain_values
    # the offset of a slice is respected
    twice = pa.concat_arrays([values, values])[len(values) :]
    assert text.plain(twice).to_pylist() == cells
    assert [json.loads(one) for one in text.json_text(twice).to_pylist()] == plain_values


def test_parquet_and_arrow_round_trip() -> None:
    table = every_kind()
    table = table.slice(0, table.num_rows - 1)  # without the last row, whose NaN is not equal to itself
    assert pq.read_table(io.BytesIO(written("parquet", table))).equals(table)
    assert pa.ipc.open_stream(written("arrow", table)).read_all().equals(table)
    assert pq.read_table(io.BytesIO(written("parquet", table.slice(0, 0)))).num_rows == 0


def test_table_is_aligned_and_fits_terminal() -> None:
    table = pa.table({"number": [1, 22], "word": ["日本", "x"], "long": ["y" * 200, None]})
    lines = written("table", table).decode().splitlines()
    assert lines[0].split() == ["number", "word", "long"]
    assert lines[2].startswith("     1  日本  yyy")
    assert lines[3] == "    22  x"
    narrow = written("table", table, output.Style(width=20)).decode().splitlines()
    assert narrow[0] == "number  word"
    assert narrow[-1] == "(1 more columns: long; --format text shows all)"
    wide = written("table", table, output.Style(width=100)).decode().splitlines()
    assert wide[2].endswith("y…")
    assert written("table", table.slice(0, 0)).decode().splitlines()[0].split() == ["number", "word", "long"]


def test_table_streams_after_sample() -> None:
    out = io.BytesIO()
    table = pa.table({"n": list(range(5000))})
    writer = output.writer("table", out, table.schema, output.Style())
    writer.write(table.to_batches()[0])
    assert out.getvalue().count(b"\n") == 5002
    assert writer.waiting == []  # type: ignore[attr-defined]


def test_text_omits_nulls_and_separates_rows() -> None:
    table = pa.table({"a": [1, None], "long": ["x\ny", "z"]})
    assert written("text", table, rows=1) == b"a     1\nlong  x\\ny\n\nlong  z\n"


def test_large_batches_are_rendered_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"a": ["x" * 100] * 50})
    monkeypatch.setattr(text, "BYTES", 500)
    assert max(part.num_rows for part in text.portions(table.to_batches()[0])) < 5
    assert written("csv", table, rows=50).count(b"\n") == 51
    assert len(json.loads(written("json", table, rows=50))) == 50


def test_proto_needs_declared_table() -> None:
    with pytest.raises(QueryError, match="No message is declared for rows of sample"):
        output.writer("proto", io.BytesIO(), arrow.schema(lakes.SAMPLE), output.Style(table="sample"))
