"""Aligned lines on stdout, for the lists that commands print; control characters are escaped, numbers right-aligned."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO, cast

import click

from netlake.query.output.visible import harmless


class _IgnoreClosedPipe:
    """Wraps standard output; a closed pipe is no error."""

    def __init__(self, out: Any) -> None:
        self._out = out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)

    def write(self, text: str) -> int:
        """Write `text`, unless the reader closed the pipe."""
        with contextlib.suppress(BrokenPipeError):
            self._out.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, unless the reader closed the pipe."""
        with contextlib.suppress(BrokenPipeError):
            self._out.flush()


@contextlib.contextmanager
def ignore_closed_pipe() -> Iterator[None]:
    """While the block runs, a closed stdout neither ends the command nor changes its exit code."""
    out, wrapped = sys.stdout, cast("TextIO", _IgnoreClosedPipe(sys.stdout))
    with contextlib.redirect_stdout(wrapped):
        yield
    try:
        out.flush()
    except BrokenPipeError:
        sys.stdout = wrapped  # Python flushes stdout again when it exits


def show(rows: Sequence[Sequence[str]], right: Sequence[int] = (), head: Sequence[str] | None = None) -> None:
    """Print `rows` in aligned columns; those with an index in `right` are right-aligned.

    On a terminal, a last column of text is cut to fit.
    """
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
    """`count` bytes with a unit: `1.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
