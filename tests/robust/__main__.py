"""`python -m tests.robust PATH...`: see tests.robust."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from tests.compare import run
from tests.robust.survive import survive


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.robust", description="Decode captures, cut and changed.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="captures, or folders of them")
    parser.add_argument("--cuts", type=int, default=50, metavar="N", help="cut each at N random bytes (50)")
    parser.add_argument("--changes", type=int, default=5, metavar="N", help="change random bytes of each N times (5)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="other places to cut")
    parser.add_argument("--sample", type=int, metavar="N", help="take N captures, the same each time")
    parser.add_argument("--only", metavar="TEXT", help="take captures with this in their path")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes side by side (2)")
    parser.add_argument("--timeout", type=float, default=900.0, metavar="SECONDS", help="for one capture (900)")
    return parser.parse_args()


def say(sentence: str) -> None:
    """A line on stderr, at once."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def main() -> int:
    """Decode all; 0 if everything survived."""
    given = arguments()
    missing = [str(path) for path in given.paths if not path.exists()]
    if missing:
        say(f"There is no {', '.join(missing)}.")
        return 2
    tasks = [task for task in run.captures(given.paths) if not given.only or given.only in task[1]]
    if given.sample is not None:
        tasks = run.sample(tasks, given.sample)
    work = partial(survive, cuts=given.cuts, changes=given.changes, seed=given.seed)
    began, packets, slowest = time.monotonic(), 0, (0.0, "")
    failed = []
    for number, outcome in enumerate(run.run(tasks, given.jobs, given.timeout, work), 1):
        packets += outcome.ours
        slowest = max(slowest, (outcome.seconds, outcome.capture))
        if outcome.state != "survived":
            failed.append(outcome)
            say(f"{outcome.capture}: {outcome.state}: {outcome.said}")
        if number % 200 == 0:
            say(f"{number:,} of {len(tasks):,} after {time.monotonic() - began:.0f} s")
    sys.stdout.write(
        f"{len(tasks):,} captures, {packets:,} packets, each whole, cut at {given.cuts} places and changed"
        f" {given.changes} times, in {time.monotonic() - began:.0f} s: {len(failed)} failed.\n"
        f"The slowest took {slowest[0]:.1f} s: {slowest[1]}\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
