"""Writes the rows of a request to a file or stdout, for `sql` and `dump`.

- The guarded child writes the rows directly to the file that this process opened.
- An output file is written under a temporary name in the same folder and renamed at the end, so that it is complete or
  absent. A file inside the lake is refused.
- Protobuf is encoded in this process: the child may not write to the cache of compiled kernels.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from netlake.errors import QueryError
from netlake.query.output import ENDINGS, Style, is_binary, place

if TYPE_CHECKING:
    from netlake.query.guard import Request


# rows that a terminal shows without --limit
MOST = 1_000


def form(chosen: str | None, out: Path | None) -> str:
    """The format of the output: the chosen one, else by the ending of the file `out`, else table."""
    return chosen or (ENDINGS.get(out.suffix.lower()) if out is not None else None) or "table"


def write(request: Request, out: Path | None, *, timeout: float | None) -> int:
    """Run `request` and write its rows to `out` or stdout; return the exit code."""
    limit = request.rows
    if check_terminal(request.format, out):
        request = replace(request, width=shutil.get_terminal_size().columns)
        limit = MOST if limit is None else limit
    request = replace(request, rows=limit or None)
    with target(out, Path(request.lake)) as file:
        if request.format == "proto":
            return _protobuf(request, file)
        from netlake.query import guard

        code = guard.run(request, file, timeout=timeout)
        if code:
            raise click.exceptions.Exit(code)
        return code


def check_terminal(form: str, out: Path | None) -> bool:
    """Whether rows go to a terminal; UsageError if `form` is a binary format."""
    terminal = out is None and sys.stdout.isatty()
    if terminal and is_binary(form):
        raise click.UsageError(f"{form} is a binary format: write it to a file with -o, or pipe it.")
    return terminal


@contextlib.contextmanager
def target(out: Path | None, lake: Path) -> Iterator[BinaryIO]:
    """The file that rows are written to; a named file is created when the block ends without an error."""
    if out is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    with place.target(out, lake) as file:
        yield file


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """A block in which the guarded child may fail: it has printed why, so only its exit code is left to return."""
    from netlake.query.guard import FailedError

    try:
        yield
    except FailedError as error:
        raise click.exceptions.Exit(error.exit_code) from None


def _protobuf(request: Request, file: BinaryIO) -> int:
    """Encode the Arrow stream that the child writes."""
    import pyarrow as pa

    from netlake.query import guard, output

    with guard.start(replace(request, format="arrow"), subprocess.PIPE) as child:
        if child.stdout is None:
            raise QueryError("The query returned no rows to encode.")
        try:
            reader = pa.ipc.open_stream(child.stdout)
        except pa.ArrowInvalid:
            # the child printed the reason on stderr
            raise click.exceptions.Exit(child.wait() or 1) from None
        writer = output.writer("proto", file, reader.schema, Style(table=(request.dump or {}).get("table")))
        for batch in reader:
            writer.write(batch)
        writer.close()
        file.flush()
        if code := child.wait():
            raise click.exceptions.Exit(code)
    return 0
