"""Every type of DuckDB, alone and nested, in every output format of `netlake sql`.

The expected texts are what DuckDB 2.0 itself prints for the value, except for times, which netlake writes as ISO 8601.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netlake.query.guard import Request
from netlake.query.guard import run as guarded
from netlake.query.output import FORMATS

# type, literal, text in csv, value in json (None: the text)
SCALARS = (
    ("BOOLEAN", "true", "true", True),
    ("TINYINT", "'-1'", "-1", -1),
    ("SMALLINT", "'-1'", "-1", -1),
    ("INTEGER", "'-1'", "-1", -1),
    ("BIGINT", "'-9223372036854775808'", "-9223372036854775808", -(2**63)),
    ("HUGEINT", "'170141183460469231731687303715884105727'", str(2**127 - 1), 2**127 - 1),
    ("UTINYINT", "255", "255", 255),
    ("USMALLINT", "65535", "65535", 65535),
    ("UINTEGER", "4294967295", "4294967295", 4294967295),
    ("UBIGINT", "18446744073709551615", str(2**64 - 1), 2**64 - 1),
    ("UHUGEINT", "'340282366920938463463374607431768211455'", str(2**128 - 1), str(2**128 - 1)),
    ("BIGNUM", "'12345678901234567890123456789012345678901234567890'", "1234567890" * 5, "1234567890" * 5),
    ("FLOAT", "1.5", "1.5", 1.5),
    ("DOUBLE", "1.5", "1.5", 1.5),
    ("DECIMAL(4,1)", "1.5", "1.5", 1.5),
    ("DECIMAL(38,10)", "1.5", "1.5000000000", 1.5),
    ("VARCHAR", "'a,b'", "a,b", "a,b"),
    ("BLOB", "'\\xAA'", "aa", "aa"),
    ("BIT", "'0101'", "0101", "0101"),
    ("DATE", "'2020-01-02'", "2020-01-02", None),
    ("DATE", "'infinity'", "infinity", None),
    ("DATE", "'4000-01-01 (BC)'", "-3999-01-01", None),
    ("TIME", "'01:02:03.5'", "01:02:03.500000", None),
    ("TIME_NS", "'01:02:03.5'", "01:02:03.500000000", None),
    ("TIMETZ", "'01:02:03+02'", "01:02:03+02", None),
    ("TIMESTAMP", "'2020-01-02 03:04:05'", "2020-01-02T03:04:05.000000", None),
    ("TIMESTAMP", "'infinity'", "infinity", None),
    ("TIMESTAMP", "'250000-01-02 03:04:05'", "250000-01-02T03:04:05.000000", None),
    ("TIMESTAMP_S", "'2020-01-02 03:04:05'", "2020-01-02T03:04:05", None),
    ("TIMESTAMP_MS", "'2020-01-02 03:04:05'", "2020-01-02T03:04:05.000", None),
    ("TIMESTAMP_NS", "'2020-01-02 03:04:05'", "2020-01-02T03:04:05.000000000", None),
    ("TIMESTAMPTZ", "'2020-01-02 03:04:05+00'", "2020-01-02T03:04:05.000000Z", None),
    ("TIMESTAMPTZ", "'infinity'", "infinity", None),
    ("TIMESTAMPTZ_NS", "'2020-01-02 03:04:05+00'", "2020-01-02T03:04:05.000000000Z", None),
    ("INTERVAL", "'1 year 2 days 03:04:05'", "1 year 2 days 03:04:05", None),
    ("UUID", "'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001", None),
    ("ENUM('a', 'b')", "'a'", "a", None),
    ("JSON", "'{\"a\":1}'", '{"a":1}', None),
    ("VARIANT", "1", "1", "1"),
    ("GEOMETRY", "'POINT(1 2)'", "POINT (1 2)", None),
    ('"NULL"', "NULL", "", "null"),
)
# nested forms of a value: SQL, JSON with the value's JSON in place of @
NESTED = (
    ("[{0}, NULL]", "[@, null]"),
    ("[{0}, NULL]::{1}[2]", "[@, null]"),
    ("[[{0}], NULL]", "[[@], null]"),
    ("{{'a': {0}, 'INTERVAL': [{0}]}}", '{"a": @, "INTERVAL": [@]}'),
    ("row({0}, 2)", '{"element1": @, "element2": 2}'),
    ("MAP{{'k': {0}}}", '[["k", @]]'),
)
Columns = list[tuple[str, str, object]]


def _columns() -> Iterator[tuple[str, str, object]]:
    """(SQL of a column, its cell in csv, its value in json)."""
    for kind, literal, text, value in SCALARS:
        sql = f"{literal}::{kind}"
        yield sql, text, None if value == "null" else text if value is None else value
        inner = "null" if value == "null" else json.dumps(text if value is None else value)
        for form, shape in NESTED:
            yield form.format(f"({sql})", kind), "", json.loads(shape.replace("@", inner))
        if kind != '"NULL"':
            yield f"MAP{{({sql}): 1}}", "", json.loads(f"[[{inner}, 1]]")
            yield f"union_value(u := ({sql}))", "", ...


@pytest.fixture(scope="module")
def columns() -> Columns:
    return list(_columns())


def _written(lake: Path, path: Path, form: str, columns: Columns) -> bytes:
    """The output of one statement with all columns in two rows, the second of nulls."""
    names = [f"c{place}" for place in range(len(columns))]
    first = ", ".join(f"{sql} AS {name}" for name, (sql, _, _) in zip(names, columns, strict=True))
    request = Request(str(lake), sql=f"FROM (SELECT {first}) UNION ALL SELECT {', '.join('NULL' for _ in names)}",
                      format=form, raw=True)  # fmt: skip
    with path.open("wb") as out:
        assert guarded(request, out) == 0
    return path.read_bytes()


def test_table_of_types_is_complete() -> None:
    """Every type that this DuckDB lists is in SCALARS, or in NESTED, or is another name of one of these."""
    listed = duckdb.sql("SELECT DISTINCT upper(logical_type) FROM duckdb_types()").fetchall()
    tested = {str(duckdb.sql(f"SELECT NULL::{kind}").types[0]).partition("(")[0] for kind, *_ in SCALARS}
    other = {"LIST", "ARRAY", "STRUCT", "TUPLE", "MAP", "UNION", "NULL", "INVALID", "TYPE", "TABLE", "LAMBDA", "ENUM"}
    names = {name for (name,) in listed} - other
    found = {str(duckdb.sql(f'SELECT NULL::"{name}"').types[0]).partition("(")[0] for name in names}
    assert found - tested == set()


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "proto"])
def test_every_type_is_written_in_every_format(lake: Path, tmp_path: Path, columns: Columns, form: str) -> None:
    data = _written(lake, tmp_path / "out", form, columns)
    assert b"MonthDayNano" not in data
    check: dict[str, Callable[[bytes, Columns], None]] = {
        "csv": _cells, "tsv": _cells_of_tsv, "json": _json, "jsonl": _json_lines, "parquet": _parquet, "arrow": _arrow,
        "elasticsearch": _bulk, "markdown": _escaped,
    }  # fmt: skip
    if form in check:
        check[form](data, columns)
    else:  # for people: the texts occur
        for _, text, _ in columns:
            assert text.encode() in data


def _cells(data: bytes, columns: Columns) -> None:
    _, row, nulls = csv.reader(io.StringIO(data.decode()))
    assert set(nulls) == {""}
    for (sql, text, _), cell in zip(columns, row, strict=True):
        assert cell == text or not text, sql


def _cells_of_tsv(data: bytes, columns: Columns) -> None:
    row = data.decode().split("\n")[1].split("\t")
    for (sql, text, _), cell in zip(columns, row, strict=True):
        assert cell == text or not text, sql


def _json(data: bytes, columns: Columns) -> None:
    first, second = json.loads(data)
    assert set(second.values()) == {None}
    for (sql, _, value), found in zip(columns, first.values(), strict=True):
        assert value is ... or found == value, sql


def _json_lines(data: bytes, columns: Columns) -> None:
    first, second, _ = data.split(b"\n")
    _json(b"[%b,%b]" % (first, second), columns)


def _bulk(data: bytes, columns: Columns) -> None:
    """Nulls are left out."""
    _, first, _, second, _ = data.split(b"\n")
    assert json.loads(second) == {"event.dataset": "netlake"}
    found = json.loads(first)
    for place, (sql, _, value) in enumerate(columns):
        assert value is ... or found.get(f"netlake.c{place}") == value, sql


def _escaped(data: bytes, columns: Columns) -> None:
    shown = re.sub(r"\\([\\`*_{}\[\]<>#|~])", r"\1", data.decode())
    for sql, text, _ in columns:
        assert text in shown, sql


def _parquet(data: bytes, columns: Columns) -> None:
    table = pq.read_table(io.BytesIO(data))
    assert table.num_columns == len(columns)
    assert table.num_rows == 2
    _texts(table, columns)


def _arrow(data: bytes, columns: Columns) -> None:
    _texts(pa.ipc.open_stream(data).read_all(), columns)


def _texts(table: pa.Table, columns: Columns) -> None:
    """Values that became text are those of csv."""
    for place, (sql, text, _) in enumerate(columns):
        cells = table.column(place)
        assert cells[1].as_py() is None, sql
        if text and pa.types.is_string(cells.type):
            assert cells[0].as_py() == text, sql


def test_long_cells_do_not_widen_other_rows(lake: Path, tmp_path: Path) -> None:
    statement = "SELECT i, repeat('x', if(i = 5, 20000, 3)) AS wide, 7 AS after FROM range(3000) t(i)"
    path = tmp_path / "out"
    for form in ("table", "text"):
        with path.open("wb") as out:
            assert guarded(Request(str(lake), sql=statement, format=form), out) == 0
        data = path.read_bytes()
        assert data.count(b"x") == 20000 + 2999 * 3
        assert len(data) < 20000 + 3000 * 100


def test_long_names_of_columns_do_not_widen_rows(lake: Path, tmp_path: Path) -> None:
    path, name = tmp_path / "out", "n" * 5000
    statement = f'SELECT i AS "{name}", 7 AS after FROM range(1000) t(i)'  # noqa: S608 - our own name
    for form in ("table", "text"):
        with path.open("wb") as out:
            request = Request(str(lake), sql=statement, format=form)
            assert guarded(request, out) == 0
        assert path.stat().st_size < 1000 * 5000 * (form == "text") + 200_000 + 1000 * 100
