"""How far `capture` is: a line on stderr, on a terminal only; elsewhere nothing is imported and nothing is written."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

# columns of a terminal that hold a bar and the longest line of figures
WIDE = 110


class Watch:
    """Told of progress (index of the capture, bytes, size or None, packets); keeps what a line needs."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.captures = 1
        self.done: dict[int, tuple[int, float, int]] = {}

    def begin(self, captures: int) -> None:
        """There are so many."""
        self.captures = captures
        self.began = time.monotonic()

    def __call__(self, index: int, done: int, size: int | None, packets: int) -> None:
        """One of them is so far."""
        share = min(1.0, done / size) if size else 0.0
        self.done[index] = (done, share, packets)
        self.draw()

    def draw(self) -> None:
        """Show it; here to nobody."""

    @property
    def share(self) -> float:
        """The part of the work that is done, between 0 and 1."""
        return min(1.0, sum(share for _, share, _ in self.done.values()) / max(1, self.captures))

    def line(self) -> str:
        """`12.3 MB/s, 400,000 packets/s, ETA 0:03`."""
        seconds = max(1e-3, time.monotonic() - self.began)
        read = sum(done for done, _, _ in self.done.values())
        packets = sum(count for _, _, count in self.done.values())
        told = f"{read / seconds / 1e6:.1f} MB/s, {packets / seconds:,.0f} packets/s"
        if self.captures > 1:
            told = f"{len(self.done):,} of {self.captures:,} captures, {told}"
        if self.share > 0.01:
            left = round(seconds * (1 - self.share) / self.share)
            told += f", ETA {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
        return told


class Drawn(Watch):
    """A bar of `rich`, drawn at most ten times a second."""

    def __init__(self, bar: Any) -> None:
        super().__init__()
        self.bar = bar
        self.task = bar.add_task("", total=1.0)
        self.due = 0.0

    def draw(self) -> None:
        """Move the bar."""
        if (now := time.monotonic()) >= self.due:
            self.due = now + 0.1
            self.bar.update(self.task, completed=self.share, description=self.line())


@contextlib.contextmanager
def shown() -> Iterator[Watch]:
    """A Watch that draws while the block runs, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield Watch()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    console = Console(stderr=True)
    told = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    # the figures say more than the bar: where there is no room for both, it goes
    columns = (BarColumn(), told) if console.width >= WIDE else (told,)
    with Progress(*columns, console=console, transient=True) as bar:
        yield Drawn(bar)
