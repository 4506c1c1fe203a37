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
    """The parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.robust", description="Decode truncated and changed captures."
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="captures, or folders of them")
    parser.add_argument("--cuts", type=int, default=50, metavar="N", help="truncate each at N random offsets (50)")
    parser.add_argument(
        "--changes", type=int, default=5, metavar="N", help="decode each N times with random bytes changed (5)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the random offsets (1)")
    parser.add_argument("--sample", type=int, metavar="N", help="use N captures, always the same")
    parser.add_argument("--only", metavar="TEXT", help="use captures with this text in their path")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="parallel processes (2)")
    parser.add_argument(
        "--timeout", type=float, default=900.0, metavar="SECONDS", help="time limit for one capture (900)"
    )
    return parser.parse_args()


def say(sentence: str) -> None:
    """Print a line to stderr and flush."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def main() -> int:
    """Decode all captures; return 0 if none failed."""
    given = arguments()
    missing = [str(path) for path in given.paths if not path.exists()]
    if missing:
        say(f"These paths do not exist: {', '.join(missing)}.")
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
            say(f"{outcome.capture}: {outcome.state}: {outcome.message}")
        if number % 200 == 0:
            say(f"{number:,} of {len(tasks):,} after {time.monotonic() - began:.0f} s")
    sys.stdout.write(
        f"{len(tasks):,} captures, {packets:,} packets, each complete, truncated at {given.cuts} offsets and changed"
        f" {given.changes} times, in {time.monotonic() - began:.0f} s: {len(failed)} failed.\n"
        f"The slowest took {slowest[0]:.1f} s: {slowest[1]}\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
