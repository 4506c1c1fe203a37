"""Threads that run jobs in parallel: jobs of one key in order and one at a time, with a bounded queue.

- A free thread takes the oldest job whose key is not running. Keys (tables) are not assigned to threads: tables differ
  in size by a factor of hundreds, and the first row group does not show it.
- The queue is bounded by bytes: `put` waits while it is full.
- An exception of a job is raised in the caller's thread by every later call; waiting jobs are dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Job = Callable[[], None]


class Ordered:
    """Up to `threads` threads, each started when a job is added; jobs use at most about `limit` bytes of memory."""

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
        """Add a job that uses `size` bytes; waits while the limit is reached (a single job may exceed it)."""
        with self._changed:
            while self._held and self._held + size > self.limit and not self._error:
                self._changed.wait()
            self._check()
            if self._ended:
                raise ValueError("a job was added after end()")
            self._waiting.append((key, size, job))
            self._held += size
            self._begin()
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when all jobs are done."""
        with self._changed:
            while (self._waiting or self._busy) and not self._error:
                self._changed.wait()
            self._check()

    def end(self) -> None:
        """Drop jobs that have not started, wait for those that have, and end the threads."""
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
            # daemon threads, so that a process can exit without end()
            thread = threading.Thread(target=self._run, name=f"{self.name}-{len(self._begun)}", daemon=True)
            self._begun.append(thread)
            thread.start()

    def _take(self) -> tuple[str, int, Job] | None:
        """The oldest job whose key is not running; None after `end`. The caller has the lock."""
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
            del job, taken  # frees its rows before the caller may add more
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
    except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
        return error
    return None
