"""Progress of long work: one line on stderr if it is a terminal; otherwise nothing is written and rich not imported."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

# terminal columns that a bar and the longest line of figures need
WIDE = 110


class Watch:
    """Callback for progress: called with index of the capture, bytes read, size or None, packets."""

    def __init__(self, unit: str = "packets") -> None:
        self.unit = unit
        self.began = time.monotonic()
        self.captures = 1
        self.done: dict[int, tuple[int, float, int]] = {}

    def begin(self, captures: int) -> None:
        """Start the clock; `captures` is their number."""
        self.captures = captures
        self.began = time.monotonic()

    def __call__(self, index: int, done: int, size: int | None, packets: int) -> None:
        """Record the progress of capture `index`: `done` of `size` bytes, and packets so far."""
        share = min(1.0, done / size) if size else 0.0
        self.done[index] = (done, share, packets)
        self.draw()

    def draw(self) -> None:
        """Draw the progress; does nothing here."""

    @property
    def share(self) -> float:
        """Share of the work that is done, from 0 to 1."""
        return min(1.0, sum(share for _, share, _ in self.done.values()) / max(1, self.captures))

    def line(self) -> str:
        """`12.3 MB/s, 400,000 packets/s, ETA 0:03`."""
        seconds = max(1e-3, time.monotonic() - self.began)
        read = sum(done for done, _, _ in self.done.values())
        packets = sum(count for _, _, count in self.done.values())
        text = f"{read / seconds / 1e6:.1f} MB/s"
        if packets or self.unit == "packets":
            text += f", {packets / seconds:,.0f} {self.unit}/s"
        if self.captures > 1:
            text = f"{len(self.done):,} of {self.captures:,} captures, {text}"
        if self.share > 0.01:
            left = round(seconds * (1 - self.share) / self.share)
            text += f", ETA {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
        return text


class Drawn(Watch):
    """Draws a bar with `rich`, at most ten times per second."""

    def __init__(self, bar: Any, unit: str = "packets") -> None:
        super().__init__(unit)
        self.bar = bar
        self.task = bar.add_task("", total=1.0)
        self.due = 0.0

    def draw(self) -> None:
        """Update the bar, if the last update is 0.1 s ago."""
        if (now := time.monotonic()) >= self.due:
            self.due = now + 0.1
            self.bar.update(self.task, completed=self.share, description=self.line())


@contextlib.contextmanager
def shown(unit: str = "packets") -> Iterator[Watch]:
    """A Watch for the block, which draws if stderr is a terminal; `unit` is what it counts."""
    if not sys.stderr.isatty():
        yield Watch(unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    console = Console(stderr=True)
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    # a narrow terminal gets the figures without the bar
    columns = (BarColumn(), text) if console.width >= WIDE else (text,)
    with Progress(*columns, console=console, transient=True) as bar:
        yield Drawn(bar, unit)
