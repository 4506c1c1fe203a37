"""Run a program and say what it cost: wall seconds, processor seconds, peak memory; and what other programs need."""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: seconds by the wall and of all processors, peak memory of the largest process in MiB."""

    wall: float
    cpu: float
    peak: float


def run(command: Sequence[str | os.PathLike[str]]) -> Cost:
    """The cost of one command, whose output goes nowhere; CalledProcessError if it fails."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [os.fspath(part) for part in command])
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turn(
    commands: dict[str, Sequence[str | os.PathLike[str]]], rounds: int, before: dict[str, Path]
) -> dict[str, list[Cost]]:
    """Every command once, then every command again, `rounds` times; `before` names folders to remove before each run."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            if name in before:
                shutil.rmtree(before[name], ignore_errors=True)
            costs[name].append(run(command))
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    """The run in the middle by wall time, and the largest peak."""
    middle = statistics.median_low([cost.wall for cost in costs])
    chosen = next(cost for cost in costs if cost.wall == middle)
    return Cost(chosen.wall, chosen.cpu, max(cost.peak for cost in costs))


def own_peak() -> float:
    """Peak memory of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
