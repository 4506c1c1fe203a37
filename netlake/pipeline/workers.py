"""Decode captures in parallel, in worker processes under a supervisor.

- A worker decodes one capture at a time. It receives it through its own pipe and sends progress and the report back.
- If a worker dies (killed, out of memory), its capture is given to a new worker once. If that dies too, the capture
  fails; the other captures are not affected. The standard library's process pool would end all tasks instead.
- Workers are spawned, not forked: forking a process that has threads is unsafe.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from netlake import tables
from netlake.pipeline.process import ended_by_signals, settle
from netlake.pipeline.report import CaptureReport
from netlake.pipeline.run import Settings, to_lake
from netlake.spelling import spelled

# seconds between two messages of progress
PULSE = 0.2
TRIES = 2

# (index of the capture, bytes read, size or None, packets)
Watcher = Callable[[int, int, int | None, int], None]


def work(channel: Connection, lake: str, settings: Settings) -> None:
    """Run a worker: it receives captures as (index, specs) and ends at None, or at SIGTERM, and leaves no files then.

    The supervisor decides what SIGINT means, which a terminal sends to all processes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(KeyboardInterrupt, EOFError), ended_by_signals(streams=False):
        tables.load(settings.plugins)
        settle()
        _decode(channel, lake, settings)


def _decode(channel: Connection, lake: str, settings: Settings) -> None:
    while (task := channel.recv()) is not None:
        index, specs = task
        due = 0.0

        def progress(done: int, size: int | None, packets: int, index: int = index) -> None:
            nonlocal due
            if (now := time.monotonic()) >= due:
                channel.send((index, done, size, packets))
                due = now + PULSE

        channel.send(to_lake(specs, lake, settings, progress))


@dataclass(slots=True)
class Worker:
    """A process, its pipe, and the capture that it decodes."""

    process: Any
    channel: Connection
    task: tuple[int, list[str]] | None = None


class Supervisor:
    """Decodes captures in up to `jobs` workers."""

    def __init__(self, lake: str, settings: Settings, jobs: int, watcher: Watcher) -> None:
        self.lake, self.settings, self.jobs, self.watcher = lake, settings, jobs, watcher
        self.workers: list[Worker] = []
        self.reports: dict[int, CaptureReport] = {}
        self.tries: dict[int, int] = {}

    def run(self, captures: Sequence[list[str]]) -> list[CaptureReport]:
        """Decode `captures`; returns their reports in the same order, of those begun before a disk was full."""
        waiting = deque(enumerate(captures))
        try:
            while waiting or any(worker.task for worker in self.workers):
                self._give(waiting)
                self._listen(waiting)
        finally:
            self._end()
        return [self.reports[index] for index in sorted(self.reports)]

    def _give(self, waiting: deque[tuple[int, list[str]]]) -> None:
        idle = [worker for worker in self.workers if worker.task is None]
        while waiting and (idle or len(self.workers) < self.jobs):
            worker = idle.pop() if idle else self._start()
            worker.task = waiting.popleft()
            self.tries[worker.task[0]] = self.tries.get(worker.task[0], 0) + 1
            worker.channel.send(worker.task)

    def _start(self) -> Worker:
        context = mp.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, self.lake, self.settings), daemon=True)
        process.start()
        theirs.close()
        worker = Worker(process, ours)
        self.workers.append(worker)
        return worker

    def _listen(self, waiting: deque[tuple[int, list[str]]]) -> None:
        busy = {worker.channel: worker for worker in self.workers if worker.task}
        for channel in wait(list(busy)):
            worker = busy[channel]  # type: ignore[index]
            try:
                message = worker.channel.recv()
            except (EOFError, OSError):
                self._died(worker, waiting)
                continue
            if isinstance(message, CaptureReport):
                self.reports[worker.task[0]] = message  # type: ignore[index]
                worker.task = None
                if message.disk_full:
                    waiting.clear()
            else:
                self.watcher(*message)

    def _died(self, worker: Worker, waiting: deque[tuple[int, list[str]]]) -> None:
        task = worker.task
        self.workers.remove(worker)
        worker.process.join()
        worker.channel.close()
        if task is None:
            return
        index, specs = task
        if self.tries[index] < TRIES:
            waiting.appendleft(task)
            return
        name = spelled(specs[0])
        message = f"{name} could not be decoded: its worker process died {TRIES} times ({_how(worker)})."
        self.reports[index] = CaptureReport(name=name, message=message)

    def _end(self) -> None:
        for worker in self.workers:
            if worker.task is None:
                worker.channel.send(None)
            else:
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join()
            worker.channel.close()


def _how(worker: Worker) -> str:
    code = worker.process.exitcode
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def default_jobs(captures: int) -> int:
    """One process for each CPU that this process may use, at most one for each capture."""
    return max(
        1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, captures)
    )
