"""Locate messages that have their length at a fixed place (netlake.layers.streamed.Frame) in the streams of a batch.

Rules
- Of a message at most `keep` bytes are copied into the pool; the rest is passed over and counted as `missing`.
- A gap within a message whose length is known cuts it there: the rest of it is missing, and the next message begins
  where the length says. After any other gap, and after a length that is too small or too large, the stream is lost
  until a slice begins with messages that fill it exactly; the first of them continues it.
- When a stream ends within a message, what there is of it is a message, if its length is known; nothing is `missing`,
  because the rest was not sent.
- Every byte is looked at once, so one byte a segment is read in linear time; an incomplete message is kept in the arena
  (at most `keep` bytes, or the stream is lost if there is no room).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.flow_state import record
from netlake.kernels.stream_arena import copy, keep, resume
from netlake.kernels.stream_located import has_room, located
from netlake.kernels.stream_state import (  # noqa: F401 - signatures name the records
    EVENT,
    LOCATED,
    POOL,
    STREAM,
    Arena,
    Kind,
)


class Phase(IntEnum):
    """STREAM.phase: LOST is without a place at which a message begins."""

    IN_STEP = 0
    LOST = 1


# a Frame with the number of its protocol, and the message at hand: `held` bytes of it are at pool[start:]
FRAME = record(
    [
        *((name, np.int64) for name in ("protocol", "at", "size", "add", "little", "most", "keep")),
        ("start", np.int64),
        ("held", np.int64),
        ("number", np.int64),  # packet that carries its first byte
        ("ts", np.int64),
    ],
    [],
)
# STREAM.line is the length of the message at hand, 0 while it is not known; STREAM.left are bytes to pass over


@kernel()
def length_of(data, start, frame):
    """The whole length of the message at `start`, whose length field is in `data`; -1 if it is not possible."""
    length = np.int64(0)
    for k in range(frame.size):
        byte = np.int64(data[start + frame.at + k])
        length = length | byte << 8 * k if frame.little else length << 8 | byte
    length += frame.add
    return length if frame.at + frame.size <= length <= frame.most else np.int64(-1)


@kernel()
def fits(data, start, size, frame):
    """1 if messages that begin at `start` fill `size` bytes exactly, else 0."""
    at, end = start, start + size
    while at + frame.at + frame.size <= end:
        length = length_of(data, at, frame)
        if length < 0:
            return 0
        at += length
    return 1 if at == end else 0


@kernel()
def lose(stream, frame, control):
    """The place at which the next message begins is not known any more."""
    control[0].lost += 1
    stream.undecoded += frame.held
    stream.phase, stream.line, stream.left, frame.held = Phase.LOST, 0, 0, 0
    return 0


@kernel()
def found(stream, frame, event, missing, messages, control):
    """The bytes in the pool are a message, of which `missing` bytes are not in the pool."""
    end = frame.start + frame.held
    index = located(messages, control, stream, event, frame.start, end, frame.number, frame.ts)
    messages[index].missing = min(missing, 0x7FFFFFFF)
    frame.start, frame.held, stream.line = end, 0, 0
    return 0


@kernel()
def gap(stream, frame, event, messages, control):
    """Bytes are missing: inside a message of known length the stream stays in step."""
    if stream.phase == Phase.LOST:
        return 0
    rest = stream.line - frame.held if frame.held else stream.left
    if (frame.held and stream.line == 0) or event.size > rest:
        return lose(stream, frame, control)
    if frame.held:
        found(stream, frame, event, rest, messages, control)
    stream.left = rest - event.size
    return 0


@kernel()
def take_bytes(stream, frame, buffer, at, left, pool):
    """Copy bytes of a message to the pool: its header, then up to `keep` bytes in all; returns how many.

    STREAM.line is its length once the header is complete, -1 if that length is not possible.
    """
    header, taken = frame.at + frame.size, np.int64(0)
    if frame.held < header:
        taken = min(left, header - frame.held)
        copy(buffer, at, taken, pool, frame.start + frame.held)
        frame.held += taken
        if frame.held < header:
            return taken
        stream.line = length_of(pool, frame.start, frame)
        if stream.line < 0:
            return taken
    part = min(left - taken, min(stream.line, frame.keep) - frame.held)
    copy(buffer, at + taken, part, pool, frame.start + frame.held)
    frame.held += part
    return taken + part


@kernel()
def slice_of(stream, frame, event, buffer, pool, messages, control):
    """Read the bytes of one event."""
    at, left = np.int64(event.start), np.int64(event.size)
    if stream.phase == Phase.LOST:
        if not fits(buffer, at, left, frame):
            stream.undecoded += left
            return 0
        stream.phase = Phase.IN_STEP
    while left > 0:
        if stream.left > 0:
            part = min(left, stream.left)
            stream.left -= part
        else:
            if frame.held == 0:
                frame.number, frame.ts = event.number, event.ts
            part = take_bytes(stream, frame, buffer, at, left, pool)
            if stream.line < 0:
                stream.undecoded += left - part
                return lose(stream, frame, control)
            if stream.line > 0 and frame.held == min(stream.line, frame.keep):
                rest = stream.line - frame.held
                found(stream, frame, event, rest, messages, control)
                stream.left = rest
        at, left = at + part, left - part
    return 0


@kernel()
def from_kept(stream, frame, event, arena, pool, messages, control):
    """Take up what was kept: the beginning of a message, or the first bytes of the stream.

    The first bytes of a stream, kept before its protocol was known, may contain whole messages.
    """
    frame.start, frame.number, frame.ts = control[0].used, 0, 0
    if stream.kept:
        frame.number, frame.ts = arena.heads[stream.kept].number, arena.heads[stream.kept].ts
    frame.held = size = resume(stream, arena, pool, frame.start)
    while stream.line == 0 and size >= frame.at + frame.size:
        stream.line = length_of(pool, frame.start, frame)
        if stream.line < 0:
            frame.held = size
            return lose(stream, frame, control)
        frame.held = min(size, stream.line, frame.keep)
        if frame.held < min(stream.line, frame.keep):
            return 0
        rest = stream.line - frame.held
        passed = min(rest, size - frame.held)
        size -= frame.held + passed
        found(stream, frame, event, rest, messages, control)
        stream.left = rest - passed
        frame.start += passed
        frame.held = size
    return 0


@kernel()
def walk_stream(first, stream, frame, data, arena, pool, messages, control):
    """Locate the messages of one stream, from its event `first` on."""
    i = np.int64(first)
    from_kept(stream, frame, arena.events[i], arena, pool, messages, control)
    while i >= 0:
        event = arena.events[i]
        i = np.int64(event.link)
        if event.kind == Kind.DATA:
            slice_of(stream, frame, event, data, pool, messages, control)
        elif event.kind == Kind.LATE:
            slice_of(stream, frame, event, arena.tail, pool, messages, control)
        elif event.kind == Kind.GAP:
            gap(stream, frame, event, messages, control)
        else:
            if frame.held and stream.line > 0:
                found(stream, frame, event, 0, messages, control)
            stream.undecoded += frame.held
            frame.held = 0
    if frame.held and not keep(stream, pool, frame.start, frame.held, 0, frame.number, frame.ts, arena):
        lose(stream, frame, control)


@kernel("int64(int64, int32[::1], STREAM[::1], uint8[::1], Arena, uint8[::1], LOCATED[::1], POOL[::1], FRAME[::1])")
def walk(at, first, states, data, arena, pool, messages, control, frames):
    """Locate the messages of a protocol in the streams of a batch, from first[at] on.

    `first` has the first event of each stream. Returns the index in it at which to go on when the pool has more room.
    """
    frame = frames[0]
    for index in range(at, first.size):
        stream = states[arena.events[first[index]].stream]
        if stream.protocol != frame.protocol:
            continue
        if not has_room(first[index], stream, frame.at + frame.size, arena, pool, messages, control):
            return index
        walk_stream(first[index], stream, frame, data, arena, pool, messages, control)
    return first.size
