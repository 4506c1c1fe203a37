"""The frames of one side of an HTTP/2 connection, however they are cut into turns.

Rules
- Of DATA the bytes are handed on as they come, without padding; of frames with header blocks at most MOST_BLOCK bytes
  are kept, of others MOST_OTHER.
- The first bytes of a side may be the connection preface, or a part of it; what differs from it is a frame.
- Behind a gap within the payload of one frame the next one is where its length says. Behind another gap it is looked
  for at the first byte, and only there: its header must be one that the RFC allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from os.path import commonprefix
from typing import NamedTuple

from netlake.layers.dialog import At, Where
from netlake.streams.http2.numbers import (
    HEADER,
    KNOWN,
    LEAST_MOST,
    PADDED,
    PREFACE,
    Type,
    is_bad_size,
    is_bad_stream,
)

MOST_BLOCK, MOST_OTHER = 64 << 10, 1 << 10
BLOCKS = frozenset((Type.HEADERS, Type.PUSH_PROMISE, Type.CONTINUATION))


@dataclass(slots=True)
class Frame:
    """A frame; `left` bytes of it were not read yet, the last `pad` of which are the padding of DATA.

    `payload` is what is kept of it; `begin` is its first byte, `end` its last one.
    """

    kind: int
    flags: int
    stream: int
    length: int
    begin: Where
    left: int
    pad: int = 0
    awaits_pad: bool = False
    has_gap: bool = False
    payload: bytearray = field(default_factory=bytearray)
    end: Where | None = None

    @property
    def most(self) -> int:
        """Bytes of the payload that are kept."""
        if self.kind == Type.DATA:
            return 0
        return MOST_BLOCK if self.kind in BLOCKS else MOST_OTHER

    @property
    def is_cut(self) -> bool:
        """Whether bytes of the payload were not kept."""
        return self.has_gap or len(self.payload) < self.length


class Data(NamedTuple):
    """Bytes of the body of a DATA frame; `start` is the place of the first one."""

    frame: Frame
    data: bytes
    used: int


@dataclass(slots=True)
class Frames:
    """Reads the frames of a side."""

    preface: int = 0  # bytes of the preface that were read
    in_preface: bool = True
    has_preface: bool = False
    header: bytearray = field(default_factory=bytearray)
    begin: Where | None = None
    frame: Frame | None = None
    is_lost: bool = False
    is_unsure: bool = False  # the next frame is the first one behind a gap
    undecoded: int = 0

    def read(self, data: bytes, at: At) -> Iterator[Frame | Data]:
        """The frames that end in `data`, and the bytes of bodies in it."""
        used = 0
        while used < len(data):
            if self.is_lost:
                self.undecoded += len(data) - used
                return
            if self.in_preface:
                used = self._preface(data, used, at)
                continue
            frame = self.frame
            if frame is None:
                used = self._header(data, used, at)
                frame = self.frame
                if frame is None:
                    continue
            else:
                begin, used = used, self._payload(frame, data, used)
                if frame.kind == Type.DATA and used > begin:
                    yield from self._body(frame, data, begin, used)
            if frame.left == 0:
                self.frame, frame.end = None, at(used - 1)
                yield frame

    def gap(self, size: int) -> int:
        """Bytes are missing; how many of them are of a body, -1 if the place of the next frame is not known."""
        frame = self.frame
        if frame is not None and size <= frame.left and not frame.awaits_pad:
            body = max(0, frame.left - frame.pad) if frame.kind == Type.DATA else 0
            frame.left, frame.has_gap = frame.left - size, True
            return min(body, size)
        self.undecoded += len(self.header) + (len(frame.payload) if frame else 0)
        self.header, self.frame, self.begin = bytearray(), None, None
        self.in_preface, self.is_lost, self.is_unsure = False, False, True
        return -1

    def finish(self) -> Frame | None:
        """The frame that is over because a gap ended with it, if there is one."""
        frame = self.frame
        if frame is None or frame.left:
            return None
        self.frame = None
        return frame

    def _preface(self, data: bytes, used: int, at: At) -> int:
        """Read bytes of the preface; what is no preface is read again as the header of a frame."""
        part = data[used : used + len(PREFACE) - self.preface]
        size = len(commonprefix((part, PREFACE[self.preface :])))
        if size:
            self.begin = self.begin or at(used)
            self.preface += size
        if size == len(part):
            if self.preface == len(PREFACE):
                self.in_preface, self.has_preface, self.begin = False, True, None
            return used + size
        self.in_preface = False
        self.header += PREFACE[: self.preface]
        if len(self.header) >= HEADER:  # the first frame would have more than 5 MB
            self.is_lost = True
            self.undecoded += len(self.header)
        return used + size

    def _header(self, data: bytes, used: int, at: At) -> int:
        """Read bytes of a frame header."""
        if self.begin is None:
            self.begin = at(used)
        stop = min(len(data), used + HEADER - len(self.header))
        self.header += data[used:stop]
        if len(self.header) < HEADER:
            return stop
        head, self.header = bytes(self.header), bytearray()
        length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        frame = Frame(kind, flags, int.from_bytes(head[5:]) & 0x7FFFFFFF, length, self.begin, length)
        self.begin = None
        frame.awaits_pad = kind == Type.DATA and bool(flags & PADDED) and length > 0
        if self.is_unsure and not _is_frame(head, frame):
            self.is_lost = True
            self.undecoded += HEADER
            return stop
        self.is_unsure, self.frame = False, frame
        return stop

    @staticmethod
    def _payload(frame: Frame, data: bytes, used: int) -> int:
        """Read bytes of a payload; how far."""
        if frame.awaits_pad:
            frame.awaits_pad, frame.pad, frame.left = False, data[used], frame.left - 1
            frame.payload += data[used : used + 1]
            return used + 1
        stop = min(len(data), used + frame.left)
        room = frame.most - len(frame.payload)
        if room > 0 and not frame.has_gap:
            frame.payload += data[used : min(stop, used + room)]
        frame.left -= stop - used
        return stop

    @staticmethod
    def _body(frame: Frame, data: bytes, begin: int, used: int) -> Iterator[Data]:
        """What was read of a DATA frame, without its padding."""
        stop = used - max(0, frame.pad - frame.left)
        if frame.flags & PADDED and frame.left + used - begin == frame.length:
            return  # the length of the padding
        if stop > begin:
            yield Data(frame, data[begin:stop], begin)


def _is_frame(head: bytes, frame: Frame) -> bool:
    """Whether a header behind a gap is one of a frame."""
    return (
        frame.kind in KNOWN
        and frame.length <= LEAST_MOST
        and not head[5] & 0x80
        and not is_bad_size(frame.kind, frame.length)
        and not is_bad_stream(frame.kind, frame.stream)
    )
