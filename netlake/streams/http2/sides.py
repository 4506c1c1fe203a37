"""What the machine of HTTP/2 keeps of each side, and how a side begins."""

from __future__ import annotations

from dataclasses import dataclass, field

from netlake.layers.streamed import NO, UNSURE, YES, Verdict
from netlake.streams.http2 import grpc
from netlake.streams.http2.connection import Spoken
from netlake.streams.http2.fields import Blocks
from netlake.streams.http2.frames import Frame, Frames
from netlake.streams.http2.numbers import HEADER, KNOWN, PREFACE, Type, is_bad_size, is_bad_stream

# the largest SETTINGS frame with which a server begins
MOST_SETTINGS = 6 * 40


def first_look(data: bytes, _side: int) -> Verdict:
    """Whether a stream begins with the preface of a client, or with the SETTINGS of a server."""
    if data.startswith(PREFACE[: len(data)]):
        return YES if len(data) >= len(PREFACE) else UNSURE
    length = int.from_bytes(data[:3])
    expected = length.to_bytes(3) + bytes([Type.SETTINGS, 0, 0, 0, 0, 0])
    if len(data) >= 3 and (length % 6 or length > MOST_SETTINGS):
        return NO
    if not expected.startswith(data[:HEADER]):
        return NO
    if length or len(data) < HEADER:
        return YES if len(data) >= HEADER else UNSURE
    # nine bytes of which eight are zero are a beginning of many protocols
    following = data[HEADER:]
    if len(following) < HEADER:
        return UNSURE
    kind, size, stream = following[3], int.from_bytes(following[:3]), int.from_bytes(following[5:9])
    known = kind in KNOWN and not is_bad_size(kind, size) and not is_bad_stream(kind, stream)
    return YES if known and size <= 1 << 14 else NO


@dataclass(slots=True)
class Open:
    """A header block that is not complete."""

    frame: Frame
    target: int
    data: bytearray
    is_broken: bool = False
    has_gap: bool = False


@dataclass(slots=True)
class Side:
    """One direction of a connection."""

    frames: Frames = field(default_factory=Frames)
    blocks: Blocks = field(default_factory=Blocks)
    spoken: Spoken = field(default_factory=Spoken)
    placed: grpc.Placed = field(default_factory=grpc.Placed)
    messages: grpc.Placed = field(default_factory=grpc.Placed)
    bodies: grpc.Placed = field(default_factory=grpc.Placed)
    open: Open | None = None
