"""Progress of work in steps: one line on stderr if it is a terminal and the work takes longer than a second."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import click

PATIENCE = 1.0


@contextlib.contextmanager
def shown(what: str, *, quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """A function for the block that draws `what: STEP, 37 %, 0:12 left`, called with a step and a share from 0 to 1.

    `quiet` draws nothing, for results on the same terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda *_: None
        return
    began, due, width = time.monotonic(), time.monotonic() + PATIENCE, 0

    def draw(step: str, share: float) -> None:
        nonlocal due, width
        if (now := time.monotonic()) < due:
            return
        due = now + 0.1
        text = f"{what}: {step}, {share:.0%}"
        if share > 0.01:
            left = round((now - began) * (1 - share) / share)
            text += f", {left // 60}:{left % 60:02d} left"
        click.echo("\r" + text.ljust(width), nl=False, err=True)
        width = len(text)

    try:
        yield draw
    finally:
        if width:
            click.echo("\r" + " " * width + "\r", nl=False, err=True)
