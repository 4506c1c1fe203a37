"""Output files: written under a temporary name in the same folder and renamed, so that they are complete or absent."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from netlake.errors import LakeError, OptionError
from netlake.spelling import spelled, unspelled


@contextlib.contextmanager
def target(out: Path, lake: Path, option: str = "-o") -> Iterator[BinaryIO]:
    """A file that becomes `out` when the block ends without an error; devices and pipes are written at once.

    OptionError, which names `option`, for a file in the lake, an original of its captures, and one that cannot be
    written.
    """
    if out.resolve().is_relative_to(lake.resolve()):
        raise OptionError(f"{spelled(out)} is inside the lake: choose another folder with {option}.")
    if _is_original(out, lake):
        raise OptionError(f"{spelled(out)} is an original capture of the lake: choose another file with {option}.")
    if out.exists() and not stat.S_ISREG(out.stat().st_mode):
        with out.open("wb") as file:
            yield file
        return
    with _replacing(out, option) as file:
        yield file


def _is_original(out: Path, lake: Path) -> bool:
    """Whether a file is one that the lake's captures were decoded from."""
    if not out.is_file():
        return False
    from netlake.lake.catalog import Catalog

    try:
        found = Catalog(lake, readonly=True).captures()
    except LakeError:
        return False
    paths = [Path(unspelled(line)) for one in found for line in one.facts.path.split("\n")]
    return any(path.is_file() and path.samefile(out) for path in paths)


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
