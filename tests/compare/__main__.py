"""`python -m tests.compare PATH...`: compare captures with tshark, print figures, write the page."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.compare import report, run, tshark
from tests.compare.capture import Outcome


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.compare", description="Compare netlake with tshark.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="captures, or folders of them")
    parser.add_argument("--report", default="-", metavar="FILE", help="write the page to this file; - for none")
    parser.add_argument("--sample", type=int, metavar="N", help="take N captures, the same each time")
    parser.add_argument("--only", metavar="TEXT", help="take captures with this in their path")
    parser.add_argument("--differences", type=Path, metavar="FILE", help="write what nothing explains, one JSON a line")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes side by side (2)")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="for one capture (600)")
    return parser.parse_args()


def say(sentence: str, code: int = 0) -> int:
    """A line on stderr, and the exit code."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
    return code


def keep(outcome: Outcome, file: Path) -> None:
    """Add the differences of one capture to a file."""
    with file.open("a", encoding="utf-8") as lines:
        for tally in outcome.tables.values():
            for found in tally.unexplained:
                told = {**asdict(found), "layers": sorted(found.layers)}
                lines.write(json.dumps(told, default=str) + "\n")


def main() -> int:
    """Compare; 0 if every goal is met, 1 if not."""
    given = arguments()
    missing = [str(path) for path in given.paths if not path.exists()]
    if missing:
        return say(f"There is no {', '.join(missing)}.", 2)
    tasks = [task for task in run.captures(given.paths) if not given.only or given.only in task[1]]
    if given.sample is not None:
        tasks = run.sample(tasks, given.sample)
    findings = report.Findings(tshark.version(), f"make compare{f' --sample {given.sample}' if given.sample else ''}")
    began = time.monotonic()
    if given.differences:
        given.differences.write_text("", encoding="utf-8")
    for number, outcome in enumerate(run.run(tasks, given.jobs, given.timeout), 1):
        if given.differences:
            keep(outcome, given.differences)
        findings.add(outcome)
        if number % 100 == 0 or outcome.state not in report.FINE:
            done = f"{number:,} of {len(tasks):,} after {time.monotonic() - began:.0f} s"
            say(f"{done}: {outcome.capture}: {outcome.state}")
    sys.stdout.writelines(f"{line}\n" for line in report.console(findings))
    if given.report != "-":
        Path(given.report).write_text("\n".join(report.page(findings)) + "\n", encoding="utf-8")
    return 0 if findings.good else 1


if __name__ == "__main__":
    sys.exit(main())
