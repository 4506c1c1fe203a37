"""Expand the inputs of the user to captures: files, folders, glob patterns, pipes, standard input.

- A folder contains, at any depth, the files that start like a capture, and those that are named like one: if such a
  file is invalid or not readable, the user gets an error for it instead of silence.
- A folder within that is not readable is returned as an input too, so that it fails with its own error and the others
  are read.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from netlake.errors import InputError
from netlake.sources.compressed import Decompressed, compression_of
from netlake.sources.pcap import magic_of
from netlake.sources.pcapng import SECTION_HEADER
from netlake.sources.raw import Raw
from netlake.spelling import spelled

SUFFIXES = {".pcap", ".pcapng", ".cap", ".ntar", ".dmp", ".trace"}
PACKED = {".gz", ".zst", ".zstd", ".xz", ".bz2", ".lz4"}


def expand(inputs: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Every capture of `inputs` once, in the order given; those of a folder or pattern are sorted by path.

    Of several spellings of one file, such as `a.pcap` and a symbolic link to it, the first is returned. InputError for
    an input without any capture.
    """
    found: dict[str, str] = {}
    for given in inputs:
        for path in _expand(os.fspath(given)):
            found.setdefault(path if path == "-" else os.path.realpath(path), path)
    return list(found.values())


def _expand(given: str) -> list[str]:
    if given == "-" or (os.path.lexists(given) and not Path(given).is_dir()):
        return [given]
    if Path(given).is_dir():
        return _folder(given)
    if not glob.has_magic(given):
        raise InputError(f"{spelled(given)} cannot be opened: there is no such file or folder.")
    matched = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - absolute patterns too
    if not matched:
        raise InputError(f"{spelled(given)} matches no file.")
    return [path for match in matched for path in (_folder(match, empty=True) if Path(match).is_dir() else [match])]


def _folder(folder: str, *, empty: bool = False) -> list[str]:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"{spelled(folder)} cannot be opened: it is not readable by this user.")
    closed: list[str] = []

    def unreadable(error: OSError) -> None:
        closed.append(str(error.filename))

    walk = os.walk(folder, onerror=unreadable)
    paths = [os.path.join(base, file) for base, _, files in walk for file in files]  # noqa: PTH118 - keeps ./
    captures = sorted([path for path in paths if Path(path).is_file() and _is_capture(path)] + closed)
    if not captures and not empty:
        raise InputError(f"{spelled(folder)} contains no capture.")
    return captures


def _is_capture(path: str) -> bool:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes[-2:]]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    if suffixes and suffixes[-1] in SUFFIXES:
        return True
    try:
        head = _head(path)
    except InputError as error:
        return isinstance(error.__cause__, PermissionError)  # it may be one
    return magic_of(head) is not None or head.startswith(SECTION_HEADER)


def _head(path: str) -> bytes:
    """The first four bytes of a file, unpacked if it is compressed."""
    raw = Raw(path, sha256=False)
    try:
        compression = compression_of(raw.head(8))
        held = memoryview(bytearray(4))
        (Decompressed(raw, compression) if compression else raw).readinto(held)
        return bytes(held)
    finally:
        raw.close()
