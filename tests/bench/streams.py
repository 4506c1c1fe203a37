"""Measures what the protocols in TCP streams, the hashed bodies and `dns` cost.

    python -m tests.bench.streams CAPTURE... [--pairs N] [--before CHECKOUT]

The whole command `netlake capture` in three variants, which follow each other in every round: with every table; without
the tables of protocols in streams; without `dns`. What is quoted is the median of the differences within a round, in
nanoseconds of CPU a packet, with a bootstrap interval. With `--before`, another checkout runs in every round too, with
all of its tables, and the ratio of the run without streams to it is printed: give one that has no streams.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from netlake import tables
from tests.bench import against
from tests.bench.__main__ import first
from tests.bench.captures import ROOT
from tests.bench.measure import Command, Cost, interval, remove, run

ALL, NO_STREAMS, NO_DNS, BEFORE = "every table", "without streams", "without dns", "before"


def in_streams() -> str:
    """The tables that are only in TCP streams, for --exclude."""
    names = [name for name, entry in tables.entries().items() if entry.module.__name__.startswith("netlake.streams.")]
    return ",".join(names)


def commands(path: Path, folder: Path, before: Path | None) -> dict[str, Command]:
    """A command for each variant."""
    options = {ALL: (), NO_STREAMS: ("--exclude", in_streams()), NO_DNS: ("--exclude", "dns")}
    made = {
        name: against.netlake(ROOT, path, folder / f"lake-{number}", "--no-sha256", *given)
        for number, (name, given) in enumerate(options.items())
    }
    if before:
        against.check(before, folder)
        made[BEFORE] = against.netlake(before, path, folder / "lake-before", "--no-sha256")
    return made


def measured(variants: dict[str, Command], pairs: int) -> list[dict[str, Cost]]:
    """Costs of every variant in every round, in alternating order; a round before the first is not counted."""
    rounds = []
    for number in range(-1, pairs):
        order = list(variants) if number % 2 == 0 else list(reversed(variants))
        costs = {}
        for name in order:
            costs[name] = run(variants[name])
            remove(variants[name].output)
        if number >= 0:
            rounds.append(costs)
            print("  " + ", ".join(f"{name} {costs[name].cpu:.2f}" for name in variants) + " CPU s", flush=True)
    return rounds


def report(name: str, packets: int, rounds: list[dict[str, Cost]]) -> None:
    """Print the differences, and the ratio to the other checkout."""
    for what, less in (("streams and bodies", NO_STREAMS), ("dns", NO_DNS)):
        each = [(costs[ALL].cpu - costs[less].cpu) / packets * 1e9 for costs in rounds]
        low, high = interval(each)
        print(
            f"{name}: {what} {statistics.median(each):,.0f} ns a packet of {packets:,} "
            f"(95 % interval {low:,.0f} to {high:,.0f}; {len(rounds)} rounds)"
        )
    if BEFORE in rounds[0]:
        ratios = [costs[NO_STREAMS].cpu / costs[BEFORE].cpu for costs in rounds]
        low, high = interval(ratios)
        print(f"{name}: without streams over before {statistics.median(ratios):.4f} ({low:.4f} to {high:.4f})")


def main() -> None:
    """Measure every capture."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.streams", description=__doc__.splitlines()[0])
    parser.add_argument("captures", nargs="+", type=Path, metavar="CAPTURE")
    parser.add_argument("--pairs", type=int, default=6, metavar="N", help="rounds that count (6)")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, without streams")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in given.captures:
            packets = first(path.resolve(), folder / "first")
            remove(folder / "first")
            before = given.before.resolve() if given.before else None
            rounds = measured(commands(path.resolve(), folder, before), given.pairs)
            report(path.stem, packets, rounds)


if __name__ == "__main__":
    main()
