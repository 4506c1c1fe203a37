"""Saved queries: their headers, the rows that they find and those that they do not, and the command that runs them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake.errors import QueryError
from netlake.query import saved
from tests.queries import runner

ROOT = Path(__file__).resolve().parent.parent
FILES = saved.paths()
EXPECTED: dict[str, Any] = tomllib.loads((runner.FOLDER / "demo.toml").read_text(encoding="utf-8"))
CASES = list(runner.cases())
# parameters that have no default, for runs on other lakes
GIVEN = {"address": "10.10.0.108", "hash": "00" * 32, "name": "example.com", "port": "80", "since": "2000-01-01"}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> netlake.Lake:
    """A lake of the bundled capture."""
    folder = tmp_path_factory.mktemp("queries") / "lake"
    netlake.capture(ROOT / "tests" / "captures" / "demo.pcapng", folder, sha256=False)
    return netlake.Lake(folder)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> netlake.Lake:
    """A lake of a capture without packets."""
    folder = tmp_path_factory.mktemp("queries") / "empty"
    runner.lakes.commit(folder, "a" * 16, {})
    return netlake.Lake(folder)


def needed(query: saved.Saved) -> dict[str, str]:
    return {one.name: GIVEN[one.name] for one in query.params if one.default is None}


@pytest.mark.parametrize("name", FILES)
def test_header_has_question_and_used_parameters(name: str) -> None:
    """The parameters of the header are those of the SQL, and each part is a sentence."""
    query = saved.read(FILES[name])
    assert query.title.endswith("?")
    assert query.doc.endswith(".")
    assert all(one.doc.endswith(".") for one in query.params)
    assert set(re.findall(r"\$(\w+)", query.sql)) == {one.name for one in query.params}
    assert re.fullmatch(r"[a-z0-9_]+", name)


def test_techniques_are_those_of_mitre() -> None:
    """netlake/query/techniques.toml has the names of all ids in the headers, and no others."""
    named = {one for path in FILES.values() for one in saved.read(path).techniques}
    assert named == set(saved.technique_names())


@pytest.mark.parametrize("name", FILES)
def test_query_has_a_positive_and_a_benign_case(name: str) -> None:
    found = [bool(case["expect"]) for query, case, _ in CASES if query == name]
    assert {True, False} == set(found)


@pytest.mark.parametrize(
    ("name", "case", "variant"), CASES, ids=[f"{name}: {case['name']}, {variant}" for name, case, variant in CASES]
)
def test_rows_of_query(name: str, case: dict[str, Any], variant: str, tmp_path: Path) -> None:
    found, expected = runner.run(name, case, variant, tmp_path / "lake")
    assert found == expected


@pytest.mark.parametrize("name", FILES)
def test_query_runs_on_the_demo(name: str, lake: netlake.Lake) -> None:
    query = saved.read(FILES[name])
    found = lake.query(name, **needed(query)).arrow()
    assert len(set(found.column_names)) == found.num_columns
    whole = lake.query(name, prune=False, **needed(query)).arrow()
    assert found.equals(whole)


@pytest.mark.parametrize("name", FILES)
def test_query_of_an_empty_lake_has_no_rows(name: str, empty: netlake.Lake) -> None:
    assert empty.query(name, **needed(saved.read(FILES[name]))).rows() == []


@pytest.mark.parametrize("name", EXPECTED)
def test_query_returns_expected_rows_of_the_demo(name: str, lake: netlake.Lake) -> None:
    expected = EXPECTED[name]
    found = lake.query(name).arrow()
    assert found.num_rows == expected["count"]
    rows = found.select(expected["columns"]).slice(0, len(expected["rows"])).to_pylist()
    assert [list(row.values()) for row in rows] == expected["rows"]


def test_make_demo_runs_three_queries() -> None:
    listed = re.search(r"^QUESTIONS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed
    names = listed[1].split()
    assert len(names) == len(set(names)) == 3
    assert set(names) <= set(FILES)


HEADER = "-- Which?\n-- Rows.\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", "line 1 must be a comment with the question"),
        (f"{HEADER}-- param minutes integer\nSELECT 1", "line 3 is not such as: -- param minutes: integer = 5"),
        (f"{HEADER}-- param n: int = 5  -- Number.\nSELECT 1", "line 3: int is not a type; the types are integer,"),
        (f"{HEADER}-- param n: integer = x  -- N.\nSELECT 1", "line 3: The parameter n is an integer, such as 5, and"),
        (f"{HEADER}-- technique: T10\nSELECT 1", "line 3: 'T10' is not the id of a technique"),
    ],
)
def test_mistakes_in_a_header(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.sql").write_text(text, encoding="utf-8")
    with pytest.raises(QueryError) as error:
        saved.read(tmp_path / "own.sql")
    assert message in str(error.value)


VALUES = [
    ("integer", "5", 5),
    ("integer", "5.5", None),
    ("integer", "9223372036854775808", None),
    ("number", "0.5", 0.5),
    ("number", "nan", None),
    ("boolean", "TRUE", True),
    ("boolean", "1", None),
    ("text", "a' OR 1=1 --", "a' OR 1=1 --"),
    ("time", "2024-02-28", "2024-02-28T00:00:00+00:00"),
    ("time", "2024-02-28T01:00+01:00", "2024-02-28T00:00:00+00:00"),
    ("time", "yesterday", None),
]


@pytest.mark.parametrize(("kind", "given", "expected"), VALUES)
def test_values_are_bound(tmp_path: Path, empty: netlake.Lake, kind: str, given: str, expected: object) -> None:
    """A value is bound with its type and never part of the SQL; another type is refused."""
    own = tmp_path / "own.sql"
    own.write_text(f"{HEADER}-- param x: {kind}  -- Value.\nSELECT $x AS x", encoding="utf-8")
    if expected is None:
        with pytest.raises(QueryError, match="The parameter x is"):
            empty.query(own, x=given)
    else:
        assert empty.query(own, x=given).rows() == [(expected,)]


def test_errors_of_parameters(empty: netlake.Lake, tmp_path: Path) -> None:
    own = tmp_path / "own.sql"
    own.write_text(f"{HEADER}-- param minutes: integer  -- Minutes.\nSELECT $minutes AS x", encoding="utf-8")
    with pytest.raises(QueryError, match="nearest is minutes"):
        empty.query(own, minuts=1)
    with pytest.raises(QueryError, match=r"needs the parameter minutes: Minutes\."):
        empty.query(own)
    with pytest.raises(QueryError, match="nearest is beacons"):
        empty.query("becons")
    own.write_text(f"{HEADER}-- param x: text  -- Text.\nSELECT 1; SELECT $x", encoding="utf-8")
    with pytest.raises(QueryError, match="several statements"):
        empty.query(own, x="a")
