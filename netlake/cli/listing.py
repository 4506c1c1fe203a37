"""Aligned lines on stdout, for the lists that commands print. Text is made harmless; numbers stand to the right."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO, cast

import click

from netlake.query.output.visible import harmless


class _Patient:
    """Standard output that nobody need listen to."""

    def __init__(self, out: Any) -> None:
        self._out = out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)

    def write(self, text: str) -> int:
        """Write it, if somebody reads."""
        with contextlib.suppress(BrokenPipeError):
            self._out.write(text)
        return len(text)

    def flush(self) -> None:
        """As above."""
        with contextlib.suppress(BrokenPipeError):
            self._out.flush()


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """Within it, whoever has read enough of stdout neither ends the command nor changes its exit code."""
    out, told = sys.stdout, cast("TextIO", _Patient(sys.stdout))
    with contextlib.redirect_stdout(told):
        yield
    try:
        out.flush()
    except BrokenPipeError:
        sys.stdout = told  # else it were tried again at the end


def show(rows: Sequence[Sequence[str]], right: Sequence[int] = (), head: Sequence[str] | None = None) -> None:
    """Print `rows` in columns; those in `right` are numbers. On a terminal a last column of text is cut to fit."""
    lines = [[harmless(cell) for cell in row] for row in ([head, *rows] if head else rows)]
    if not lines:
        return
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    cut = sys.stdout.isatty() and len(widths) - 1 not in right
    room = max(shutil.get_terminal_size().columns, sum(widths[:-1]) + 2 * len(widths)) if cut else 0
    for line in lines:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text = "  ".join(cells).rstrip()
        click.echo(text if not room or len(text) <= room else text[: room - 1] + "…")


def size(count: float) -> str:
    """Bytes as people read them: `1.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
