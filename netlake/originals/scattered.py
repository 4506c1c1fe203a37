"""A source of single records of an uncompressed capture file, read at their offsets.

The reader of the format gets the start of the file and then the records, through a window, as of a file that has no
others. The start is the file header of a classic pcap; of pcapng, all blocks before the first packet. The records are
read in chunks: those that are near each other with one call of the system. The length of a record is known before it
is read for a classic pcap; of pcapng it is in the block, whose options are mostly short (SLACK), else read again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from netlake.errors import InputError
from netlake.packets import Ints, Packets
from netlake.sources import pcap, pcapng
from netlake.sources.facts import Part
from netlake.sources.source import Facts, FormatReader, lend, room
from netlake.sources.window import CAPACITY, Window
from netlake.spelling import spelled

# bytes of a block around its packet, and of options that are read with it
BLOCK, SLACK = 36, 92
# bytes of a file in which its first packet is looked for, at first and at most
HEAD, FARTHEST = 1 << 15, 1 << 20
# bytes in memory: few, so that the same memory is used again
ROOM = 1 << 20
# types of blocks that contain a packet
PACKETS = {2, 3, 6}
BLOCK_START = 8


class Records:
    """The start of a file, then its records at `offsets` with `sizes` bytes each, as one stream.

    `big` is the byte order of the lengths of blocks, which decide how long a record is; None if `sizes` do.
    """

    def __init__(self, descriptor: int, head: bytes, offsets: Ints, sizes: Ints, *, big: bool | None) -> None:
        self.until: float | None = None
        self._descriptor, self._big = descriptor, big
        if big is None and len(offsets):
            # records that follow each other are one
            begins = np.flatnonzero(np.append(True, offsets[1:] != (offsets + sizes)[:-1]))
            offsets, sizes = offsets[begins], np.add.reduceat(sizes, begins)
        self._offsets, self._sizes = offsets.tolist(), sizes.tolist()
        self._ready, self._next, self._done = memoryview(head), 0, 0

    def readinto(self, view: memoryview) -> int:
        """Fill `view`; 0 at the end."""
        if self._ready:
            count = min(len(view), len(self._ready))
            view[:count] = self._ready[:count]
            self._ready = self._ready[count:]
            return count
        return self._records(view) if self._big is None else self._blocks(view)

    def _records(self, view: memoryview) -> int:
        filled, room = 0, len(view)
        while filled < room and self._next < len(self._offsets):
            start, left = self._offsets[self._next] + self._done, self._sizes[self._next] - self._done
            count = os.preadv(self._descriptor, [view[filled : filled + left]], start)
            filled += count
            self._done = self._done + count if count < left else 0
            self._next = self._next + (count == left) if count else len(self._offsets)
        return filled

    def _blocks(self, view: memoryview) -> int:
        filled = 0
        while self._next < len(self._offsets):
            start, size = self._offsets[self._next], self._sizes[self._next]
            if filled and size > len(view) - filled:
                break
            count = os.preadv(self._descriptor, [view[filled : filled + size]], start)
            whole = self._whole(view[filled + 4 : filled + 8]) if count >= BLOCK_START else 0
            if 0 < whole <= count:
                filled, self._next = filled + whole, self._next + 1
                continue
            if filled:
                break
            # longer than what was read, or than the view; or the file ends
            whole = self._whole(os.pread(self._descriptor, 4, start + 4))
            self._ready = memoryview(os.pread(self._descriptor, whole, start))
            self._next = self._next + 1 if self._ready else len(self._offsets)
            return self.readinto(view)
        return filled

    def _whole(self, length: bytes | memoryview) -> int:
        """The length of a block with its padding."""
        return min(int.from_bytes(length, "big" if self._big else "little") + 3 & ~3, CAPACITY)


class Scattered(Facts):
    """Chosen packets of one file; see Source for its attributes. Its packets are numbered from 1."""

    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(spelled(path), 1, 0)
        self._descriptor = descriptor
        self.capture_id = self.former_id = ""
        self.size: int | None = os.fstat(descriptor).st_size
        self.bytes_read = 0
        self.sha256: str | None = None
        self.parts: list[Part] = []
        self.files: list[Part] = []
        self.format = ""
        self.window: Window
        self.reader: FormatReader

    @classmethod
    def of(cls, path: Path, offsets: Ints, captured: Ints) -> Scattered | None:
        """The records of a file at these offsets, ascending; None if it cannot be read so, such as a compressed one."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"{spelled(path)} cannot be opened: {error.strerror}.") from error
        made = cls(path, descriptor)
        try:
            if made._begin(offsets, captured):
                return made
        except BaseException:
            made.close()
            raise
        made.close()
        return None

    def _begin(self, offsets: Ints, captured: Ints) -> bool:
        head = os.pread(self._descriptor, HEAD, 0)
        if pcap.magic_of(head):
            self._classic(head, offsets, captured)
            return True
        if not head.startswith(pcapng.SECTION_HEADER):
            return False
        start = _start(head)
        if start is None:
            head = os.pread(self._descriptor, FARTHEST, 0)
            start = _start(head)
        if start is None:
            return False
        sizes = captured + (BLOCK + SLACK)
        big = pcapng.ORDERS[head[8:12]]
        self.window = Window(Records(self._descriptor, head[:start], offsets, sizes, big=big), ROOM)
        self.reader = pcapng.PcapngReader(self.window, self, salvage=False)
        self.format = self.reader.format
        return True

    def _classic(self, head: bytes, offsets: Ints, captured: Ints) -> None:
        """The size of record headers depends on the first records of the file, which may not be wanted."""
        none = np.zeros(0, np.int64)
        window = Window(Records(self._descriptor, head, none, none, big=None), ROOM)
        size = pcap.PcapReader(window, Facts(self.name, 1, 0), salvage=False).header.record
        start = head[: 28 if window.data[:4].tobytes() in IXIA else 24]
        self.window = Window(Records(self._descriptor, start, offsets, captured + size, big=None), ROOM)
        reader = pcap.PcapReader(self.window, self, salvage=False)
        reader.header.record = size
        self.reader, self.format = reader, reader.format

    def batches(self, rows: int = 8192, max_wait: float | None = None) -> Iterator[Packets]:  # noqa: ARG002 - as Source
        """Every packet, in batches that are valid until the next is requested."""
        batch = room(rows)
        while not self.reader.done:
            self.window.begin()
            if count := self.reader.fill(batch, rows):
                lend(batch, self.window, count, self.next_number)
                self.count(batch)
                yield batch

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


IXIA = tuple(
    magic.to_bytes(4, order)
    for magic, name in pcap.MAGIC.items()
    if name == "pcap, Ixia"
    for order in ("big", "little")
)


def _start(head: bytes) -> int | None:
    """The bytes of a pcapng file before its first packet; None if they are too many, or not of one section."""
    order = pcapng.ORDERS.get(head[8:12])
    if order is None:
        return None
    at, byte_order = 0, "big" if order else "little"
    while at + BLOCK_START <= len(head):
        kind = int.from_bytes(head[at : at + 4], byte_order)  # type: ignore[arg-type]
        if kind in PACKETS:
            return at
        size = int.from_bytes(head[at + 4 : at + 8], byte_order) + 3 & ~3  # type: ignore[arg-type]
        if size < 12 or (at and head[at : at + 4] == pcapng.SECTION_HEADER):
            return None
        at += size
    return None
