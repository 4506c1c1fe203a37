"""Threads that run jobs in parallel, those of one key in order and never two at once; what waits for them is bounded.

A key is not tied to a thread: whichever is free takes the oldest job whose key is not at work. Tables differ in size
by hundreds, and no pinning decided at the first row group stays right. What a job raises is raised to the caller at
its next call; the jobs behind it are dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Job = Callable[[], None]


class Ordered:
    """`threads` threads, begun when first needed; waiting jobs hold at most about `limit` bytes together."""

    def __init__(self, threads: int, limit: int, name: str = "netlake-writer") -> None:
        self.threads, self.limit, self.name = max(1, threads), limit, name
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, int, Job]] = deque()
        self._busy: set[str] = set()
        self._held = 0
        self._begun: list[threading.Thread] = []
        self._error: BaseException | None = None
        self._ended = False

    def put(self, key: str, size: int, job: Job) -> None:
        """Hand over a job that holds `size` bytes; waits while too much is held (one alone may be larger)."""
        with self._changed:
            while self._held and self._held + size > self.limit and not self._error:
                self._changed.wait()
            self._check()
            if self._ended:
                raise ValueError("nothing can be written after the end")
            self._waiting.append((key, size, job))
            self._held += size
            self._begin()
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when everything handed over is done."""
        with self._changed:
            while (self._waiting or self._busy) and not self._error:
                self._changed.wait()
            self._check()

    def end(self) -> None:
        """Drop what has not begun, wait for what has, and end the threads."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._begun:
            thread.join()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _begin(self) -> None:
        if len(self._begun) < self.threads:
            # daemons: a caller that dies without end() must not hang its process
            thread = threading.Thread(target=self._run, name=f"{self.name}-{len(self._begun)}", daemon=True)
            self._begun.append(thread)
            thread.start()

    def _take(self) -> tuple[str, int, Job] | None:
        """The oldest job whose key is not at work; None at the end. Called with the lock held."""
        while True:
            for index, (key, size, job) in enumerate(self._waiting):
                if key not in self._busy:
                    del self._waiting[index]
                    self._busy.add(key)
                    return key, size, job
            if self._ended:
                return None
            self._changed.wait()

    def _run(self) -> None:
        while True:
            with self._changed:
                taken = self._take()
            if taken is None:
                return
            key, size, job = taken
            error = _attempt(job)
            del job, taken  # the rows that it holds are free before the caller is told so
            with self._changed:
                self._busy.discard(key)
                self._held -= size
                if error is not None:
                    self._error = self._error or error
                    self._waiting.clear()
                self._changed.notify_all()


def _attempt(job: Job) -> BaseException | None:
    try:
        job()
    except BaseException as error:  # noqa: BLE001 - carried to the caller's thread and raised there
        return error
    return None
