"""A digest of each packet: 64 bits that depend on every captured byte, its lengths, its time and its link type.

- Eight lanes take 8 bytes each of every 64. A step is an exclusive or, a multiplication and a shift, each of which
  keeps different states different. Eight lanes hide the latency of the multiplication; they begin
  with different states, as equal words would cancel each other when the lanes are joined.
- Packets of less than 64 bytes are read as words of 8 bytes. The last block or word ends with the packet, so that it
  overlaps the one before it.
- Bytes are read at any offset: `BLOCK` and `WORD` are packed records in arrays with a stride of 1, see `views`.
- It finds differences that occur in practice; somebody who wants two packets of one digest can make them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from netlake.kernels import kernel
from netlake.packets import Bytes

WORD = np.dtype([("value", np.uint64)])
BLOCK = np.dtype([(name, np.uint64) for name in "abcdefgh"])
# 2^64 divided by the golden ratio, made odd
FACTOR = np.uint64(0x9E3779B97F4A7C15)


def views(data: Bytes) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The blocks and the words at every offset of `data`."""
    blocks = np.ndarray((max(0, len(data) - BLOCK.itemsize + 1),), BLOCK, data, strides=(1,))
    return blocks, np.ndarray((max(0, len(data) - WORD.itemsize + 1),), WORD, data, strides=(1,))


@kernel()
def mixed(state, word):
    """The state after a word."""
    product = (state ^ word) * FACTOR
    return product ^ product >> np.uint64(32)


@kernel(once=True)
def long(blocks, start, end, state):
    """The state after the bytes from `start` to `end`, at least 64; the last block overlaps the one before it."""
    a = state
    b = a + FACTOR
    c = b + FACTOR
    d = c + FACTOR
    e = d + FACTOR
    f = e + FACTOR
    g = f + FACTOR
    h = g + FACTOR
    at = start
    while at < end:
        if end - at < np.uint64(64):
            at = end - np.uint64(64)
        block = blocks[at]
        a = mixed(a, block.a)
        b = mixed(b, block.b)
        c = mixed(c, block.c)
        d = mixed(d, block.d)
        e = mixed(e, block.e)
        f = mixed(f, block.f)
        g = mixed(g, block.g)
        h = mixed(h, block.h)
        at += np.uint64(64)
    return mixed(mixed(mixed(a, b), mixed(c, d)), mixed(mixed(e, f), mixed(g, h)))


@kernel(once=True)
def short(words, data, start, end, state):
    """The state after the bytes from `start` to `end`, fewer than 64; the last word overlaps the one before it."""
    at = start
    if end - at < np.uint64(8):
        while at < end:
            state = mixed(state, np.uint64(data[at]))
            at += np.uint64(1)
        return state
    while at < end:
        if end - at < np.uint64(8):
            at = end - np.uint64(8)
        state = mixed(state, words[at].value)
        at += np.uint64(8)
    return state


@kernel("void(BLOCK[:], WORD[:], uint8[::1], int64[::1], int64[::1], int64[::1], int64[::1], int32[::1], uint64[::1])")
def digests(blocks, words, data, start, captured, length, time, link_type, result):
    """Write the digest of each packet's bytes, length on the wire, time and link type to `result`.

    `start` and `captured` are its place in `data`, of which `blocks` and `words` are views.
    """
    for row in range(len(result)):
        if start[row] < 0 or captured[row] < 0 or start[row] + captured[row] > len(data):
            result[row] = 0
            continue
        first = np.uint64(start[row])
        size = np.uint64(captured[row])
        state = mixed(mixed(FACTOR, np.uint64(time[row])), np.uint64(length[row]))
        state = mixed(state, np.uint64(link_type[row]))
        if size < np.uint64(64):
            state = short(words, data, first, first + size, state)
        else:
            state = long(blocks, first, first + size, state)
        result[row] = mixed(state, size)
