"""HTTP/1 in streams: the cases of http.toml, however they are cut into segments and batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlake.streams.http import STREAMS
from tests.streams.harness import Case, Row, load, matching, run, segments, without_context

HTTP = STREAMS[0]
CASES = load(Path(__file__).with_name("http.toml"))
ALL = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
BATCHES = (0, 1, 3)


def ordered(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Rows of each table by flow and exchange: streams of a batch are read one after another."""
    keys = ("flow", "exchange")
    return {name: sorted(found, key=lambda row: [row[key] for key in keys]) for name, found in rows.items()}


@ALL
def test_rows(case: Case) -> None:
    rows, harness = run(HTTP, segments(case.turns))
    rows = ordered(rows)
    expected = {table: found for table, found in case.rows.items() if found}
    assert {table: matching(found, case.rows.get(table, [])) for table, found in rows.items()} == expected
    assert harness.kept == 0


@ALL
def test_rows_do_not_depend_on_segments(case: Case) -> None:
    whole = without_context(ordered(run(HTTP, segments(case.turns))[0]))
    if not case.cut:
        return
    for cut in (segments(case.turns, size=1), segments(case.turns, seed=1), segments(case.turns, seed=2)):
        if len(cut) > 10_000:
            continue
        rows, harness = run(HTTP, cut)
        assert without_context(ordered(rows)) == whole
        assert harness.kept == 0


@ALL
def test_rows_do_not_depend_on_batches(case: Case) -> None:
    cut = segments(case.turns, seed=3) if case.cut else segments(case.turns)
    whole = ordered(run(HTTP, cut)[0])
    for size in BATCHES:
        rows, harness = run(HTTP, cut, size)
        assert ordered(rows) == whole
        assert harness.kept == 0


@ALL
def test_rows_of_late_segments(case: Case) -> None:
    cut = segments(case.turns)
    assert ordered(run(HTTP, cut, late=True)[0]) == ordered(run(HTTP, cut)[0])
