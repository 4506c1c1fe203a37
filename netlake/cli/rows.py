"""From a request to rows in a file or on stdout: what `sql` and `dump` share.

The rows are written by the guarded child straight into the file that was opened for it. A named file is written under a
temporary name beside it and renamed when all went well, so that it is never half there; a file inside the lake is
refused. Protobuf is encoded here and not in the child, since the child may not write where compiled kernels are kept.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from netlake.errors import QueryError
from netlake.query.output import Style, is_binary

if TYPE_CHECKING:
    from netlake.query.guard import Request


def write(request: Request, out: Path | None, *, timeout: float | None) -> int:
    """Answer `request` into `out` or stdout; the exit code."""
    if check_terminal(request.format, out):
        request = replace(request, width=shutil.get_terminal_size().columns)
    with target(out, Path(request.lake)) as file:
        if request.format == "proto":
            return _protobuf(request, file)
        from netlake.query import guard

        code = guard.run(request, file, timeout=timeout)
        if code:
            raise click.exceptions.Exit(code)
        return code


def check_terminal(form: str, out: Path | None) -> bool:
    """Whether rows go to a terminal; UsageError if it is not for one."""
    terminal = out is None and sys.stdout.isatty()
    if terminal and is_binary(form):
        raise click.UsageError(f"{form} is not for a terminal: name a file with -o, or pipe it.")
    return terminal


@contextlib.contextmanager
def target(out: Path | None, lake: Path) -> Iterator[BinaryIO]:
    """The file that rows are written to; what is named appears when the block ends well."""
    if out is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    if out.resolve().is_relative_to(lake.resolve()):
        raise QueryError(f"{out} lies inside the lake; write elsewhere.")
    if out.exists() and not stat.S_ISREG(out.stat().st_mode):
        with out.open("wb") as file:
            yield file
        return
    with _replacing(out) as file:
        yield file


@contextlib.contextmanager
def _replacing(out: Path) -> Iterator[BinaryIO]:
    """A temporary file beside `out` that takes its place."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent)
    except OSError as error:
        raise QueryError(f"{out} cannot be written: {error.strerror}.") from error
    part = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _protobuf(request: Request, file: BinaryIO) -> int:
    """Rows come from the child as an Arrow stream and are encoded here."""
    import pyarrow as pa

    from netlake.query import guard, output

    with guard.start(replace(request, format="arrow"), subprocess.PIPE) as child:
        if child.stdout is None:
            raise QueryError("The query gave no rows to encode.")
        try:
            reader = pa.ipc.open_stream(child.stdout)
        except pa.ArrowInvalid:
            # it has said why on stderr
            raise click.exceptions.Exit(child.wait() or 1) from None
        writer = output.writer("proto", file, reader.schema, Style(table=(request.dump or {}).get("table")))
        for batch in reader:
            writer.write(batch)
        writer.close()
        file.flush()
        if code := child.wait():
            raise click.exceptions.Exit(code)
    return 0
