"""Output files: written under a temporary name in the same folder and renamed, so that they are complete or absent."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from netlake.errors import OptionError
from netlake.spelling import spelled


@contextlib.contextmanager
def target(out: Path, lake: Path, option: str = "-o") -> Iterator[BinaryIO]:
    """A file that becomes `out` when the block ends without an error; devices and pipes are written at once.

    OptionError, which names `option`, for a file in the lake and one that cannot be written.
    """
    if out.resolve().is_relative_to(lake.resolve()):
        raise OptionError(f"{spelled(out)} is inside the lake: choose another folder with {option}.")
    if out.exists() and not stat.S_ISREG(out.stat().st_mode):
        with out.open("wb") as file:
            yield file
        return
    with _replacing(out, option) as file:
        yield file


@contextlib.contextmanager
def _replacing(out: Path, option: str) -> Iterator[BinaryIO]:
    """A temporary file in the folder of `out`, renamed to `out` at the end."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent)
    except OSError as error:
        raise OptionError(f"{option}: {spelled(out)} cannot be written: {error.strerror}.") from error
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
