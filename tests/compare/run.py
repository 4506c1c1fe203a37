"""Runs a function on many captures, in processes with limits of time and memory."""

from __future__ import annotations

import hashlib
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

from netlake.kernels import warm
from tests.compare.capture import Outcome, compare_capture

MEMORY = 6 << 30
RECYCLE = 50


def captures(given: list[Path]) -> list[tuple[Path, str]]:
    """(path, name in reports) of every capture in the given files and folders."""
    found: list[tuple[Path, str]] = []
    for path in given:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        root = path if path.is_dir() else path.parent
        found += [
            (file, str(file.relative_to(root)))
            for file in files
            if file.suffix not in (".md", ".txt", ".py", ".sh", ".toml")
        ]
    return found


def sample(found: list[tuple[Path, str]], count: int) -> list[tuple[Path, str]]:
    """`count` captures, always the same: those with the least hashes of their names."""
    return sorted(
        sorted(found, key=lambda one: hashlib.sha256(one[1].encode()).hexdigest())[:count], key=lambda one: one[1]
    )


Work = Callable[[Path, str], Outcome]


def _work(channel: Connection, work: Work) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    while (task := channel.recv()) is not None:
        path, name = task
        try:
            channel.send(work(path, name))
        except Exception as error:  # noqa: BLE001 - any exception is a result
            channel.send(Outcome(name, "crashed", f"{type(error).__name__}: {error}"))


class Worker:
    """A process that calls `work` for one capture after another."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.channel, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()
        self.name = ""
        self.deadline = 0.0
        self.done = 0

    def give(self, task: tuple[Path, str], seconds: float) -> None:
        """Send it a capture, with a time limit."""
        self.name, self.deadline = task[1], time.monotonic() + seconds
        self.channel.send(task)

    def take(self) -> Outcome:
        """Receive the outcome; the end of the process is the outcome `crashed`."""
        try:
            outcome: Outcome = self.channel.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            outcome = Outcome(self.name, "crashed", f"the process ended with {self.process.exitcode}")
        self.done += 1
        return outcome

    def stop(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()
        self.channel.close()


def run(tasks: list[tuple[Path, str]], jobs: int, seconds: float, work: Work = compare_capture) -> Iterator[Outcome]:
    """Call `work` for every capture, in any order; one that exceeds `seconds` is stopped."""
    warm.warm()
    left = list(reversed(tasks))
    workers: list[Worker] = []
    while left or workers:
        while left and len(workers) < jobs:
            workers.append(Worker(work))
            workers[-1].give(left.pop(), seconds)
        ready = wait([worker.channel for worker in workers], timeout=1.0)
        for worker in list(workers):
            if worker.channel in ready:
                yield worker.take()
            elif time.monotonic() > worker.deadline:
                yield Outcome(worker.name, "timed out", f"more than {seconds:.0f} s")
                worker.done = RECYCLE
            else:
                continue
            if left and worker.done < RECYCLE and worker.process.is_alive():
                worker.give(left.pop(), seconds)
            else:
                worker.stop()
                workers.remove(worker)
