"""`python -m tests.compare PATH...`: compares captures with tshark, prints a summary, writes docs/comparison.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.compare import cases, page, report, run, tshark
from tests.compare.capture import Outcome

# folders of captures of which all belong to a full run
SUITES = frozenset({"ndpi", "suricata-verify", "tcpdump", "zeek"})


def arguments() -> argparse.Namespace:
    """The parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.compare", description="Compare netlake with tshark.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="captures, or folders of them")
    parser.add_argument("--report", default="-", metavar="FILE", help="write the page to this file; - for none")
    parser.add_argument("--sample", type=int, metavar="N", help="use N captures, always the same")
    parser.add_argument("--only", metavar="TEXT", help="use captures with this text in their path")
    parser.add_argument("--differences", type=Path, metavar="FILE", help="write differences as JSON lines")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="parallel processes (2)")
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="SECONDS", help="time limit for one capture (600)"
    )
    return parser.parse_args()


def say(sentence: str, code: int = 0) -> int:
    """Print a line to stderr; return `code`."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
    return code


def keep(outcome: Outcome, file: Path) -> None:
    """Append the differences of one capture to `file`, each with the number of its entry of exceptions.toml."""
    with file.open("a", encoding="utf-8") as lines:
        for tally in outcome.tables.values():
            for (_, number), stored in tally.found.items():
                lines.writelines(json.dumps({**asdict(one), "entry": number}, default=_listed) + "\n" for one in stored)


def _listed(value: object) -> object:
    """A set as a list, any other value as text, for JSON."""
    return sorted(value) if isinstance(value, frozenset) else str(value)


def chosen(given: argparse.Namespace, folder: Path) -> tuple[list[tuple[Path, str]], bool]:
    """(captures to compare, whether these are all); those built from cases, in `folder`, are part of every run."""
    tasks = run.captures(given.paths)
    full = not given.only and given.sample is None and {name.partition("/")[0] for _, name in tasks} >= SUITES
    if given.sample is not None:
        tasks = run.sample(tasks, given.sample)
    tasks += cases.write(folder)
    return [task for task in tasks if not given.only or given.only in task[1]], full


def compare(given: argparse.Namespace, folder: Path) -> report.Findings:
    """Compare all captures; print the progress, store differences."""
    tasks, full = chosen(given, folder)
    command = f"make compare{f' --sample {given.sample}' if given.sample else ''}"
    findings = report.Findings(tshark.version(), command, full)
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
    return findings


def main() -> int:
    """Compare; return 0 if all rules are met, else 1."""
    given = arguments()
    missing = [str(path) for path in given.paths if not path.exists()]
    if missing:
        return say(f"These paths do not exist: {', '.join(missing)}.", 2)
    with tempfile.TemporaryDirectory() as folder:
        findings = compare(given, Path(folder))
    sys.stdout.writelines(f"{line}\n" for line in report.console(findings))
    if given.report != "-":
        Path(given.report).write_text("\n".join(page.page(findings)) + "\n", encoding="utf-8")
    return 0 if findings.good else 1


if __name__ == "__main__":
    sys.exit(main())
