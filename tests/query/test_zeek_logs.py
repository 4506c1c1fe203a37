"""The views of schema zeek against Zeek's published logs of the same captures (zeek_logs.py, zeek/*.tsv).

The captures of Zeek's test suite are beside the project; without them the test is skipped. Each difference has a reason
in zeek/differences.toml; the test fails for another difference, and for one that is gone.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake import tables
from tests.query import zeek_logs

DIFFERENCES = tomllib.loads((zeek_logs.FOLDER / "differences.toml").read_text(encoding="utf-8"))
PUBLISHED = {log: zeek_logs.published(log) for log in zeek_logs.logs()}
LEAST_CAPTURES = 130


@pytest.fixture(scope="module")
def lake(shared_captures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """(a lake with every capture that has rows of Zeek, the id of each)."""
    place = tmp_path_factory.mktemp("zeek") / "lake"
    names = sorted({name for rows in PUBLISHED.values() for name in rows})
    netlake.capture([shared_captures / "zeek" / name for name in names], place, hashes=("md5", "sha1"))
    with netlake.Lake(place) as one:
        ids = {Path(facts.path).name: facts.capture for facts in one.captures}
    return place, ids


def test_every_difference_has_a_reason() -> None:
    assert {one["why"] for one in DIFFERENCES["difference"]} == set(DIFFERENCES["reasons"])
    assert all(one["capture"] in PUBLISHED[one["log"]] for one in DIFFERENCES["difference"])
    assert len({name for rows in PUBLISHED.values() for name in rows}) >= LEAST_CAPTURES


@pytest.mark.parametrize("log", PUBLISHED)
def test_rows_are_those_of_zeek(log: str, lake: tuple[Path, dict[str, str]]) -> None:
    place, ids = lake
    assert set(next(iter(PUBLISHED[log].values()))[0]) <= {"capture", *tables.views()[f"zeek.{log}"].columns}
    explained: dict[str, Counter[str]] = {}
    for one in DIFFERENCES["difference"]:
        if one["log"] == log:
            explained.setdefault(one["capture"], Counter()).update(one["rows"])
    found = {name: different(place, ids[name], log, rows) for name, rows in PUBLISHED[log].items()}
    assert {name: counts for name, counts in found.items() if counts} == explained


def different(place: Path, capture: str, log: str, expected: list[dict[str, str]]) -> Counter[str]:
    """The number of rows that differ, by column."""
    with netlake.Lake(place, captures=[capture]) as one:
        given: list[dict[str, Any]] = one.dump(f"zeek.{log}").arrow().to_pylist()
    return Counter(name for columns in zeek_logs.compared(log, expected, given) for name in columns)
