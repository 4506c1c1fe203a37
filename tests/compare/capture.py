"""Compares one capture: decodes it with netlake, reads it with tshark, compares frame by frame."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

import netlake
from netlake.errors import InputError
from tests.compare import conversations
from tests.compare.differences import Place, Tally, compare
from tests.compare.layers import compared
from tests.compare.rows import Rows, stacks
from tests.compare.tshark import Tshark


@dataclass(slots=True)
class Outcome:
    """The result for one capture: `state` is `compared`, `neither` (read by neither program), or the problem."""

    capture: str
    state: str = "compared"
    message: str = ""
    ours: int = 0
    theirs: int = 0
    seconds: float = 0.0
    tables: dict[str, Tally] = field(default_factory=dict)


def compare_capture(path: Path, name: str) -> Outcome:
    """Compare one capture, named `name` in reports."""
    began = time.monotonic()
    outcome = Outcome(name)
    try:
        tables = netlake.decode(path)
    except InputError as error:
        tables, outcome.message = None, str(error)
    for table, rows in (tables or {}).items():
        if "fault" in rows.column_names and pa.compute.any(pa.compute.equal(rows["fault"], "reader_failed")).as_py():
            raise AssertionError(f"the reader of {table} failed")
    _compare(path, tables, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def _compare(path: Path, tables: dict[str, pa.Table] | None, outcome: Outcome) -> None:
    wanted = compared()
    rows: dict[str, Rows] = {}
    if tables and "packet" in tables:
        shown = stacks(tables["packet"])
        present = [one for one in wanted if one.table.name in tables]
        rows = {one.table.name: Rows(tables[one.table.name], one.columns, shown[one.table.name]) for one in present}
    stops = _stops(tables)
    dissection = Tshark(
        path,
        frozenset(layer for one in wanted for layer in one.layers),
        frozenset(name for one in wanted for name in one.wanted),
    )
    outcome.tables = {one.table.name: Tally() for one in wanted}
    for frame in dissection.frames():
        outcome.theirs += 1
        if tables is not None:
            place = Place(outcome.capture, frame, stops.get(frame.number))
            for one in wanted:
                compare(one, rows.get(one.table.name), place, outcome.tables[one.table.name])
    outcome.ours = len(rows["packet"]) if "packet" in rows else 0
    outcome.message = outcome.message or dissection.complaint
    if tables is None:
        outcome.state = "not read by netlake" if outcome.theirs else "neither"
    elif dissection.code and not outcome.theirs:
        outcome.state = "not read by tshark" if outcome.ours else "neither"
    elif outcome.ours != outcome.theirs:
        outcome.state = "packets differ"
    if tables is not None and outcome.theirs:
        outcome.tables["connection"] = conversations.compare(tables, dissection.statistics, outcome.capture)


def _stops(tables: dict[str, pa.Table] | None) -> dict[int, str]:
    """Packet number -> stop reason."""
    if not tables or "packet" not in tables:
        return {}
    packets = tables["packet"].select(["packet", "stop_reason"])
    stopped = packets.filter(pa.compute.is_valid(packets["stop_reason"]))
    return dict(zip(stopped["packet"].to_pylist(), stopped["stop_reason"].to_pylist(), strict=True))
