"""Pruning: a statement returns the same rows with and without it, and files are skipped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import lakes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import Lake
from netlake.errors import QueryError
from netlake.lake.facts import Range
from netlake.query import pruning

IDS = {"packet": 4, "word": 32, "ts": 2, "day": 1, "flag": 33, "nothing": 34, "ratio": 35}
NOON = dt.datetime(2024, 2, 28, 12, tzinfo=dt.UTC)
FILE = {
    4: Range(10, 20, 0, 5),
    32: Range("b", "d", 1, 4),
    2: Range(NOON, NOON + dt.timedelta(hours=1), 0, 5),
    1: Range(dt.date(2024, 2, 28), dt.date(2024, 2, 28), 0, 5),
    33: Range(False, False, 0, 5),
    34: Range(None, None, 5, 0),
    35: Range(0.5, 1.5, 0, 5),
}

# (filter as printed in the plan, whether a file with the ranges above can contain a matching row)
FILTERS = [
    ("(packet = 15)", True),
    ("(packet = 9)", False),
    ("(packet = 21)", False),
    ("(packet > 20)", False),
    ("(packet >= 20)", True),
    ("(packet < 10)", False),
    ("(packet <= 10)", True),
    ("(packet = -1)", False),
    ("(21 <= packet)", False),
    ("(9 > packet)", False),
    ("((packet >= 3) AND (packet <= 9))", False),
    ("((packet >= 3) AND (packet <= 10))", True),
    ("((packet = 3) OR (packet = 15))", True),
    ("((packet = 3) OR (packet = 4))", False),
    ("optional: (packet = 3)", False),
    ("optional: ((packet = 3) OR (packet = 4))", False),
    ("optional: (word IN ('x', 'y'))", False),
    ("optional: (word IN ('x', 'c'))", True),
    ("optional: Dynamic Filter (ts)", True),
    ("(word = 'a')", False),
    ("(word = 'c''d')", True),
    ("(word = 'é')", False),
    ("(word IS NULL)", True),
    ("(packet IS NULL)", False),
    ("(nothing IS NOT NULL)", False),
    ("(nothing = 3)", False),
    ("(nothing IS NULL)", True),
    ("(ts >= '2024-02-28 13:00:00.000001+00'::TIMESTAMP WITH TIME ZONE)", False),
    ("(ts >= '2024-02-28 13:00:00+00'::TIMESTAMP WITH TIME ZONE)", True),
    ("(day = '2024-02-27'::DATE)", False),
    ("(day = '2024-02-28'::DATE)", True),
    ("(flag = true)", False),
    ("(flag = false)", True),
    # as DuckDB 1.5 prints them
    ("packet>=3 AND packet<=9", False),
    ("packet>=3 AND packet<=10", True),
    ("packet=3 OR packet=15", True),
    ("word='a'", False),
    ("packet=3 AND word='c' OR packet=15", True),
    ("(packet=3 AND word='c' OR packet=15)", True),
    # text outside the grammar prunes nothing
    ("flag", True),
    ("(word != 'c')", True),
    ("(packet = '9')", True),
    ("(packet = 9.0)", True),
    ("(packet > 1e300)", True),
    ("(ratio > 5.0)", True),
    ("(unknown = 3)", True),
    ("(NOT (packet = 15))", True),
    ("((packet = 9) IS NOT TRUE)", True),
    ("((packet % 2) = 0)", True),
    ("(day(ts) = 9)", True),
    ("(packet = (9 + 6))", True),
    ("(ts < 'infinity'::TIMESTAMP WITH TIME ZONE)", True),
    ("(day > '0044-03-15 (BC)'::DATE)", True),
    ("(word = 'a'", True),
    ("(word = 'x') trailing", True),
    # AND with one part outside the grammar: the other part prunes
    ("((len(word) > 3) AND (packet = 9))", False),
    ("((NOT (word = 'c')) AND (packet = 9))", False),
    ("((len(word) > 3) OR (packet = 9))", True),
    # the plan splits a constant at its newlines
    (["(word = 'a", "(packet = 9)", "b')"], True),
    (["(word = 'a", "b')", "(packet = 9)"], False),
    (["(packet = 15)", "(word = 'a')"], False),
]


@pytest.mark.parametrize(("filters", "may"), FILTERS, ids=[str(case[0]) for case in FILTERS])
def test_filter_selects_file(filters: str | list[str], *, may: bool) -> None:
    assert pruning.test(filters, IDS)(FILE) is may


def test_column_names_that_need_quotes_prevent_pruning() -> None:
    assert pruning.test("(packet = 9)", IDS | {"packet = 9) OR (x": 40})(FILE)


def test_file_without_statistics_is_read() -> None:
    for filters, _ in FILTERS:
        assert pruning.test(filters, IDS)({})


@given(st.text("()'= <>ANDORpacketword0123456789:.-IN,\n", max_size=60))
def test_any_filter_text_is_accepted(text: str) -> None:
    assert isinstance(pruning.test(text, IDS)(FILE), bool)


WORDS = [
    "a",
    "b'c",
    "it''s",
    "x\n(number = 5)\ny",
    "",
    "é",
    "\U0001f600",
    "(number = 3)",
    "' OR '1",
    "10.0.0.1",
    "Z",
    "z",
]
MOMENTS = [lakes.START + dt.timedelta(hours=hours) for hours in (-30, -1, 0, 1, 7, 48)]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Eight captures with overlapping ranges, nulls, a column of nulls only, and words with special characters."""
    path = tmp_path_factory.mktemp("mixed") / "lake"
    for index in range(8):
        rows = [
            {
                "number": None if (row + index) % 5 == 0 else (index * 3 + row - 6),
                "small": None if index == 3 else row,
                "word": None if row == 2 else WORDS[(index + row * index) % len(WORDS)],
                "src_ip": f"10.0.0.{index}",
                "ratio": [0.5, float("nan"), -1.0, None][row % 4],
                "flag": None if row == 0 else index % 2 == 0,
                "ts": None if index == 5 else MOMENTS[(index + row % 2) % len(MOMENTS)],
                "codes": [row],
            }
            for row in range(4)
        ]
        lakes.commit(path, f"{index:016x}", {lakes.SAMPLE: rows})
    with Lake(path) as opened:
        yield opened


