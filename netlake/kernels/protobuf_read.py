"""Reading Protobuf by column: where messages lie, what fields they have, and what a field can hold many of.

The bytes are anybody's: every position is checked against the end of its message before it is used, every loop
advances, and what cannot be read gives a negative code instead of a count.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel

# what went wrong
CUT, BAD_VARINT, BAD_KEY, TOO_MANY, TOO_LONG = -1, -2, -3, -4, -5

_BYTES = "Array(uint8, 1, 'C', readonly=True)"
_LONGS = "Array(int64, 1, 'C', readonly=True)"


@kernel()
def get_varint(data, at, end):
    """The varint at `at` as int64 and where the next byte is; CUT or BAD_VARINT there if it does not end."""
    value, shift = np.uint64(0), np.uint64(0)
    while at < end:
        byte = np.uint64(data[at])
        at += 1
        value |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            return np.int64(value), at
        shift += np.uint64(7)
        if shift > np.uint64(63):
            return np.int64(0), np.int64(BAD_VARINT)
    return np.int64(0), np.int64(CUT)


@kernel(f"int64({_BYTES}, int64, int64, int64[::1], int64[::1], int64[::1])")
def delimit(data, at, longest, starts, ends, state):
    """Find whole messages from `at` on, as many as `starts` has room for; their number, or BAD_VARINT or TOO_LONG.

    Such a message is told only where it is the first, so that those before it are given. `state` becomes: where the
    first message lies that is not among them, and how many bytes it needs at least.
    """
    count, used = 0, len(data)
    state[0], state[1] = at, 1
    while count < len(starts):
        size, begin = get_varint(data, at, used)
        if begin == CUT:
            state[1] = used - at + 1
            break
        if begin < 0 or size < 0 or size > longest:
            if count:  # those before it first: the next call begins with this one
                break
            return BAD_VARINT if begin < 0 else TOO_LONG
        if size > used - begin:
            state[1] = begin - at + size
            break
        starts[count], ends[count] = begin, begin + size
        at = begin + size
        state[0], state[1] = at, 1
        count += 1
    return count


@kernel(f"int64({_BYTES}, {_LONGS}, {_LONGS}, int64[::1], int64[::1], int64[::1], int64[::1])")
def fields(data, starts, ends, items, keys, values, sizes):
    """Every field of the messages starts[i] to ends[i]: its message, key, value (or place) and size; their number.

    Eight fixed bytes are given by where they lie. The messages lie in `data`: the caller has checked it.
    """
    count = 0
    for i in range(len(starts)):
        at, end = starts[i], ends[i]
        while at < end:
            key, at = get_varint(data, at, end)
            if at < 0:
                return at
            if key < 8 or key >= np.int64(1) << 32:
                return BAD_KEY
            if count == len(items):
                return TOO_MANY
            wire, size, value = key & 7, np.int64(8), at
            if wire == 0:
                value, at = get_varint(data, at, end)
                if at < 0:
                    return at
                size = np.int64(0)
            elif wire == 2:
                size, at = get_varint(data, at, end)
                if at < 0:
                    return at
                value = at
            elif wire != 1:
                return BAD_KEY
            if size < 0 or size > end - at:
                return CUT
            at += size
            items[count], keys[count], values[count], sizes[count] = i, key, value, size
            count += 1
    return count


@kernel(f"int64({_BYTES}, {_LONGS}, {_LONGS}, int64[::1], int64[::1])")
def packed(data, starts, sizes, values, counts):
    """The varints packed in the runs at `starts`, and how many each run holds; their number."""
    count = 0
    for i in range(len(starts)):
        at, end = starts[i], starts[i] + sizes[i]
        before = count
        while at < end:
            value, at = get_varint(data, at, end)
            if at < 0:
                return at
            if count == len(values):
                return TOO_MANY
            values[count] = value
            count += 1
        counts[i] = count - before
    return count


@kernel(f"void({_BYTES}, {_LONGS}, {_LONGS}, uint8[::1])")
def join(data, starts, sizes, out):
    """The runs at `starts`, one behind the other; `out` has room for the sum of `sizes`."""
    at = 0
    for i in range(len(starts)):
        for k in range(starts[i], starts[i] + sizes[i]):
            out[at] = data[k]
            at += 1
