"""Read Protobuf messages by column: find messages, list their fields, and read packed values.

The bytes are untrusted: every position is checked against the end of its message before it is used, every iteration
advances, and a message that cannot be read gives a negative code instead of a count.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel

# results that are not counts
CUT, BAD_VARINT, BAD_KEY, TOO_MANY, TOO_LONG = -1, -2, -3, -4, -5

_BYTES = "Array(uint8, 1, 'C', readonly=True)"
_LONGS = "Array(int64, 1, 'C', readonly=True)"


@kernel()
def get_varint(data, at, end):
    """(value as int64, offset after it) of the varint at `at`; the offset is CUT or BAD_VARINT if it does not end."""
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


@kernel(f"Tuple((int64, int64, int64))({_BYTES}, int64, int64, int64[::1], int64[::1])")
def delimit(data, at, longest, starts, ends):
    """Find whole messages from `at` on, as many as `starts` has room for: (their number, next, need).

    `next` is the offset of the first message that is not among them, `need` the least number of bytes that it has. The
    number is BAD_VARINT or TOO_LONG if the first message is invalid; a later invalid one is left for the next call.
    """
    count, used, need = np.int64(0), len(data), np.int64(1)
    while count < len(starts):
        size, begin = get_varint(data, at, used)
        if begin == CUT:
            need = used - at + 1
            break
        if begin < 0 or size < 0 or size > longest:
            if count == 0:
                count = np.int64(BAD_VARINT if begin < 0 else TOO_LONG)
            break
        if size > used - begin:
            need = begin - at + size
            break
        starts[count], ends[count] = begin, begin + size
        at = begin + size
        count += 1
    return count, at, need


@kernel(f"int64({_BYTES}, {_LONGS}, {_LONGS}, int64[::1], int64[::1], int64[::1], int64[::1])")
def fields(data, starts, ends, items, keys, values, sizes):
    """List the fields of the messages starts[i] to ends[i]; returns their number or a negative code.

    A field has the index of its message, its key, its value (the offset of its bytes if it is fixed or has a length)
    and its size. The caller has checked that the messages are inside `data`.
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
    """Read the varints of the packed runs at `starts` and count those of each; returns their number or a code."""
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
    """Copy the runs at `starts` to `out`, in order; `out` has room for the sum of `sizes`."""
    at = 0
    for i in range(len(starts)):
        for k in range(starts[i], starts[i] + sizes[i]):
            out[at] = data[k]
            at += 1
