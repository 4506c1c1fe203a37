"""Compares one capture: decodes it with netlake, reads it with tshark, compares frame by frame."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

import netlake
from netlake.errors import InputError
from tests.compare import cases, conversations, dialogs
from tests.compare.differences import SEGMENT, SEGMENTS, Later, Place, Unpaired, compare, finish
from tests.compare.exceptions import asked, options
from tests.compare.layers import TRANSPORTS, Layered, compared
from tests.compare.rows import Row, Rows, stacks
from tests.compare.tally import Tally
from tests.compare.tshark import Tshark

# first bytes of a file: pcap in either byte order, with microseconds, nanoseconds or Kuznetzov's extension; pcapng
MAGIC = ("a1b2c3d4", "a1b23c4d", "a1b2cd34")
FORMATS = {bytes.fromhex(word)[::step]: "pcap" for word in MAGIC for step in (1, -1)}
FORMATS[bytes.fromhex("0a0d0d0a")] = "pcapng"


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
    wanted = of_case(outcome.capture) or compared()
    rows: dict[str, Rows] = {}
    if tables and "packet" in tables:
        shown = stacks(tables["packet"])
        present = [one for one in wanted if one.table.name in tables]
        for one in present:
            columns = tuple(dict.fromkeys((*one.columns, *asked(one.table.name, "columns"))))
            at = one.packet, one.requires
            rows[one.key] = Rows(tables[one.table.name], columns, shown[one.table.name], at)
    stops, kind, flows = _stops(tables), file_format(path), _flows(tables)
    dissection = Tshark(
        path,
        frozenset(
            layer
            for layers in (TRANSPORTS, (SEGMENTS,), dialogs.LAYERS, *(one.layers | one.inside for one in wanted))
            for layer in layers
        ),
        frozenset(
            name
            for names in (*TRANSPORTS.values(), (SEGMENT,), dialogs.FIELDS, *(one.wanted for one in wanted))
            for name in names
        ),
        options(outcome.capture),
    )
    outcome.tables = {one.table.name: Tally() for one in wanted}
    later: dict[str, Later] = {one.key: [] for one in wanted}
    joined = dialogs.Dialogs()
    for frame in dissection.frames():
        outcome.theirs += 1
        joined.note(frame)
        if tables is not None:
            place = Place(outcome.capture, kind, frame, stops.get(frame.number), flows)
            for one in wanted:
                tally = outcome.tables[one.table.name]
                compare(one, rows.get(one.key), place, tally, later[one.key])
    for frame, layer in joined.end():
        place = Place(outcome.capture, kind, frame, stops.get(frame.number), flows)
        for one in (one for one in wanted if layer.name in one.layers):
            later[one.key].append(Unpaired(None, layer, place))
    for one in wanted:
        finish(one, outcome.tables[one.table.name], later[one.key])
    outcome.ours = len(tables["packet"]) if tables and "packet" in tables else 0
    outcome.message = outcome.message or dissection.complaint
    if tables is None:
        outcome.state = "not read by netlake" if outcome.theirs else "neither"
    elif dissection.code and not outcome.theirs:
        outcome.state = "not read by tshark" if outcome.ours else "neither"
    elif outcome.ours != outcome.theirs:
        outcome.state = "packets differ"
    if tables is not None and outcome.theirs and wanted is compared():
        outcome.tables["connection"] = conversations.compare(tables, dissection.statistics, outcome.capture)


def of_case(name: str) -> tuple[Layered, ...]:
    """The table whose cases a capture was built from: only it is compared, since the rest of the packets is made up."""
    folder, _, file = name.rpartition("/")
    table = file.partition(".")[0].partition("-")[0] if folder == cases.NAME else ""
    return tuple(one for one in compared() if one.table.name == table)


def file_format(path: Path) -> str:
    """The format of a capture file, `pcap`, `pcapng` or `other`, by its first four bytes."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(path) as file:
            magic = file.read(4)
    return FORMATS.get(magic, "other")


def _flows(tables: dict[str, pa.Table] | None) -> dict[int | None, Row]:
    """Flow -> the columns of its connection that conditions of exceptions.toml name."""
    names = {name for one in compared() for name in asked(one.table.name, "flow")}
    if not tables or "connection" not in tables or not names:
        return {}
    return {row["flow"]: row for row in tables["connection"].select(["flow", *sorted(names)]).to_pylist()}


def _stops(tables: dict[str, pa.Table] | None) -> dict[int, tuple[str, int | None]]:
    """Packet number -> (stop reason, stop value)."""
    if not tables or "packet" not in tables:
        return {}
    packets = tables["packet"].select(["packet", "stop_reason", "stop_value"])
    stopped = packets.filter(pa.compute.is_valid(packets["stop_reason"])).to_pylist()
    return {row["packet"]: (row["stop_reason"], row["stop_value"]) for row in stopped}
