"""The first bytes of streams whose protocol is not known, and what a decision does to these streams."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.flow_state import record
from netlake.kernels.stream_arena import copy, keep, resume
from netlake.kernels.stream_state import EVENT, STREAM, Arena, Kind, Known  # noqa: F401 - signatures name the records

# the first bytes of one stream; `closed`: more of it is not asked for
LOOK = record(
    [
        ("first", np.int32),  # its first event
        ("size", np.int16),
        ("closed", np.uint8),
        ("data", np.uint8, (64,)),
    ],
    [],
)


@kernel("int64(int32[::1], STREAM[::1], uint8[::1], Arena, LOOK[::1])")
def gather(first, states, data, arena, looks):
    """The first bytes of each stream without a protocol, of those that begin with `first`; how many there are.

    At most 64 bytes, also those of earlier batches, up to a gap or the end.
    """
    count = 0
    for index in range(first.size):
        i = np.int64(first[index])
        stream = states[arena.events[i].stream]
        if stream.protocol or stream.known & Known.MUTE:
            continue
        look = looks[count]
        look.first, look.size, look.closed = i, 0, 0
        if stream.kept:
            size = min(np.int64(arena.heads[stream.kept].size), look.data.size)
            copy(arena.blocks[stream.kept], 0, size, look.data, 0)
            look.size = size
        while i >= 0 and not look.closed:
            event = arena.events[i]
            i = np.int64(event.link)
            if event.kind > Kind.LATE:
                look.closed = 1 if look.size or event.kind == Kind.END else 0
                continue
            part = min(np.int64(event.size), look.data.size - look.size)
            copy(data if event.kind == Kind.DATA else arena.tail, event.start, part, look.data, look.size)
            look.size += part
            if look.size == look.data.size:
                look.closed = 1
        if look.size:
            count += 1
    return count


@kernel("void(LOOK[::1], uint8[::1], STREAM[::1], uint8[::1], Arena, uint8[::1])")
def keep_first(looks, undecided, states, data, arena, scratch):
    """Keep all bytes of the streams that are not decided, until the next batch; `scratch` has room for one stream."""
    for index in range(undecided.size):
        if not undecided[index]:
            continue
        i = np.int64(looks[index].first)
        stream = states[arena.events[i].stream]
        number, ts = arena.events[i].number, arena.events[i].ts
        if stream.kept:
            number, ts = arena.heads[stream.kept].number, arena.heads[stream.kept].ts
        size = resume(stream, arena, scratch, 0)
        while i >= 0:
            event = arena.events[i]
            i = np.int64(event.link)
            if event.kind <= Kind.LATE:
                copy(data if event.kind == Kind.DATA else arena.tail, event.start, event.size, scratch, size)
                size += event.size
        keep(stream, scratch, 0, size, 0, number, ts, arena)
