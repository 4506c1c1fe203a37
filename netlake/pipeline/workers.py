"""Decode captures in parallel, in worker processes under a supervisor.

- A worker decodes one capture at a time. It receives it through its own pipe and sends progress and the report back.
- If a worker dies (killed, out of memory), its capture is given to a new worker once. If that dies too, the capture
  fails; the other captures are not affected. The standard library's process pool would end all tasks instead.
- A capture that exceeds its budget of time or memory fails at once: its worker gets SIGTERM, upon which it removes its
  files, and SIGKILL after GRACE seconds. Memory is the resident memory of the process, which is read from /proc.
- A worker sends what is known of a capture before it decodes it; with that a capture that failed is recorded in the
  lake (netlake.pipeline.failed).
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
from netlake.lake.facts import CaptureFacts
from netlake.pipeline import failed
from netlake.pipeline.process import ended_by_signals, settle
from netlake.pipeline.report import CaptureReport
from netlake.pipeline.run import Settings, to_lake
from netlake.spelling import spelled

# seconds between two messages of progress
PULSE = 0.2
TRIES = 2
# seconds between two looks at budgets, and until a worker that exceeded one is killed
POLL, GRACE = 0.1, 5.0

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

        channel.send(None)  # its time begins
        channel.send(to_lake(specs, lake, settings, progress, channel.send))


@dataclass(frozen=True, slots=True)
class Budget:
    """What one capture may cost: seconds of time, and MiB of memory of its worker; None: without limit."""

    seconds: float | None = None
    memory: int | None = None

    def __bool__(self) -> bool:
        return self.seconds is not None or self.memory is not None


@dataclass(slots=True)
class Worker:
    """A process, its pipe, the capture that it decodes, since when, and what is known of it.

    `reason` is the budget that the capture exceeded: the process was asked to end, and is killed at `deadline`.
    """

    process: Any
    channel: Connection
    task: tuple[int, list[str]] | None = None
    since: float = 0.0
    facts: CaptureFacts | None = None
    reason: str | None = None
    deadline: float = 0.0

    def begin(self, task: tuple[int, list[str]]) -> None:
        """Decode a capture."""
        self.task, self.since, self.facts = task, time.monotonic(), None
        self.reason, self.deadline = None, 0.0
        self.channel.send(task)

    def stop(self, seconds: float | None = GRACE) -> None:
        """Wait until the process ends, which was asked to; it is killed after `seconds`."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.channel.close()

    def check(self, budget: Budget) -> None:
        """End the process if its capture exceeds the budget, unless a message of it waits."""
        if self.task is None or self.channel.poll():
            return
        if self.reason is None:
            self.reason = self._exceeded(budget)
            if self.reason is not None:
                self.process.terminate()
                self.deadline = time.monotonic() + GRACE
        elif time.monotonic() > self.deadline:
            self.process.kill()

    def _exceeded(self, budget: Budget) -> str | None:
        if budget.seconds is not None and time.monotonic() - self.since > budget.seconds:
            return f"it took more than {budget.seconds:g} seconds (--budget-seconds)"
        if budget.memory is not None and resident(self.process.pid) > budget.memory << 20:
            return f"it needed more than {budget.memory:,} MiB of memory (--budget-memory)"
        return None


def resident(process: int) -> int:
    """Bytes of memory that a process has in use, 0 where the system does not tell."""
    try:
        with open(f"/proc/{process}/statm", encoding="ascii") as file:  # noqa: PTH123 - read ten times a second
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


class Supervisor:
    """Decodes captures in up to `jobs` workers, each within `budget`."""

    def __init__(self, lake: str, settings: Settings, jobs: int, watcher: Watcher, budget: Budget = Budget()) -> None:
        self.lake, self.settings, self.jobs, self.watcher, self.budget = lake, settings, jobs, watcher, budget
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
        for worker in [one for one in self.workers if one.task is None and one.reason is not None]:
            # it was asked to end just before its report arrived
            self.workers.remove(worker)
            worker.stop()
        idle = [worker for worker in self.workers if worker.task is None]
        while waiting and (idle or len(self.workers) < self.jobs):
            worker = idle.pop() if idle else self._start()
            task = waiting.popleft()
            self.tries[task[0]] = self.tries.get(task[0], 0) + 1
            worker.begin(task)

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
        for channel in wait(list(busy), POLL if self.budget else None):
            self._hear(busy[channel], waiting)  # type: ignore[index]
        for worker in self.workers if self.budget else ():
            worker.check(self.budget)

    def _hear(self, worker: Worker, waiting: deque[tuple[int, list[str]]]) -> None:
        """Take one message of a worker."""
        try:
            message = worker.channel.recv()
        except (EOFError, OSError):
            self._died(worker, waiting)
            return
        if isinstance(message, CaptureReport):
            self.reports[worker.task[0]] = message  # type: ignore[index]
            worker.task = None
            if message.disk_full:
                waiting.clear()
        elif isinstance(message, CaptureFacts):
            worker.facts = message
        elif message is None:
            worker.since = time.monotonic()
        else:
            self.watcher(*message)

    def _died(self, worker: Worker, waiting: deque[tuple[int, list[str]]]) -> None:
        task = worker.task
        self.workers.remove(worker)
        worker.process.join()
        worker.channel.close()
        if task is None:
            return
        if worker.reason is not None:
            self._failed(worker, worker.reason)
        elif self.tries[task[0]] < TRIES:
            waiting.appendleft(task)
        else:
            self._failed(worker, f"its worker process died {TRIES} times ({_how(worker)})")

    def _failed(self, worker: Worker, reason: str) -> None:
        """Report that the capture of a worker failed, and record it in the lake."""
        index, specs = worker.task  # type: ignore[misc]
        name = spelled(specs[0])
        self.reports[index] = CaptureReport(name=name, message=f"{name} could not be decoded: {reason}.")
        if worker.facts is not None:
            self.reports[index].id = worker.facts.capture
        failed.record(self.lake, worker.facts, reason)

    def _end(self) -> None:
        for worker in self.workers:
            if worker.task is None:
                worker.channel.send(None)
            else:
                worker.process.terminate()
        for worker in self.workers:
            worker.stop(None if worker.task is None else GRACE)


def _how(worker: Worker) -> str:
    code = worker.process.exitcode
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def default_jobs(captures: int) -> int:
    """One process for each CPU that this process may use, at most one for each capture."""
    return max(
        1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, captures)
    )