def literal(text: str) -> str:
    """`text` as SQL."""
    return "'" + text.replace("'", "''") + "'"


VALUES = {
    "number": st.integers(-8, 30).map(str) | st.sampled_from(["2.5", "NULL", "1e1", "9223372036854775807"]),
    "small": st.integers(-1, 5).map(str),
    "packet": st.integers(0, 6).map(str),
    "word": st.sampled_from(WORDS).map(literal),
    "src_ip": st.integers(0, 9).map(lambda last: f"'10.0.0.{last}'"),
    "capture": st.integers(0, 9).map(lambda index: f"'{index:016x}'"),
    "ratio": st.sampled_from(["0.5", "0", "-1", "'nan'::DOUBLE", "'inf'::DOUBLE"]),
    "ts": st.sampled_from([f"TIMESTAMPTZ '{moment}'" for moment in MOMENTS]) | st.just("'infinity'::TIMESTAMPTZ"),
    "day": st.sampled_from([f"DATE '{moment:%Y-%m-%d}'" for moment in MOMENTS]),
}


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    """One condition on one column."""
    column = draw(st.sampled_from(sorted(VALUES)))
    value = VALUES[column]
    shape = draw(st.integers(0, 8))
    if shape < 4:
        operator = draw(st.sampled_from(["=", "<", "<=", ">", ">=", "<>", "IS DISTINCT FROM"]))
        sides = [column, draw(value)]
        return f" {operator} ".join(sides if shape < 3 else sides[::-1])
    if shape == 4:
        return f"{column} IN ({', '.join(draw(st.lists(value, min_size=1, max_size=4)))})"
    if shape == 5:
        return f"{column} BETWEEN {draw(value)} AND {draw(value)}"
    if shape == 6:
        return f"{column} IS {draw(st.sampled_from(['NULL', 'NOT NULL']))}"
    return draw(
        st.sampled_from(
            ["flag", "NOT flag", "number + 1 > 4", "word LIKE '10.%'", "word ILIKE 'z'", "codes[1] = 2",
             "len(word) > 2",
             "src_ip IN (SELECT src_ip FROM sample WHERE number > 9)", "number = (SELECT max(number) FROM sample)",
             "abs(number) < 3", "ts > now()", "coalesce(small, 3) = 3", "number % 2 = 0"]
        )
    )  # fmt: skip


