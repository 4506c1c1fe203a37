"""The exam: `make exam`, or `python -m tests.exam FOLDER [--rules FILE] [--lakes FOLDER]`.

It prints each question with its rule, query and answer, the score by points without the questions that are left out,
and those with their reasons. The exit code is 1 if the score is below --least percent.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netlake
from tests.exam import answering, briefing, marking, rules

LEAST = 90.0


@dataclass(frozen=True, slots=True)
class Marked:
    """An answer and whether it is right."""

    scenario: str
    given: answering.Given
    right: bool


def taken(folder: Path, topics: tuple[rules.Topic, ...], lakes: Path) -> Iterator[Marked]:
    """The marked answers of the scenario in `folder`; its lake is made in `lakes` unless it is there."""
    scenario = briefing.read(folder)
    lake = lakes / scenario.name
    if not lake.exists():
        netlake.capture(scenario.capture, lake, sha256=False)
    found = list(answering.Desk(scenario, topics, netlake.Lake(lake)).answers())
    key = marking.key(folder)
    for given in found:
        yield Marked(scenario.name, given, not given.left_out and marking.right(given.value, key[given.question.id]))


def score(marked: list[Marked]) -> tuple[int, int, int]:
    """(points of right answers, points of the questions that are not left out, points of all)."""
    counted = [one for one in marked if not one.given.left_out]
    return (
        sum(one.given.question.points for one in counted if one.right),
        sum(one.given.question.points for one in counted),
        sum(one.given.question.points for one in marked),
    )


def shown(value: Any) -> str:
    """A value for the report."""
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return ", ".join(map(shown, value)) if isinstance(value, list) else "-" if value is None else str(value)


def report(marked: list[Marked]) -> Iterator[str]:
    """The lines of the report."""
    for name in dict.fromkeys(one.scenario for one in marked):
        own = [one for one in marked if one.scenario == name]
        reached, possible, _ = score(own)
        yield f"\n{name}: {reached} of {possible} points"
        for one in own:
            given = one.given
            mark = "left out" if given.left_out else "right" if one.right else "WRONG"
            yield f"  {mark:8} {given.question.points:3}  {given.question.text}"
            found = given.why if given.value is None else shown(given.value)
            how = f"{given.rule}, query {given.query}" if given.query and not given.left_out else given.rule or "-"
            yield f"               {found}  [{how}]"
    reached, possible, every = score(marked)
    yield f"\nscore: {reached} of {possible} points, {100 * reached / max(possible, 1):.1f} %"
    left = [one.given for one in marked if one.given.left_out]
    yield f"left out: {len(left)} questions, {every - possible} of {every} points"
    for why in sorted({given.why for given in left}):
        own_left = [given.question for given in left if given.why == why]
        yield f"  {sum(question.points for question in own_left):3} points  {len(own_left)} questions: {why}"


def main(arguments: list[str] | None = None) -> int:
    """Run the exam on the scenarios of a folder; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.exam", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with a folder for each scenario")
    parser.add_argument("--rules", type=Path, default=rules.FILE, help="file of rules")
    parser.add_argument("--lakes", type=Path, help="folder in which the lakes are kept (default: they are removed)")
    parser.add_argument("--least", type=float, default=LEAST, help="score in percent below which the exit code is 1")
    given = parser.parse_args(arguments)
    folders = briefing.folders(given.folder)
    if not folders:
        print(
            f"There is no scenario in {given.folder}: name a folder with folders that have a briefing.md.",
            file=sys.stderr,
        )
        return 2
    topics = rules.read(given.rules)
    with tempfile.TemporaryDirectory() as where:
        lakes = given.lakes or Path(where)
        marked = [one for folder in folders for one in taken(folder, topics, lakes)]
    print("\n".join(report(marked)))
    reached, possible, _ = score(marked)
    return int(100 * reached < given.least * possible)


if __name__ == "__main__":
    raise SystemExit(main())
