"""Several files as one capture, such as the files of a rotated capture.

Rules
- The files are read in the order of the times of their first packets; a file without times is last. Each is opened
  once before for this time, so they must be files, not pipes.
- Numbers of packets and interfaces continue from one file to the next. Offsets are those of each file; `parts` has the
  number of the first packet of each.
- The capture's id is computed from the ids of its files, its SHA-256 from theirs, in this order.
- A file that cannot be read is a problem of the capture; InputError is raised only if none can be read.
- No batch spans two files, because a batch's buffer is that of one file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from netlake.errors import InputError
from netlake.packets import NO_TIME, Packets
from netlake.sources.facts import Part
from netlake.sources.file import FileSource
from netlake.sources.source import Facts
from netlake.spelling import spelled


@dataclass(frozen=True, slots=True)
class _File:
    spec: str
    part: Part
    former_id: str
    first_time: int

    @property
    def capture_id(self) -> str:
        """The id of the file."""
        return self.part.capture_id


class JoinedSource(Facts):
    """The packets of several files, one after the other."""

    def __init__(
        self, specs: Iterable[str | os.PathLike[str]], *, salvage: bool, sha256: bool, first_number: int,
        first_interface: int,
    ) -> None:  # fmt: skip
        super().__init__("several files", first_number, first_interface)
        self._salvage, self._sha256 = salvage, sha256
        self._files = self._ordered([os.fspath(spec) for spec in specs])
        self.files = [file.part for file in self._files]
        self.name = f"{self.files[0].name} and {len(self._files) - 1} more"
        self.capture_id = id_of(part.capture_id for part in self.files)
        self.former_id = id_of(file.former_id for file in self._files)
        self.size: int | None = sum(part.size or 0 for part in self.files)
        self.format = "several"
        self._sections_before = 0
        self._begun: list[Part] = []
        self._child: FileSource | None = None
        self._read_before = self._salvaged_before = 0
        self._ended = False

    def _ordered(self, specs: list[str]) -> list[_File]:
        """The files that can be opened, by the time of their first packet; those without time last."""
        files, wrong = [], []
        for spec in specs:
            try:
                files.append(_look(spec))
            except InputError as error:
                wrong.append(str(error))
                self.problem(0, str(error), partial=True, file=spelled(spec))
        if not files:
            raise InputError(" ".join(wrong) or "No capture was named; give at least one file.")
        return sorted(files, key=lambda file: file.first_time)

    @property
    def bytes_read(self) -> int:
        """Bytes of the files read so far, before unpacking."""
        return self._read_before + (self._child.bytes_read if self._child else 0)

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the files' SHA-256, in order; None before the end, or if one is not known."""
        hashes = [part.sha256 for part in self._begun]
        if not self._ended or not all(hashes):
            return None
        return hashlib.sha256(bytes.fromhex("".join(str(one) for one in hashes))).hexdigest()

    @property
    def parts(self) -> list[Part]:
        """The files read so far; the SHA-256 of the present one is not known yet."""
        return list(self._begun)

    def batches(self, rows: int = 8192, max_wait: float | None = None) -> Iterator[Packets]:  # noqa: ARG002 - as Source
        """Every packet, in batches that are valid until the next is requested; no batch spans two files.

        `max_wait` is ignored: files do not wait.
        """
        while self._files:
            file = self._files.pop(0)
            try:
                child = self._open(file)
            except InputError as error:
                self.problem(0, str(error), partial=True, file=file.part.name)
                continue
            interfaces = len(self.interfaces)
            for batch in child.batches(rows):
                self.count(batch)
                self._collect(child, interfaces)
                yield batch
            self._collect(child, interfaces)
            self._finish(child)
        self._ended = True

    def _open(self, file: _File) -> FileSource:
        child = FileSource(
            file.spec, salvage=self._salvage, sha256=self._sha256, first_number=self.next_number,
            first_interface=self.first_interface + len(self.interfaces),
        )  # fmt: skip
        self._child = child
        self._begun.append(replace(child.files[0], first_packet=self.next_number))
        self._sections_before = len(self.sections)
        if child.capture_id != file.capture_id:
            child.problem(0, "the file changed after it was first opened.", partial=True)
        return child

    def _collect(self, child: FileSource, interfaces: int) -> None:
        """Move the facts that the file has so far to the capture."""
        self.interfaces[interfaces:] = child.interfaces
        self.sections[self._sections_before :] = child.sections
        self.comments += child.comments
        self.options += child.options
        self.names += child.names
        self.secrets += child.secrets
        self.problems += child.problems
        for taken in (child.comments, child.options, child.names, child.secrets, child.problems):
            taken.clear()
        self.next_number = child.next_number
        self.salvaged = self._salvaged_before + child.salvaged

    def _finish(self, child: FileSource) -> None:
        self._begun[-1].sha256 = child.sha256
        self._read_before += child.bytes_read
        self._salvaged_before += child.salvaged
        for kind, count in child.skipped_blocks.items():
            self.skipped_blocks[kind] = self.skipped_blocks.get(kind, 0) + count
        self.unlisted += child.unlisted
        self._child = None
        child.close()

    def close(self) -> None:
        """Close the present file."""
        if self._child:
            self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _look(spec: str) -> _File:
    """Open a file for the time of its first packet that has one, within its first batch."""
    # a pipe would block, and cannot be read twice
    path = Path(spec)
    if spec == "-" or (path.exists() and not path.is_dir() and not path.is_file()):
        raise InputError(
            f"{spelled(spec)} cannot be joined with other files, because it cannot be read twice; save it to a file."
        )
    with FileSource(spec, salvage=False, sha256=False, first_number=1, first_interface=0) as source:
        part, former = source.files[0], source.former_id
        for batch in source.batches(64):
            times = batch.ts[: batch.count]
            known = times[times != NO_TIME]
            return _File(spec, part, former, int(known[0]) if len(known) else -NO_TIME)
        return _File(spec, part, former, -NO_TIME)


def id_of(ids: Iterable[str]) -> str:
    """The id of a capture whose files have these ids."""
    return hashlib.blake2b(bytes.fromhex("".join(ids)), digest_size=8).hexdigest()
