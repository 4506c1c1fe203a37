"""The part of a stream that is in memory: one buffer, filled behind its end, its unread tail carried to its front.

The buffer is large and not cleared, so the system gives it memory only as far as it is filled. Read piecewise: a
batch ends when it has packets enough, so that little more than a batch is ever carried over. Behind what is filled
there is always room, where reassembled datagrams are put.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from netlake.packets import Bytes

CAPACITY = 8 << 20
ARENA = 2 << 20
PIECE = 256 << 10


class ByteStream(Protocol):
    """Where bytes come from, once, in order."""

    def readinto(self, view: memoryview) -> int:
        """Fill `view` as far as possible without waiting for more than one read; 0 at the end."""


class Window:
    """Bytes `at` to `end` of `data` are unread; data[0] is byte `base` of the stream; after `eof` nothing follows."""

    def __init__(self, stream: ByteStream, capacity: int = CAPACITY) -> None:
        self.stream = stream
        self.capacity = capacity
        self.data: Bytes = np.empty(capacity + ARENA, np.uint8)
        self.at = self.end = self.base = 0
        self.eof = False

    @property
    def offset(self) -> int:
        """Byte of the stream at which `at` stands."""
        return self.base + self.at

    def carry(self, need: int = 0) -> None:
        """Move what is unread to the front, and make room for `need` bytes in all."""
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
        """Read on until `need` bytes are unread; False if the stream ends first, or there is no room without `move`."""
        while self.end - self.at < need and not self.eof:
            if self.at + need > self.capacity:
                if not move:
                    return False
                self.carry(need)
            self._read()
        return self.end - self.at >= need

    def _read(self) -> None:
        count = self.stream.readinto(self.data.data[self.end : min(self.end + PIECE, self.capacity)])
        self.end += count
        self.eof = count == 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes, which have been read, and step over them."""
        self.at += count
        return self.data[self.at - count : self.at].tobytes()

    def skip(self, count: int) -> bool:
        """Step over `count` bytes, keeping neither them nor any before; False if the stream ends first."""
        while count > self.end - self.at:
            count -= self.end - self.at
            self.at = self.end
            if not self.more(1, move=True):
                return False
        self.at += count
        return True

    def peek(self, count: int) -> bytes:
        """Up to `count` of the next bytes, without stepping over them."""
        self.more(count, move=True)
        return self.data[self.at : min(self.at + count, self.end)].tobytes()
