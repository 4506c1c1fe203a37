"""Write Protobuf messages by column: every column adds to the sizes of its messages, then every column writes.

- `key` is field number << 3 | wire type, 0 for a value without a key (a packed item, the length before a message).
- `sizes[i]` is the number of bytes of message i so far, `cursor[i]` the offset of its next byte.
- The caller writes exactly the rows of which it counted the sizes, so that all cursors are inside `out`.
- Arrays from Arrow's memory may be read-only.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel

# arrays that are only read, possibly in Arrow's memory
_BYTES = "Array(uint8, 1, 'C', readonly=True)"
_SHORTS = "Array(int32, 1, 'C', readonly=True)"
_LONGS = "Array(int64, 1, 'C', readonly=True)"


@kernel()
def varint_size(value):
    """Bytes of `value` (int64; a negative number has ten)."""
    left = np.uint64(value) >> np.uint64(7)
    size = 1
    while left:
        left >>= np.uint64(7)
        size += 1
    return size


@kernel()
def put_varint(out, at, value):
    """Write `value` (int64) at `at`; returns the offset after it."""
    left = np.uint64(value)
    while left >= np.uint64(128):
        out[at] = np.uint8(left & np.uint64(127) | np.uint64(128))
        left >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(left)
    return at + 1


@kernel(f"void({_LONGS}, {_BYTES}, int64, int64, int64[::1])")
def number_sizes(values, valid, key, fixed, sizes):
    """Add the size of a number to every message where `valid` is not 0: a varint, or eight bytes where `fixed` is 1."""
    extra = varint_size(key) if key else 0
    for i in range(len(values)):
        if valid[i]:
            sizes[i] += extra + (8 if fixed else varint_size(values[i]))


@kernel(f"void({_LONGS}, {_BYTES}, int64, int64, int64, int64, uint8[::1], int64[::1])")
def put_numbers(values, valid, key, fixed, first, end, out, cursor):
    """Write the number to the messages `first` to `end`; if `fixed` is 1, `values` are the bits of doubles."""
    for i in range(first, end):
        if not valid[i]:
            continue
        at = cursor[i]
        if key:
            at = put_varint(out, at, key)
        if fixed:
            left = np.uint64(values[i])
            for _ in range(8):
                out[at] = np.uint8(left & np.uint64(255))
                left >>= np.uint64(8)
                at += 1
        else:
            at = put_varint(out, at, values[i])
        cursor[i] = at


@kernel(f"void({_SHORTS}, {_SHORTS}, int64, int64[::1])")
def text_sizes(codes, offsets, key, sizes):
    """Add the size of text `codes[i]` to message i; a negative code is null. Text c is offsets[c] : offsets[c + 1]."""
    extra = varint_size(key)
    for i in range(len(codes)):
        code = codes[i]
        if code >= 0:
            size = np.int64(offsets[code + 1]) - np.int64(offsets[code])
            sizes[i] += extra + varint_size(size) + size


@kernel(f"void({_SHORTS}, {_SHORTS}, {_BYTES}, int64, int64, int64, uint8[::1], int64[::1])")
def put_texts(codes, offsets, data, key, first, end, out, cursor):
    """Write the text to the messages `first` to `end`."""
    for i in range(first, end):
        code = codes[i]
        if code < 0:
            continue
        begin, stop = np.int64(offsets[code]), np.int64(offsets[code + 1])
        at = put_varint(out, cursor[i], key)
        at = put_varint(out, at, stop - begin)
        for k in range(begin, stop):
            out[at] = data[k]
            at += 1
        cursor[i] = at


@kernel(f"void({_LONGS}, {_LONGS}, int64[::1])")
def item_sizes(offsets, items, sizes):
    """Add the sizes of items offsets[i] to offsets[i + 1] to message i."""
    for i in range(len(sizes)):
        for k in range(offsets[i], offsets[i + 1]):
            sizes[i] += items[k]


@kernel(f"void({_LONGS}, {_LONGS}, int64, int64, int64[::1], int64[::1])")
def place_items(offsets, items, first, end, cursor, inner):
    """Set the offsets (`inner`) of the items of the messages `first` to `end`, in order."""
    for i in range(first, end):
        at = cursor[i]
        for k in range(offsets[i], offsets[i + 1]):
            inner[k] = at
            at += items[k]
        cursor[i] = at
