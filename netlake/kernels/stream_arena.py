"""The arena: bytes of streams that wait, in chains of blocks.

A chain holds one piece: a segment that came early, or the beginning of a message that is not complete. Its first block
has the facts of the piece (BLOCK_OF). The code that keeps a chain frees it in every case; without streams, `used` - 1
is `free`.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.stream_state import BLOCK


@kernel()
def copy(source, start, size, out, at):
    """Copy bytes. Over two views, whose bounds are checked once, it is one memcpy: 0.1 ns a byte instead of 1.7."""
    if start < 0 or at < 0 or size < 0 or start + size > source.size or at + size > out.size:
        raise IndexError
    read, write = source[start : start + size], out[at : at + size]
    for i in range(size):
        write[i] = read[i]


@kernel()
def take_block(arena):
    """A free block, -1 if there is none."""
    control = arena.control[0]
    if control.free > 0:
        control.free -= 1
        return np.int64(arena.free[control.free])
    if control.used < arena.heads.size:
        control.used += 1
        return np.int64(control.used - 1)
    return np.int64(-1)


@kernel()
def give_back(first, arena):
    """Free the blocks of a chain; 0 is none."""
    control = arena.control[0]
    while first > 0:
        arena.free[control.free] = first
        control.free += 1
        first = np.int64(arena.heads[first].more)


@kernel()
def store(data, start, size, arena):
    """Copy bytes into a new chain; its first block, 0 if the arena is full."""
    first, before = np.int64(0), np.int64(0)
    while size > 0:
        block = take_block(arena)
        if block < 0:
            give_back(first, arena)
            return np.int64(0)
        arena.heads[block].more = 0
        if first == 0:
            first = block
        else:
            arena.heads[before].more = block
        part = min(size, BLOCK)
        copy(data, start, part, arena.blocks[block], 0)
        before, start, size = block, start + part, size - part
    return first


@kernel()
def load(first, skip, size, arena, out, at):
    """Copy `size` bytes of a chain to out[at:], beginning with its byte `skip`."""
    while skip >= BLOCK:
        first, skip = np.int64(arena.heads[first].more), skip - BLOCK
    while size > 0:
        part = min(size, BLOCK - skip)
        copy(arena.blocks[first], skip, part, out, at)
        first, at, size, skip = np.int64(arena.heads[first].more), at + part, size - part, 0


@kernel()
def keep(stream, pool, start, size, searched, number, ts, arena):
    """Keep the beginning of a message until the next batch; returns 1, or 0 if there is no room.

    `searched` bytes of it need not be searched again; `number` and `ts` are those of its first byte.
    """
    first = store(pool, start, size, arena)
    stream.kept = first
    if first == 0:
        return 0 if size > 0 else 1
    head = arena.heads[first]
    head.size, head.seq, head.number, head.ts = size, searched, number, ts
    return 1


@kernel()
def resume(stream, arena, pool, at):
    """Copy the beginning of a message that was kept to pool[at:] and free it; its size. Read its facts before."""
    first = np.int64(stream.kept)
    if first == 0:
        return np.int64(0)
    size = np.int64(arena.heads[first].size)
    load(first, 0, size, arena, pool, at)
    give_back(first, arena)
    stream.kept = 0
    return size
