"""`netlake.Lake`: SQL, Polars frames and lists of tables and captures."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import lakes
import polars as pl
import pyarrow as pa
import pytest

from netlake import Lake, LakeError, QueryError, tables
from netlake.layers.pools import parse_ip, sortable
from netlake.query.network import macro
from netlake.schema import Column, List, Struct, Table


def test_answer_has_every_form(lake: Path) -> None:
    with Lake(lake) as opened:
        answer = opened.sql("SELECT number, word FROM sample WHERE number BETWEEN 99 AND 101 ORDER BY number")
        rows = [(100, None), (101, "word 1")]
        assert answer.columns == ["number", "word"]
        assert answer.rows() == rows
        assert list(answer) == rows
        assert answer.pl().rows() == rows
        assert answer.arrow().to_pylist() == [{"number": number, "word": word} for number, word in rows]
        assert pa.table(answer).num_rows == len(pl.DataFrame(answer)) == 2
        assert sum(batch.num_rows for batch in opened.sql("FROM sample").batches(rows=7)) == 40


def test_answers_are_independent(lake: Path) -> None:
    with Lake(lake) as opened:
        few = opened.sql("SELECT number FROM sample WHERE number = 305")
        streamed = opened.sql("FROM sample").batches(rows=3)
        next(iter(streamed))
        assert opened.sql("SELECT count(*) FROM sample").rows() == [(40,)]
        # its view covers one file, that of the later statement all files
        assert few.rows() == [(305,)]
        assert sum(batch.num_rows for batch in streamed) > 0


def test_times_are_utc_in_any_local_time_zone(lake: Path) -> None:
    code = (
        "import sys, netlake; lake = netlake.Lake(sys.argv[1]);"
        "print(lake.sql(\"SELECT min(ts)::VARCHAR, date_trunc('day', max(ts))::VARCHAR FROM sample\").rows(),"
        " lake.scan('sample').select('ts').collect().dtypes)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(lake)],
        env={**os.environ, "TZ": "America/New_York"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "[('2024-02-28 23:55:00+00', '2024-02-29 00:00:00+00')]" in ran.stdout
    assert "time_zone='UTC'" in ran.stdout


def test_declared_table_missing_in_lake_is_empty(lake: Path) -> None:
    with Lake(lake) as opened:
        assert opened.sql("SELECT count(*), min(query_name) FROM dns").rows() == [(0, None)]
        assert opened.scan("dns").collect().is_empty()
        assert "query_name" in opened.columns("dns")
        assert opened.sql("SELECT count(*) FROM ethernet_joined WHERE dst_port = 53").rows() == [(0,)]


def test_unknown_name_is_reported_with_nearest_names(lake: Path) -> None:
    with Lake(lake) as opened:
        with pytest.raises(QueryError, match="There is no table smaple; nearest are sample"):
            opened.sql("FROM smaple")
        with pytest.raises(QueryError, match="nearest are sample"):
            opened.scan("smaple")
        with pytest.raises(QueryError, match=r'numbr.*"number"'):
            opened.sql("SELECT numbr FROM sample")
        with pytest.raises(QueryError, match="Parser Error"):
            opened.sql("SELCT 1")
        with pytest.raises(QueryError, match="no statement"):
            opened.sql("")
    with pytest.raises(LakeError, match="none"):
        Lake(lake.parent / "none")


def test_tables_are_found_in_any_statement(lake: Path) -> None:
    statements = [
        'SELECT count(*) FROM "SAMPLE"',
        "SELECT count(*) FROM main.sample AS s",
        "SELECT count(*) FROM query('FROM sample')",
        "SELECT (SELECT count(*) FROM sample)",
        "CREATE TEMP TABLE mine AS FROM sample; SELECT count(*) FROM mine",
        "WITH sample AS (FROM sample) SELECT count(*) FROM sample",
        "SELECT sum(n) FROM (PIVOT sample ON flag USING count(*) AS n) UNPIVOT (n FOR x IN (COLUMNS('_n')))",
    ]
    with Lake(lake) as opened:
        assert [opened.sql(statement).rows() for statement in statements] == [[(40,)]] * len(statements)
        assert ("sample",) in opened.sql("SHOW TABLES").rows()


def test_unknown_table_does_not_match_python_variable(lake: Path) -> None:
    with Lake(lake) as opened, pytest.raises(QueryError, match="There is no table cursor"):
        opened.sql("FROM cursor")


def test_scan_returns_rows_of_table(lake: Path) -> None:
    with Lake(lake) as opened:
        frame = opened.scan("sample").filter(pl.col("number") > 305).select("number", "things").collect()
        assert frame["number"].to_list() == [306, 307, 308, 309]
        assert frame["things"].to_list()[1] == [{"name": "n7", "size": 7, "raw": b"\0"}]
        assert opened.scan("sample").collect().rows() == opened.sql("FROM sample").rows()


def test_connect_returns_separate_connection(lake: Path) -> None:
    with Lake(lake) as opened:
        connection = opened.connect()
        connection.execute("CREATE TABLE mine AS SELECT number FROM sample WHERE number < 3")
        assert connection.sql("SELECT count(*) FROM mine").fetchall() == [(3,)]
        connection.close()
        with pytest.raises(QueryError, match="nearest"):
            opened.connect("smaple")


def test_lake_lists_tables_captures_and_columns(lake: Path) -> None:
    with Lake(lake) as opened:
        assert opened.tables == {"sample": 40}
        assert [facts.path for facts in opened.captures][:1] == [f"captures/{0:016x}.pcap"]
        assert "4 captures, 1 tables, 40 rows" in repr(opened)
        assert "One row for each sample." in opened._repr_html_()
        assert opened.columns("sample")["number"] == ("BIGINT", "A number.")


def test_repr_of_answer_escapes_untrusted_text(lake: Path) -> None:
    with Lake(lake) as opened:
        answer = opened.sql("SELECT '\x1b[2J<script>' AS \"a<b\", i FROM range(30) r(i)")
        assert "\\x1b[2J<script>" in repr(answer)
        assert repr(answer).endswith("...")
        assert "&lt;script&gt;" in answer._repr_html_()
        assert "a&lt;b" in answer._repr_html_()
        assert "\x1b" not in answer._repr_html_()


def test_lake_at_earlier_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "lake"
    lakes.commit(path, "a" * 16, {lakes.SAMPLE: [{"number": 1}]})
    with Lake(path) as opened:
        before = opened.catalog.snapshot()
        lakes.commit(path, "b" * 16, {lakes.SAMPLE: [{"number": 2}]})
        assert opened.sql("SELECT number FROM sample ORDER BY 1").rows() == [(1,), (2,)]
    with Lake(path, at=before) as opened:
        assert opened.sql("SELECT number FROM sample").rows() == [(1,)]
        assert opened.scan("sample").collect()["number"].to_list() == [1]
    with pytest.raises(LakeError, match="snapshot"):
        Lake(path, at=999)
    with Lake(path, at=dt.datetime.now(dt.UTC)) as opened:
        assert opened.tables == {"sample": 2}


def test_column_missing_in_older_file_is_null(tmp_path: Path) -> None:
    path = tmp_path / "lake"
    old = Table("grows", "One row.", "none", (), (Column("a", "i64", "A."),))
    inner = Struct((Column("x", "i64", "X."),))
    new = Table(
        "grows", "One row.", "none", (), (*old.columns, Column("b", "word", "B."), Column("c", List(inner), "C."))
    )
    lakes.commit(path, "a" * 16, {old: [{"a": 1}]})
    lakes.commit(path, "b" * 16, {new: [{"a": 2, "b": "two", "c": [{"x": 3}]}]})
    expected = [(1, None, None), (2, "two", [{"x": 3}])]
    with Lake(path) as opened:
        assert opened.sql("SELECT a, b, c FROM grows ORDER BY a").rows() == expected
        assert opened.scan("grows").select("a", "b", "c").collect().rows() == expected
        assert opened.sql("SELECT a FROM grows WHERE b IS NULL").rows() == [(1,)]
        assert opened.sql("SELECT a FROM grows WHERE b = 'two'").rows() == [(2,)]


def test_net_returns_addresses_of_network(tmp_path: Path) -> None:
    """IPv4 addresses and IPv4-mapped IPv6 addresses are different."""
    path = tmp_path / "lake"
    known = ["10.0.0.0", "10.0.0.255", "10.0.1.0", "9.255.255.255", "2001:db8::1", "::ffff:10.0.0.7", "fe80::1"]
    rows = [
        {"address": one, "family": len(parse_ip(one)) // 12 * 2 + 4, "sortable": sortable(parse_ip(one))}
        for one in known
    ]
    address = tables.table("address")
    for capture in ("a" * 16, "b" * 16):
        lakes.commit(path, capture, {address: rows, lakes.SAMPLE: [{"src_ip": one} for one in known]})
    with Lake(path) as opened:

        def inside(network: str) -> set[str]:
            statement = "SELECT DISTINCT src_ip FROM sample WHERE src_ip IN (FROM net('{}'))"
            return {row[0] for row in opened.sql(statement.format(network)).rows()}

        assert inside("10.0.0.0/24") == {"10.0.0.0", "10.0.0.255"}
        assert inside("10.0.0.99/8") == {"10.0.0.0", "10.0.0.255", "10.0.1.0"}
        assert inside("0.0.0.0/0") == set(known[:4])
        assert inside("::ffff:0:0/96") == {"::ffff:10.0.0.7"}
        assert inside("::/0") == set(known[4:])
        assert inside("10.0.1.0") == {"10.0.1.0"}
        both = "FROM net('10.0.1.0/32') UNION ALL FROM NET ( 'fe80::/10' )"
        assert sorted(opened.sql(both).rows()) == [("10.0.1.0",), ("fe80::1",)]
        # an address of two captures is one row
        assert opened.sql("SELECT count(*) FROM address").rows() == [(len(known),)]
        with pytest.raises(QueryError, match="is not"):
            opened.sql("FROM net('10.0.0.0/33')")
        with pytest.raises(QueryError, match="literal network"):
            opened.sql("FROM sample, net(src_ip)")


@pytest.mark.parametrize("bad", ["nonsense", "10.0.0.0/33", "::/129", "10.0.0.0/-1"])
def test_invalid_network_is_reported(bad: str) -> None:
    with pytest.raises(QueryError, match="is not"):
        macro([bad])
    with pytest.raises(QueryError, match="literal network"):
        macro([])
