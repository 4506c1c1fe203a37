"""Locate a message: one record in a pool of messages (netlake.layers.streamed.Pool)."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.stream_state import Kind


@kernel()
def place_in(stream, number):
    """How many messages of the stream before this one begin in packet `number`; counts this one."""
    if stream.placed_in != number:
        stream.placed_in, stream.placed = number, 0
    stream.placed += 1
    return stream.placed - 1


@kernel()
def located(messages, control, stream, event, start, end, number, ts):
    """Add the message pool[start:end], complete with `event`, whose first byte is in packet `number`; its index.

    `missing` and `kind` are 0; the bytes of the pool that are in use end with the message.
    """
    index = control[0].messages
    message = messages[index]
    message.start, message.end, message.number, message.ts = start, end, number, ts
    message.at, message.stream, message.missing, message.kind = event.at, event.stream, 0, 0
    message.place = place_in(stream, number)
    control[0].messages += 1
    control[0].used = end
    return index


@kernel()
def has_room(first, stream, least, arena, pool, messages, control):
    """1 if the pool has room for what one stream says in a batch, in messages of at least `least` bytes; else 0."""
    size, i = np.int64(0), np.int64(first)
    if stream.kept:
        size = np.int64(arena.heads[stream.kept].size)
    slices = 0
    while i >= 0:
        event = arena.events[i]
        if event.kind <= Kind.LATE:
            size += event.size
        slices += 1
        i = np.int64(event.link)
    wanted = control[0].messages + size // least + slices + 2
    return 1 if control[0].used + size <= pool.size and wanted <= messages.size else 0
