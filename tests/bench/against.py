"""Compares the CPU seconds of `netlake capture` between this checkout and another one.

A difference of a few percent is smaller than the drift of a shared machine, so single runs decide nothing. Runs are
paired: both checkouts directly after each other, in alternating order, and only the ratio within a pair counts. The
result is the median of these ratios with a bootstrap interval; a refactoring costs nothing measurable if the interval
contains 1.

Both run in the same interpreter with the same packages, PYTHONPATH decides whose code is imported, and the working
folder is one without a `netlake` in it. Each first runs once without being measured: it compiles its kernels.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import Command, Cost, interval, remove, run


def netlake(tree: Path, path: Path, lake: Path, *options: str) -> Command:
    """The command that decodes a capture with the code of a checkout."""
    arguments = (sys.executable, "-m", "netlake", "capture", str(path), "--lake", str(lake), "--jobs", "1", *options)
    return Command(arguments, lake, environment=(("PYTHONPATH", str(tree)),), folder=lake.parent)


def check(tree: Path, folder: Path) -> None:
    """Exit with a message if PYTHONPATH does not make the code of the checkout the one that is imported."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    code = "import netlake; print(netlake.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment, cwd=folder
    )
    if not found.stdout or not Path(found.stdout.strip()).resolve().is_relative_to(tree):
        raise SystemExit(f"{tree} is not a checkout of netlake that can be imported; give --against its top folder.")


def pairs(this: Path, other: Path, path: Path, folder: Path, count: int) -> list[tuple[Cost, Cost]]:
    """Costs of this and of the other checkout, run after each other `count` times, each in a lake of its own."""
    measured = []
    for number in range(-1, count):
        costs = {}
        for tree in (this, other) if number % 2 == 0 else (other, this):
            lake = folder / f"lake-{'this' if tree == this else 'other'}-{number + 1}"
            costs[tree] = run(netlake(tree, path, lake, "--no-sha256"))
            remove(lake)
        if number >= 0:
            measured.append((costs[this], costs[other]))
            print(f"  pair {number + 1}: {costs[this].cpu:.2f} and {costs[other].cpu:.2f} CPU s", flush=True)
    return measured


def compare(other: Path, captures: dict[str, Path], folder: Path, count: int) -> None:
    """Measure and print."""
    this = Path(__file__).resolve().parents[2]
    other = other.resolve()
    if this == other:
        raise SystemExit(f"{other} is this checkout; give --against another one.")
    for tree in (this, other):
        check(tree, folder)
    for name, path in captures.items():
        print(f"{name}: this checkout and {other}, warm-up first")
        costs = pairs(this, other, path, folder, count)
        for figure in ("cpu", "wall"):
            ratios = [getattr(a, figure) / getattr(b, figure) for a, b in costs]
            low, high = interval(ratios)
            print(
                f"{name}: {figure} this/other: median of {count} pairs {statistics.median(ratios):.4f}, "
                f"95 % interval {low:.4f} to {high:.4f}"
            )
