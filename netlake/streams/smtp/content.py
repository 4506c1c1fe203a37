"""The content of a mail in SMTP: without the dots that were added for transport (RFC 5321 section 4.5.2)."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from netlake.layers.dialog import Body, Piece
from netlake.streams.mail import MailReader


class Content:
    """The content of a mail, by DATA, or by BDAT in chunks of which `chunk` bytes are left."""

    __slots__ = ("body", "chunk", "digest", "dot", "fresh", "is_over", "is_whole", "lacks", "missing", "parts", "size")

    def __init__(self) -> None:
        # what is read of it; the bytes, and how many are missing, that were not handed on
        self.body, self.parts, self.lacks, self.missing = Body(MailReader), list[bytes](), 0, 0
        self.chunk: int | None = None
        self.digest, self.size, self.is_whole, self.is_over = sha256(), 0, True, False
        self.fresh, self.dot = True, b""

    def read(self, data: bytes, used: int) -> int:
        """Read from data[used:]; how far it was read."""
        if self.chunk is not None:
            stop = min(len(data), used + self.chunk)
            self.chunk -= stop - used
            self.is_over = not self.chunk
            self._take(data[used:stop], stop - used)
            return stop
        if self.fresh and data[used : used + 1] == b".":
            self.dot, self.fresh, used = b".", False, used + 1
        if self.dot:
            return self._dot(data, used)
        found = data.find(b"\n.", used)
        stop = len(data) if found < 0 else found + 1
        self._take(data[used:stop], stop - used)
        self.fresh = data[used:stop].endswith(b"\n") or (self.fresh and stop == used)
        return stop

    def gap(self, size: int) -> None:
        """Bytes are missing."""
        if self.chunk is not None:
            size = min(size, self.chunk)
            self.chunk -= size
            self.is_over = not self.chunk
        self.size, self.is_whole, self.fresh, self.dot = self.size + size, False, False, b""
        self.lacks, self.missing = size, self.missing + size

    def pieces(self, *, is_last: bool = False) -> Iterator[Piece]:
        """What was read since the last call."""
        if self.parts or self.lacks or is_last:
            yield Piece(self.body, b"".join(self.parts), self.lacks, is_last)
            self.parts, self.lacks = [], 0

    def _dot(self, data: bytes, used: int) -> int:
        """Read a line that begins with a dot, up to where it differs from the last one."""
        while used < len(data) and len(self.dot) < 3 and not self.dot.endswith(b"\n"):
            self.dot += data[used : used + 1]
            used += 1
        if self.dot in (b".\n", b".\r\n"):
            self.is_over = True
        elif len(self.dot) == 3:
            self.fresh = self.dot.endswith(b"\n")
            self._take(self.dot[1:], len(self.dot))
            self.dot = b""
        return used

    def _take(self, data: bytes, size: int) -> None:
        self.digest.update(data)
        self.parts.append(data)
        self.size += size
