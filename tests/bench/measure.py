"""Runs programs and measures what they cost: wall seconds, CPU seconds, peak memory and bytes written.

The kernel reports CPU time and peak memory of a process, and of the children that it waited for (wait4). A new process
starts as a copy of this one, so the peak of this process is the least that is ever reported: the benchmark makes its
captures in processes of their own and stays small.

Machines are noisy and change speed within minutes. So programs run in turn, each once per round, and what is quoted
are ratios of one session.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Command:
    """A program to measure."""

    arguments: tuple[str, ...]
    output: Path  # the file or folder that it writes; removed before each run
    to_stdout: bool = False  # it writes to stdout, which goes to `output`
    environment: tuple[tuple[str, str], ...] = ()  # added to that of this process
    folder: Path | None = None  # where it runs


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: wall seconds, user and system seconds, peak memory of the largest process in MiB, bytes written."""

    wall: float
    cpu: float
    peak: float
    written: int


def remove(path: Path) -> None:
    """Remove a file or a folder if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes in a file or in all files of a folder."""
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


def run(command: Command) -> Cost:
    """The cost of one run, with the output of the run before removed; CalledProcessError if it fails."""
    remove(command.output)
    environment = {**os.environ, **dict(command.environment)}
    target = command.output if command.to_stdout else Path(os.devnull)
    with target.open("wb") as stdout:
        began = time.monotonic()
        with subprocess.Popen(
            command.arguments, stdout=stdout, stderr=subprocess.DEVNULL, env=environment, cwd=command.folder
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - began
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command.arguments)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, size(command.output))


def in_turn(commands: dict[str, Command], runs: int) -> dict[str, list[Cost]]:
    """Costs of every command, each run once per round."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(run(command))
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure, and the largest peak."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.peak for cost in costs),
        statistics.median_low([cost.written for cost in costs]),
    )


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The bootstrap percentile interval of the median (Efron, 1979); the same values give the same interval."""
    generator = random.Random(len(values))  # noqa: S311 - not for secrets
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(RESAMPLES))
    tail = (1 - confidence) / 2
    return medians[int(RESAMPLES * tail)], medians[int(RESAMPLES * (1 - tail)) - 1]
