"""The interface of sources, and what they share.

- A batch is valid until the next one is requested: its arrays and its buffer are used again.
- The lists of facts (`comments`, `names`, ...) grow while batches are read. The caller may empty them between batches,
  so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from netlake.kernels.records import RecordArrays
from netlake.packets import NO_TIME, Packets
from netlake.sources.facts import Comment, Interface, Name, PacketOptions, Part, Problem, Section
from netlake.sources.window import Window

MOST_PROBLEMS = 1000


class Facts:
    """The facts of a capture so far; `problems` has the first thousand, `unlisted` is the number of the others."""

    def __init__(self, name: str, first_number: int, first_interface: int) -> None:
        self.name = name
        self.first_number, self.first_interface = first_number, first_interface
        self.interfaces: list[Interface] = []
        self.sections: list[Section] = []
        self.comments: list[Comment] = []
        self.options: list[PacketOptions] = []
        self.names: list[Name] = []
        self.secrets: list[bytes] = []  # key logs of TLS
        self.problems: list[Problem] = []
        self.unlisted = 0
        self.skipped_blocks: dict[int, int] = {}
        self.packets = self.salvaged = self.clock_steps_back = 0
        self.next_number = first_number
        self.note = ""  # appended to every sentence with an offset
        self._clock = NO_TIME

    def problem(self, offset: int, reason: str, *, partial: bool, file: str = "") -> None:
        """Record a problem at byte `offset`."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(offset, reason + self.note, partial, file or self.name))
        else:
            self.unlisted += 1

    def count(self, batch: Packets) -> None:
        """Count the packets of a batch and those with an earlier timestamp than the one before."""
        self.packets += batch.count
        self.next_number += batch.count
        times = batch.ts[: batch.count]
        times = times[times != NO_TIME]
        if len(times):
            self.clock_steps_back += int(np.count_nonzero(times[1:] < times[:-1])) + int(times[0] < self._clock)
            self._clock = int(times[-1])


class FormatReader(Protocol):
    """The reader of one file format: fills batches from a window."""

    format: str
    done: bool

    def fill(self, batch: Packets, rows: int) -> int:
        """Write up to `rows` packets to `batch` and return their number; `done` is set after the last."""


class Source(Protocol):
    """A capture that is read once from start to end; packets and interfaces are numbered through all its files."""

    name: str
    format: str
    capture_id: str
    former_id: str
    size: int | None
    interfaces: list[Interface]
    sections: list[Section]
    comments: list[Comment]
    options: list[PacketOptions]
    names: list[Name]
    secrets: list[bytes]
    problems: list[Problem]
    unlisted: int
    skipped_blocks: dict[int, int]
    packets: int
    salvaged: int
    clock_steps_back: int

    @property
    def bytes_read(self) -> int:
        """Bytes of the input read so far, before unpacking."""

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the input, after waiting for it; None if not requested or a pipe was not read to its end."""

    @property
    def parts(self) -> list[Part]:
        """The files of the capture read so far."""

    @property
    def files(self) -> list[Part]:
        """The files of the capture in order, also before they are read; their SHA-256 is not known yet."""

    def batches(self, rows: int = 8192, max_wait: float | None = None) -> Iterator[Packets]:
        """Every packet, in batches that are valid until the next is requested.

        A batch has `rows` packets, or fewer at the end of the buffer or of the capture. With `max_wait`, a batch of a
        pipe or of standard input ends at the latest so many seconds after its first packet; files ignore it.
        """

    def close(self) -> None:
        """Close the input."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def rows_of(batch: Packets) -> RecordArrays:
    """The arrays of a batch that kernels fill."""
    return RecordArrays(
        batch.start,
        batch.captured,
        batch.length,
        batch.ts,
        batch.offset,
        batch.interface,
        batch.link_type,
        batch.nanos,
    )


def room(rows: int) -> Packets:
    """A batch for `rows` packets without a buffer: `lend` sets that of the window."""
    return Packets.empty(rows, 0)


def lend(batch: Packets, window: Window, count: int, first_number: int) -> Packets:
    """Complete a batch after a reader has filled its first `count` rows."""
    batch.data, batch.used, batch.count, batch.rows = window.data, window.end, count, count
    batch.number[:count] = np.arange(first_number, first_number + count)
    batch.last[:count] = batch.number[:count]
    batch.depth[:count] = 0
    return batch
