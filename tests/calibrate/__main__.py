"""Runs the saved queries that name a technique over real captures, and counts what they find and find wrongly.

`python -m tests.calibrate CAPTURES [--labelled FOLDER] [--lakes FOLDER] [--report FILE]`: CAPTURES is the folder of
the captures that captures.toml lists, FOLDER has the labelled scenarios of `make exam`. Each capture has a lake of its
own, because some queries compare all captures of a lake. A hit is a capture with rows; it is wrong if captures.toml
does not list the query for the capture.
"""

from __future__ import annotations

import argparse
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import netlake
from netlake.errors import NetlakeError
from netlake.query import saved

FILE = Path(__file__).resolve().parent / "captures.toml"
REPORT = FILE.with_name("report.md")


_HEAD = """\
## How they were calibrated

`make calibrate` runs every query with a technique, with its defaults, on {captures} real captures and {scenarios}
labelled scenarios; `tests/calibrate/captures.toml` lists them with what is in them. *Found* are the captures with rows
among those that have what the query asks for; with 0 of 0, none of the captures has it, only the last column counts.
*Missed* has the reason: messages of most protocols over TCP are not decoded. *Other captures* are those with rows where
the list expects none. Such rows are not always wrong: a query for something rare or unusual, such as `rare_ja4` and
`long_connections`, finds ordinary hosts too, and its rows need a look. The defaults were chosen with these captures, so
the figures are no independent test.

| query | found | missed | other captures with rows |
|---|---|---|---|"""


@dataclass(slots=True)
class Count:
    """Captures in which a query should find something, and what it found."""

    wanted: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def _name(one: dict[str, str]) -> str:
    """The short name of an entry of captures.toml."""
    return one["name"] if "name" in one else Path(one["path"]).name.rpartition("__")[2]


def queries() -> list[str]:
    """Names of the queries that name a technique and have no parameter that must be given."""
    every = (saved.read(path) for path in saved.paths().values())
    return [one.name for one in every if one.techniques and all(param.default is not None for param in one.params)]


def counted(name: str, lake: Path, has: list[str], counts: dict[str, Count]) -> None:
    """Run the queries on the lake of one capture, and add what they find to the counts."""
    opened = netlake.Lake(lake)
    for query, count in counts.items():
        rows = opened.query(query).arrow().num_rows
        if query in has:
            count.wanted.append(name)
            (count.found if rows else count.missed).append(name)
        elif rows:
            count.others.append(f"{name} ({rows})")


def report(counts: dict[str, Count], captures: int, scenarios: int, whys: dict[str, str]) -> str:
    """The section of docs/queries.md."""
    lines = [_HEAD.format(captures=captures, scenarios=scenarios)]
    every = captures + scenarios
    for query, count in counts.items():
        others = every - len(count.wanted)
        missed = ", ".join(f"{name} ({whys.get(name, 'unknown')})" for name in count.missed)
        lines.append(
            f"| `{query}` | {len(count.found)} of {len(count.wanted)} | {missed} | {len(count.others)} of {others} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Capture, count and write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.calibrate", description=__doc__)
    parser.add_argument("captures", type=Path)
    parser.add_argument("--labelled", type=Path)
    parser.add_argument("--lakes", type=Path)
    parser.add_argument("--report", type=Path, help=f"such as {REPORT.name}; default: only print")
    given = parser.parse_args()
    listed = tomllib.loads(FILE.read_text(encoding="utf-8"))
    work = [(_name(one), given.captures / one["path"], one.get("has", [])) for one in listed["capture"]]
    scenarios = [
        (_name(one), given.labelled / one["name"] / "capture.pcap", one.get("has", []))
        for one in listed.get("scenario", ())
        if given.labelled
    ]
    every = [*listed["capture"], *listed.get("scenario", ())]
    whys = {_name(one): one["why"] for one in every if "why" in one}
    counts = {name: Count() for name in queries()}
    with tempfile.TemporaryDirectory() as where:
        for name, capture, has in work + scenarios:
            lake = (given.lakes or Path(where)) / name
            if not lake.exists():
                try:
                    netlake.capture(capture, lake, sha256=False)
                except NetlakeError as error:
                    print(f"{name}: {error}")
            counted(name, lake, has, counts)
    for query, count in counts.items():
        print(f"{query}: found {len(count.found)} of {len(count.wanted)}; missed {count.missed}; others {count.others}")
    if given.report:
        given.report.write_text(report(counts, len(work), len(scenarios), whys), encoding="utf-8")


if __name__ == "__main__":
    main()
