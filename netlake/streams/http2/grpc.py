"""Messages of gRPC in the body of a request or response: a byte, the length in four bytes, and as many bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from netlake.layers.dialog import At, Where

PREFIX = 5
CONTENT_TYPE = b"application/grpc"


class Message(NamedTuple):
    """A message; `missing` bytes of it are not there."""

    number: int
    flag: int
    length: int
    begin: Where
    place: int
    end: Where | None
    missing: int


@dataclass(slots=True)
class Messages:
    """Reads the messages of one body; `is_lost`: it is not known where the next one begins."""

    prefix: bytearray = field(default_factory=bytearray)
    begin: tuple[Where, int] | None = None
    left: int = 0
    missing: int = 0
    count: int = 0
    is_lost: bool = False

    def read(self, data: bytes, used: int, at: At, place: Placed) -> Iterator[Message]:
        """The messages that end in `data`, which begins at offset `used` of what `at` knows."""
        done = 0
        while done < len(data) and not self.is_lost:
            if self.begin is None:
                where = at(used + done)
                self.begin = where, place(where)
            if len(self.prefix) < PREFIX:
                stop = min(len(data), done + PREFIX - len(self.prefix))
                self.prefix += data[done:stop]
                done = stop
                if len(self.prefix) < PREFIX:
                    return
                self.left = int.from_bytes(self.prefix[1:])
            stop = min(len(data), done + self.left)
            self.left -= stop - done
            done = stop
            if not self.left:
                yield self._over(at(used + done - 1))

    def gap(self, size: int) -> Iterator[Message]:
        """Bytes of the body are missing."""
        if self.is_lost:
            return
        if len(self.prefix) < PREFIX or size > self.left:
            self.is_lost = True
            yield from self.end()
            return
        self.left -= size
        self.missing += size
        if not self.left:
            yield self._over(None)

    def end(self) -> Iterator[Message]:
        """The body is over: the message that is not complete, if its length is known."""
        if self.begin is not None and len(self.prefix) == PREFIX:
            self.missing += self.left
            yield self._over(None)

    def _over(self, end: Where | None) -> Message:
        assert self.begin is not None  # noqa: S101 - the prefix was read
        begin, place = self.begin
        length = int.from_bytes(self.prefix[1:])
        found = Message(self.count, self.prefix[0], length, begin, place, end, self.missing)
        self.begin, self.prefix, self.left, self.missing = None, bytearray(), 0, 0
        self.count += 1
        return found


class Placed:
    """Positions of rows of one table and side among those that begin in the same packet."""

    __slots__ = ("count", "packet")

    def __init__(self) -> None:
        self.packet = self.count = -1

    def __call__(self, where: Where) -> int:
        """The position of the next row, which begins at `where`."""
        self.count = self.count + 1 if where.packet == self.packet else 0
        self.packet = where.packet
        return self.count
