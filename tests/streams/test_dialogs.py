"""Machines: cases as turns with their rows, in any segments and batches; any bytes; streams that never end a line."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.layers.dialog import MOST_KEPT, Where
from tests.streams.dialog_runner import DialogRunner, by_bytes, covers, cut, held, run, steps, unplaced, whole
from tests.streams.tls_runner import Step

FOLDER = Path(__file__).parent
DIALOGS = sorted(name for name, stream in tables.in_streams().items() if stream.machine is not None)
CASES = [
    (name, case) for name in DIALOGS for case in tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))["case"]
]
IDS = [f"{name}: {case['name']}" for name, case in CASES]
BATCHES = (1, 3, 1 << 13)


def found(runner: DialogRunner) -> dict[str, list[dict[str, Any]]]:
    """The rows of a runner whose machine raised nothing."""
    assert runner.failures == []
    assert runner.used_blocks() == 0
    return runner.found


@pytest.mark.parametrize(("name", "case"), CASES, ids=IDS)
def test_cases(name: str, case: dict[str, Any]) -> None:
    """Columns that a case does not name are null, or an empty list, unless it is `partial`."""
    runner = run(name, steps(case["turns"]), 1 << 13)
    expected = case.get("rows", {})
    shown = {
        table: [{k: as_written(v) for k, v in row.items() if v not in (None, []) and k != "place"} for row in rows]
        for table, rows in found(runner).items()
        if rows and table in case.get("tables", [table])
    }
    if case.get("partial"):
        shown = {table: named(rows, expected.get(table, [])) for table, rows in shown.items()}
    assert shown == expected
    handed = ["" if one is None else one.hex() for one in runner.handed]
    assert handed == case.get("handed", ["", ""])
    undecoded = runner.states["undecoded"].tolist()
    assert undecoded == case.get("undecoded", [0, 0])


def named(rows: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the columns that those of a case name, and with what is wrong with them."""
    names = [{*one, "fault", "anomalies"} for one in expected]
    names += [{"fault"}] * (len(rows) - len(names))
    return [{k: v for k, v in row.items() if k in wanted} for row, wanted in zip(rows, names, strict=True)]


def as_written(value: Any) -> Any:
    """A value as cases have it: bytes are `hex:` and their digits, a time is text; structs have no null fields."""
    if isinstance(value, bytes):
        return f"hex:{value.hex()}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [as_written(one) for one in value]
    if isinstance(value, dict):
        return {k: as_written(v) for k, v in value.items() if v is not None}
    return value


@pytest.mark.parametrize(("name", "case"), CASES, ids=IDS)
def test_rows_do_not_depend_on_segments_and_batches(name: str, case: dict[str, Any]) -> None:
    turns = steps(case["turns"])
    single = cut(turns, None)
    if len(single) > 1 << 12:
        single = single[: 1 << 12]
        turns = joined(single)
    byte = run(name, single, 1 << 13)
    by_byte = by_bytes(found(byte), single)
    for segments in (whole(turns), single, cut(turns, 1), cut(turns, 2)):
        several = [run(name, segments, batch) for batch in BATCHES]
        assert all(found(one) == found(several[0]) for one in several)
        assert all((one.states["undecoded"] == byte.states["undecoded"]).all() for one in several)
        assert all(one.handed == byte.handed for one in several)
        assert unplaced(several[0].found) == unplaced(byte.found)
        for table, rows in by_bytes(several[0].found, segments).items():
            assert all(covers(row, by_byte[table][at], segments) for at, row in enumerate(rows))


def joined(single: list[Step]) -> list[Step]:
    """Steps of one byte joined to turns."""
    made: list[Step] = []
    for side, what in single:
        before = made[-1][1] if made and made[-1][0] == side else None
        if isinstance(what, bytes) and isinstance(before, bytes):
            made[-1] = (side, before + what)
        else:
            made.append((side, what))
    return made


@pytest.mark.parametrize("name", DIALOGS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    """Cases with changed bytes, gaps and ends, and any bytes: no exception, and the same rows in any batches."""
    case = data.draw(st.sampled_from([case for of, case in CASES if of == name]))
    turns: list[Step] = [
        (side, what[:3000] if isinstance(what, bytes) else what) for side, what in steps(case["turns"])
    ]
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(turns)))
        new = data.draw(st.one_of(st.binary(min_size=1, max_size=40), st.integers(1, 100), st.sampled_from([b"\r\n"])))
        turns.insert(at, (data.draw(st.integers(0, 1)), new))
    turns = [(side, changed(what, data) if isinstance(what, bytes) else what) for side, what in turns]
    segments = cut(turns, data.draw(st.integers(0, 9)))
    several = [run(name, segments, batch) for batch in BATCHES]
    note(f"segments: {segments}")
    for one in several[1:]:
        assert found(one) == found(several[0])
        assert one.states["undecoded"].tolist() == several[0].states["undecoded"].tolist()
        assert one.handed == several[0].handed


def changed(what: bytes, data: st.DataObject) -> bytes:
    """Bytes with one of them changed, perhaps."""
    if not data.draw(st.booleans()):
        return what
    at = data.draw(st.integers(0, len(what) - 1))
    return what[:at] + data.draw(st.binary(min_size=1, max_size=2)) + what[at + 1 :]


@pytest.mark.parametrize("name", DIALOGS)
@pytest.mark.parametrize("size", [1, 50_000])
@pytest.mark.parametrize("byte", [b"a", b"\n", b" ", b"\0"])
def test_a_line_that_never_ends(name: str, size: int, byte: bytes) -> None:
    """What a machine keeps is bounded, also when it is fed byte by byte after the beginning of any case."""
    for case in [case for of, case in CASES if of == name]:
        machine: Any = tables.in_streams()[name].machine
        machine = machine()
        turns = [(side, what) for side, what in steps(case["turns"]) if isinstance(what, bytes)]
        for side, what in turns[: len(turns) // 2]:
            list(machine.feed(side, what, lambda _, side=side: Where(side, 1, 1, 1)))
        list(machine.feed(0, byte * (MOST_KEPT - 2000), lambda _: Where(0, 2, 2, 2)))
        for _ in range(6_000 if size == 1 else 3):
            list(machine.feed(0, byte * size, lambda _: Where(0, 2, 2, 2)))
        assert held(machine) <= 4 * MOST_KEPT
