"""The frames of one direction of an HTTP/3 stream, however the stream is cut into pieces.

Rules
- Of DATA the bytes are handed on as they come; of frames with header blocks at most MOST_BLOCK bytes are kept, of
  others MOST_OTHER.
- Behind a gap within the payload of one frame the next one is where its length says. Behind another gap nothing tells
  where a frame begins: the rest of the direction is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from netlake.layers.dialog import Where
from netlake.layers.quic_keys import varint
from netlake.packets import Malformed
from netlake.streams.http3.numbers import Type

MOST_BLOCK, MOST_OTHER = 64 << 10, 1 << 10
# bytes of two numbers
LONGEST_HEAD = 16


@dataclass(slots=True)
class Frame:
    """A frame; `left` bytes of it were not read yet. `payload` is what is kept of it, `begin` its first byte."""

    kind: int
    length: int
    begin: Where
    left: int
    has_gap: bool = False
    payload: bytearray = field(default_factory=bytearray)

    @property
    def most(self) -> int:
        """Bytes of the payload that are kept."""
        if self.kind == Type.DATA:
            return 0
        return MOST_BLOCK if self.kind in (Type.HEADERS, Type.PUSH_PROMISE) else MOST_OTHER

    @property
    def is_cut(self) -> bool:
        """Whether bytes of the payload were not kept."""
        return self.has_gap or len(self.payload) < self.length


class Data(NamedTuple):
    """Bytes of the payload of a DATA frame, in the packet `place`."""

    frame: Frame
    data: bytes
    place: Where


@dataclass(slots=True)
class Frames:
    """Reads the frames of a direction; `used` is how far `read` has come."""

    head: bytes = b""
    begin: Where | None = None
    frame: Frame | None = None
    is_lost: bool = False
    undecoded: int = 0
    used: int = 0

    def read(self, data: bytes, place: Where) -> Iterator[Frame | Data]:
        """The frames that end in `data`, and the bytes of bodies in it."""
        self.used = 0
        while self.used < len(data):
            if self.is_lost:
                self.undecoded += len(data) - self.used
                self.used = len(data)
                return
            frame = self.frame
            if frame is None:
                frame = self._head(data, place)
                if frame is None:
                    return
            begin = self.used
            self.used = stop = min(len(data), begin + frame.left)
            frame.left -= stop - begin
            if frame.kind == Type.DATA:
                if stop > begin:
                    yield Data(frame, data[begin:stop], place)
            elif not frame.has_gap and (room := frame.most - len(frame.payload)) > 0:
                frame.payload += data[begin : min(stop, begin + room)]
            if frame.left == 0:
                self.frame = None
                yield frame

    def gap(self, size: int) -> tuple[int, Frame | None]:
        """Bytes are missing: how many of them are of a body, -1 if the rest is not read; the frame that ends there."""
        frame = self.frame
        if self.is_lost:
            return 0, None
        if frame is None or size > frame.left:
            self.undecoded += len(self.head) + (len(frame.payload) if frame else 0)
            self.is_lost, self.frame, self.head = True, None, b""
            return -1, None
        frame.left, frame.has_gap = frame.left - size, True
        if not frame.left:
            self.frame = None
        return (size if frame.kind == Type.DATA else 0), (None if frame.left else frame)

    def _head(self, data: bytes, place: Where) -> Frame | None:
        """Read the type and the length of a frame; None if they are not complete."""
        if self.begin is None:
            self.begin = place
        head = self.head + data[self.used : self.used + LONGEST_HEAD - len(self.head)]
        try:
            kind, at = varint(head, 0)
            length, at = varint(head, at)
        except Malformed:
            self.used += len(head) - len(self.head)
            self.head = head
            return None
        self.used += at - len(self.head)
        self.frame = Frame(kind, length, self.begin, length)
        self.head, self.begin = b"", None
        return self.frame
