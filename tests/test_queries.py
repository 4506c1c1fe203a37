"""Every query in queries/ starts with its question, and returns the expected rows of the bundled capture."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import netlake

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "queries").glob("*.sql"))
EXPECTED: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").with_stem("queries").read_text("utf-8"))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> netlake.Lake:
    """A lake of the bundled capture."""
    folder = tmp_path_factory.mktemp("queries") / "lake"
    netlake.capture(ROOT / "tests" / "captures" / "demo.pcapng", folder, sha256=False)
    return netlake.Lake(folder)


def test_every_query_has_expected_rows() -> None:
    assert [file.stem for file in FILES] == sorted(EXPECTED)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_first_line_of_query_is_its_question(file: Path) -> None:
    """`make demo` prints this line."""
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert re.fullmatch(r"-- .*\?", first)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_query_returns_expected_rows(file: Path, lake: netlake.Lake) -> None:
    expected = EXPECTED[file.stem]
    found = lake.sql(file.read_text(encoding="utf-8")).arrow()
    assert found.num_rows == expected["count"]
    rows = found.select(expected["columns"]).slice(0, len(expected["rows"])).to_pylist()
    assert [list(row.values()) for row in rows] == expected["rows"]


def test_make_demo_runs_three_queries() -> None:
    listed = re.search(r"^QUESTIONS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed
    names = listed[1].split()
    assert len(names) == len(set(names)) == 3
    assert set(names) <= {file.stem for file in FILES}
