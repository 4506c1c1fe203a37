"""Every question in queries/ has one sentence that asks it, and finds what there is in the bundled capture."""

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


def test_every_question_has_its_answer_here() -> None:
    assert [file.stem for file in FILES] == sorted(EXPECTED)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_question_is_a_question(file: Path) -> None:
    """The first line asks, as its name does; the demonstration prints it."""
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert re.fullmatch(r"-- .*\?", first)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_question_finds_what_there_is(file: Path, lake: netlake.Lake) -> None:
    expected = EXPECTED[file.stem]
    found = lake.sql(file.read_text(encoding="utf-8")).arrow()
    assert found.num_rows == expected["count"]
    rows = found.select(expected["columns"]).slice(0, len(expected["rows"])).to_pylist()
    assert [list(row.values()) for row in rows] == expected["rows"]


def test_the_demonstration_asks_three_of_them() -> None:
    asked = re.search(r"^QUESTIONS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert asked
    names = asked[1].split()
    assert len(names) == len(set(names)) == 3
    assert set(names) <= {file.stem for file in FILES}
