"""Ground-truth files: the first bytes for recognition, and lines in bounded memory, unpacked if they are compressed."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from netlake.errors import TruthError
from netlake.label.truth.rules import Notes
from netlake.sources.compressed import DAMAGE, compression_of
from netlake.spelling import spelled

HEAD = 64 << 10
# a line above this size is no line of a log
LONGEST_LINE = 16 << 20
# a document (YAML, XML, JSON) is read as a whole, up to this size
LARGEST_DOCUMENT = 256 << 20


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file: its name, and the first 64 KiB unpacked, as bytes and as text."""

    name: str
    data: bytes
    text: str

    @property
    def first(self) -> str:
        """The first line that is neither empty nor a comment."""
        for line in self.text.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                return line.strip()
        return ""

    @property
    def columns(self) -> list[str]:
        """The names in a first line of comma-separated names, in lower case."""
        line = self.text.lstrip("\ufeff").partition("\n")[0].strip()
        return [name.strip().strip('"').lower() for name in line.split(",")]


def opened(path: Path) -> IO[bytes]:
    """The unpacked bytes of a file; TruthError if it cannot be opened."""
    try:
        with path.open("rb") as raw:
            kind = compression_of(raw.read(8))
    except OSError as error:
        raise TruthError(f"{spelled(path)} cannot be read: {error.strerror or error}.") from None
    if kind == "gzip":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if kind == "bzip2":
        return bz2.open(path, "rb")
    if kind == "xz":
        return lzma.open(path, "rb")
    if kind is not None:
        return io.BufferedReader(pa.input_stream(str(path), compression={"zstd": "zstd", "lz4": "lz4"}[kind]))
    return path.open("rb")


def head(path: Path) -> Head:
    """The beginning of a file; TruthError if it cannot be read."""
    try:
        with opened(path) as file:
            data = file.read(HEAD)
    except DAMAGE as error:
        raise TruthError(f"{spelled(path)} cannot be unpacked: {error}.") from None
    return Head(path.name, data, data.decode("utf-8", "replace"))


Progress = Callable[[int, int], None]


def lines(path: Path, notes: Notes, progress: Progress | None = None) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of every line; a damaged compression or an endless line is a bad row that ends the file."""
    number = done = 0
    size = path.stat().st_size
    file = opened(path)
    with file:
        while True:
            try:
                line = file.readline(LONGEST_LINE)
            except DAMAGE as error:
                notes.wrong(number + 1, f"the compressed file is damaged here ({error}); the rest was not read.")
                return
            if not line:
                return
            number += 1
            done += len(line)
            if len(line) >= LONGEST_LINE:
                notes.wrong(number, f"the line has more than {LONGEST_LINE >> 20} MiB; the rest was not read.")
                return
            if progress and number % 4096 == 0:
                progress(min(done, size), size)
            yield number, line


def document(path: Path) -> bytes:
    """A whole file; TruthError above 256 MiB."""
    try:
        with opened(path) as file:
            data = file.read(LARGEST_DOCUMENT + 1)
    except DAMAGE as error:
        raise TruthError(f"{spelled(path)} cannot be unpacked: {error}.") from None
    if len(data) > LARGEST_DOCUMENT:
        raise TruthError(f"{spelled(path)} has more than {LARGEST_DOCUMENT >> 20} MiB, too many for this format.")
    return data


def table(
    path: Path, notes: Notes, progress: Progress | None = None, delimiter: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every row of a file of separated values, the header included, empty lines left out.

    A row that is not UTF-8 is a bad row, and one that cannot be parsed ends the file.
    """
    decoded = (line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")
               for number, line in lines(path, notes, progress))  # fmt: skip
    reader = csv.reader(decoded, delimiter=delimiter)
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            notes.wrong(begin, f"the row cannot be parsed ({error}); the rest was not read.")
            return
        if not cells:
            continue
        try:
            "".join(cells).encode()
        except UnicodeEncodeError:
            notes.wrong(begin, "the row is not UTF-8.")
            continue
        yield begin, cells


def rows(
    path: Path, notes: Notes, progress: Progress | None = None, delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column name (lower case, without surrounding blanks) of every row below the header."""
    names: list[str] | None = None
    for line, cells in table(path, notes, progress, delimiter):
        if names is None:
            names = [cell.strip().lower() for cell in cells]
            continue
        if len(cells) != len(names):
            notes.wrong(line, f"the row has {len(cells)} cells, and the header {len(names)}.")
            continue
        yield line, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
