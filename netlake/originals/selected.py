"""Read chosen packets of a capture again, in batches.

Theory of operation
- `Wanted` are the packets of one capture as table `packet` has them, in order. What is read is compared with it: time,
  captured length and interface of each packet. The first packet that differs means that the original was changed.
- Of an uncompressed file the records are read at their offsets, in pieces (`scattered`); the reader of the format gets
  the start of the file, then one record after the other, as if the file had no others. So all variants of the formats
  are read by the code that decoded them.
- Otherwise, or if that is not possible (several sections, interfaces that are described between packets, offsets that
  are not known), the file is read from its start to the last wanted packet, and unpacked once (`passed`).
- A part is valid until the next one is requested, as a batch is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from netlake.errors import InputError
from netlake.kernels.times import microseconds
from netlake.lake.facts import CaptureFacts
from netlake.originals import opened
from netlake.originals.scattered import Scattered
from netlake.packets import ARRAYS, NO_TIME, Ints, Mask, Packets
from netlake.sources import Source

BATCH = 4096
Rows = npt.NDArray[np.intp]


@dataclass(slots=True)
class Wanted:
    """Packets of one capture, by ascending number: columns of table `packet`.

    `offset` and `interface` are -1 where they are not known; `ts` are microseconds since 1970, NO_TIME without a time.
    """

    packet: Ints
    offset: Ints
    captured: Ints
    ts: Ints
    interface: Ints

    def __len__(self) -> int:
        return len(self.packet)

    def rest(self, at: int) -> Wanted:
        """The packets from place `at` on."""
        return Wanted(self.packet[at:], self.offset[at:], self.captured[at:], self.ts[at:], self.interface[at:])


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the wanted packets: `rows` of `batch`, in order, are those from place `at` of Wanted on.

    `source` has the interfaces, comments and options; the numbers in `batch` and in these are its own.
    """

    source: Source
    batch: Packets
    rows: Rows
    at: int


def parts(facts: CaptureFacts, paths: Sequence[Path], wanted: Wanted) -> Iterator[Part]:
    """All wanted packets of a capture whose files are at `paths`; InputError if they are not those of the lake."""
    at = 0
    if not len(wanted):
        return
    if len(paths) == 1 and (wanted.offset >= 0).all():
        for part in scattered(paths[0], wanted):
            at = part.at + len(part.rows)
            yield part
    if at < len(wanted):
        last = at
        for part in passed(facts, paths, wanted.rest(at)):
            yield Part(part.source, part.batch, part.rows, at + part.at)
            last = at + part.at + len(part.rows)
        if not at < len(wanted) == last:
            raise opened.changed(facts)


def scattered(path: Path, wanted: Wanted) -> Iterator[Part]:
    """Wanted packets read at their offsets, up to the first that this does not find."""
    try:
        source = Scattered.of(path, wanted.offset, wanted.captured)
    except InputError:
        return
    if source is None:
        return
    at = 0
    with source:
        for batch in source.batches(BATCH):
            count = min(batch.count, len(wanted) - at)
            rows = np.arange(count)
            same = _same(batch, rows, wanted, at)
            good = count if same.all() else int(np.argmin(same))
            if good:
                yield Part(source, batch, rows[:good], at)
                at += good
            if good < batch.count:
                return


def passed(facts: CaptureFacts, paths: Sequence[Path], wanted: Wanted) -> Iterator[Part]:
    """Wanted packets of a capture that is read from its start; fewer if it ends before."""
    at, every = 0, np.arange(BATCH)
    with opened.source_of(facts, paths) as source:
        for batch in source.batches(BATCH):
            last = int(batch.number[batch.count - 1])
            until = at + int(np.searchsorted(wanted.packet[at:], last, "right"))
            if until > at:
                place = np.searchsorted(batch.number[: batch.count], wanted.packet[at:until])
                rows = every[place]
                if not _same(batch, rows, wanted, at).all() or (batch.number[rows] != wanted.packet[at:until]).any():
                    raise opened.changed(facts)
                yield Part(source, batch, rows, at)
                at = until
            else:
                _forget(source)
            if at == len(wanted):
                return


def _forget(source: Source) -> None:
    """Empty the lists of a source that grow with its packets, of packets that nobody wants."""
    source.comments.clear()
    source.options.clear()
    source.names.clear()


def _same(batch: Packets, rows: Rows, wanted: Wanted, at: int) -> Mask:
    """Whether each of the packets in `rows` is that of the lake."""
    end = at + len(rows)
    ts, interface = batch.ts[rows], wanted.interface[at:end]
    found: Mask = batch.captured[rows] == wanted.captured[at:end]
    found &= np.where(ts == NO_TIME, NO_TIME, microseconds(ts)) == wanted.ts[at:end]
    found &= (interface < 0) | (batch.interface[rows] == interface)
    return found


def only(part: Part, wanted: Wanted) -> Packets:
    """The packets of a part as a batch of their own, with the numbers of the lake; valid as long as the part."""
    batch = part.batch
    arrays = {name: getattr(batch, name)[part.rows] for name in ARRAYS}
    count = len(part.rows)
    made = Packets(data=batch.data, used=batch.used, count=count, rows=count, **arrays)
    made.number = wanted.packet[part.at : part.at + count].copy()
    made.last, made.depth = made.number.copy(), np.zeros(count, np.int32)
    return made