CONDITIONS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} AND {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} OR {pair[1]})"),
        inner.map(lambda one: f"(NOT ({one}))"),
    ),
    max_leaves=5,
)
SHAPES = [
    "SELECT capture, packet, number, word FROM sample WHERE {0}",
    "SELECT count(*), sum(number), min(word) FROM sample WHERE {0}",
    "SELECT * EXCLUDE (things) FROM sample WHERE {0} ORDER BY number DESC NULLS LAST, capture, packet LIMIT 3",
    "SELECT a.capture, b.packet FROM sample a JOIN sample b ON a.number = b.number WHERE a.{1} = b.{1} AND ({0})",
    "SELECT capture, packet FROM sample WHERE {0} UNION ALL SELECT capture, number FROM sample WHERE number = 5",
    "WITH some AS (FROM sample WHERE {0}) SELECT capture, count(*) FROM some WHERE packet > 1 GROUP BY ALL",
    "SELECT a.capture, b.number FROM sample a LEFT JOIN (FROM sample WHERE {0}) b ON a.number = b.number - 3",
    "SELECT capture, row_number() OVER (ORDER BY capture, packet) FROM sample QUALIFY packet < 3",
]


@settings(max_examples=80)
@given(shape=st.sampled_from(SHAPES), condition=CONDITIONS, column=st.sampled_from(["word", "src_ip", "packet"]))
def test_pruning_does_not_change_rows(mixed: Lake, shape: str, condition: str, column: str) -> None:
    if "a.capture, b.packet" in shape:
        # the condition uses unqualified columns
        condition = f"a.packet IN (SELECT packet FROM sample WHERE {condition})"  # noqa: S608 - made of constants
    statement = shape.format(condition, column)
    try:
        every = mixed.sql(statement, prune=False).rows()
    except QueryError:
        # types that cannot be compared: an error in both cases
        with pytest.raises(QueryError):
            mixed.sql(statement).rows()
        return
    assert sorted(map(repr, mixed.sql(statement).rows())) == sorted(map(repr, every))


OPENED = [
    ("SELECT * FROM sample WHERE number = 305", (1, 8)),
    ("SELECT * FROM sample WHERE number > 195 AND number < 302", (3, 8)),
    ("SELECT * FROM sample WHERE src_ip = '10.0.2.3'", (1, 8)),
    ("SELECT * FROM sample WHERE src_ip IN ('10.0.2.3', '10.0.3.9')", (2, 8)),
    ("SELECT * FROM sample WHERE src_ip LIKE '10.0.1.%'", (2, 8)),
    ("SELECT * FROM sample WHERE capture = '0000000000000001'", (2, 8)),
    ("SELECT * FROM sample WHERE day = DATE '2024-02-29'", (4, 8)),
    ("SELECT * FROM sample WHERE ts < '2024-02-29 01:00:00+01' AND capture > '0000000000000001'", (2, 8)),
    ("SELECT * FROM sample WHERE number = 3 UNION ALL SELECT * FROM sample WHERE number = 305", (2, 8)),
    ("SELECT * FROM sample WHERE number = 3 UNION ALL SELECT * FROM sample", (8, 8)),
    ("SELECT * FROM sample a JOIN sample b USING (number) WHERE a.number = 305", (1, 8)),
    ("SELECT * FROM sample WHERE number = 305 OR length(word) = 3", (8, 8)),
    ("SELECT * FROM sample WHERE number = 9999", (0, 8)),
    ("SELECT count(*) FROM sample", (8, 8)),
]


@pytest.mark.parametrize(("statement", "files"), OPENED, ids=[case[0] for case in OPENED])
def test_only_files_that_can_match_are_read(lake: Path, statement: str, files: tuple[int, int]) -> None:
    with Lake(lake) as opened:
        answer = opened.sql(statement)
        assert answer.files == {"sample": files}
        assert sorted(answer.rows(), key=repr) == sorted(opened.sql(statement, prune=False).rows(), key=repr)


def test_pruning_of_one_statement_does_not_affect_another(lake: Path) -> None:
    with Lake(lake) as opened:
        several = "CREATE TEMP VIEW v AS FROM sample; SELECT * FROM sample WHERE number = 3; SELECT count(*) FROM v"
        assert opened.sql(several).rows() == [(40,)]
