"""The part of a stream that is in memory: one buffer, filled at its end; its unread rest is moved to its front.

- The buffer is large and not cleared, so the system allocates it only as far as it is filled. It is read piece by
  piece: a batch ends when it has enough packets, so that little more than a batch is ever moved.
- Behind the filled part there is always room (ARENA), where reassembled datagrams are put.
- `more(move=False)` is how a reader asks for bytes when its batch has packets already, whose bytes must stay in place.
  Where a batch may not wait for ever (`max_wait`), its clock starts with the first such call.
"""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np

from netlake.packets import Bytes

CAPACITY = 8 << 20
ARENA = 2 << 20
PIECE = 256 << 10


class LateError(Exception):
    """No byte arrived before the time that was set."""


class ByteStream(Protocol):
    """A source of bytes that is read once, in order.

    `until` is the time (of time.monotonic) after which `readinto` raises LateError instead of waiting; None: it waits.
    """

    until: float | None

    def readinto(self, view: memoryview) -> int:
        """Fill `view` with what one read returns; 0 at the end."""


class Window:
    """Bytes `at` to `end` of `data` are unread; data[0] is byte `base` of the stream; after `eof` nothing follows.

    `max_wait` is how many seconds a batch may wait for further packets after its first; None: until it is full.
    """

    def __init__(self, stream: ByteStream, capacity: int = CAPACITY) -> None:
        self.stream = stream
        self.capacity = capacity
        self.data: Bytes = np.empty(capacity + ARENA, np.uint8)
        self.at = self.end = self.base = 0
        self.eof = False
        self.max_wait: float | None = None

    @property
    def offset(self) -> int:
        """The byte of the stream at `at`."""
        return self.base + self.at

    def begin(self) -> None:
        """Begin a batch: its buffer starts with the unread bytes, and nothing limits the wait for its first packet."""
        self.stream.until = None
        self.carry()

    def carry(self, need: int = 0) -> None:
        """Move the unread bytes to the front, and make room for `need` bytes in all."""
        left = self.end - self.at
        if need > self.capacity:
            self.capacity = need + PIECE
            larger = np.empty(self.capacity + ARENA, np.uint8)
            larger[:left] = self.data[self.at : self.end]
            self.data = larger
        elif self.at:
            self.data[:left] = self.data[self.at : self.end]
        self.base += self.at
        self.at, self.end = 0, left

    def more(self, need: int, *, move: bool) -> bool:
        """Read until `need` bytes are unread.

        False if the stream ends before (then `eof`), or without `move` if there is no room or the batch's time is over.
        """
        if not move and self.max_wait is not None and self.stream.until is None:
            self.stream.until = time.monotonic() + self.max_wait
        while self.end - self.at < need and not self.eof:
            if self.at + need > self.capacity:
                if not move:
                    return False
                self.carry(need)
            try:
                self._read()
            except LateError:
                return False
        return self.end - self.at >= need

    def _read(self) -> None:
        count = self.stream.readinto(self.data.data[self.end : min(self.end + PIECE, self.capacity)])
        self.end += count
        self.eof = count == 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes, which must be in memory; they are read then."""
        self.at += count
        return self.data[self.at - count : self.at].tobytes()

    def skip(self, count: int) -> bool:
        """Skip `count` bytes, keeping neither them nor any before; False if the stream ends first."""
        while count > self.end - self.at:
            count -= self.end - self.at
            self.at = self.end
            if not self.more(1, move=True):
                return False
        self.at += count
        return True

    def peek(self, count: int) -> bytes:
        """Up to `count` of the next bytes, which remain unread."""
        self.more(count, move=True)
        return self.data[self.at : min(self.at + count, self.end)].tobytes()
