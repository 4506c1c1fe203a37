"""The options of TCP segments (RFC 9293 section 3.1, RFC 7323, RFC 2018)."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32

# bits of `found`
MSS = 1
WINDOW_SCALE = 2
SACK_PERMITTED = 4
TIMESTAMPS = 8

# two no-operations and a timestamps option: what nearly every segment has that has any
ONLY_TIMESTAMPS = 0x0101080A

# values of `wrong`
UNREADABLE = 1
ODD_LENGTH = 2


@kernel()
def option_at(data, here, end):
    """Kind, first byte of data and first byte behind the option at `here`; -1 behind it if it runs past `end`.

    Behind the end of options stands nothing, or its data if a byte of it is not zero.
    """
    kind = np.int64(data[here])
    if kind == 0:
        first = here + 1
        while first < end and data[first] == 0:
            first += 1
        return kind, here + 1 if first < end else end, end
    if kind == 1:
        return kind, here + 1, here + 1
    if here + 2 > end:
        return kind, end, -1
    size = np.int64(data[here + 1])
    return (kind, here + 2, here + size) if size >= 2 and here + size <= end else (kind, end, -1)


@kernel()
def size_is_odd(kind, size):
    """Whether an option of a kind that has a column has a length that is not its own."""
    return (
        (kind == 2 and size != 2)
        or (kind == 3 and size != 1)
        or (kind == 4 and size != 0)
        or (kind == 5 and (size == 0 or size % 8 != 0))
        or (kind == 8 and size != 8)
    )


@kernel(
    "void(uint8[::1], int64[::1], int64[::1], uint8[::1], uint8[::1], int32[::1], int16[::1], int64[::1], int64[::1],"
    " int32[::1], int64[::1], int64[::1], int32[::1], int16[::1], int32[::1], uint8[::1], int32[::1], int16[::1])"
)
def tcp_options(data, at, limit, found, wrong, mss, window_scale, value, echo,
                sack_at, left, right, other_at, kind, bytes_at, other, kinds_at, kinds):  # fmt: skip
    """Read the options between `at` and `limit` of every segment; `at` lies 20 bytes behind the segment's start.

    `found` and `wrong` (zeroed by the caller) say which are there and what is odd; `mss`, `window_scale`, `value` and
    `echo` (timestamps) are per segment. Row i's SACK blocks are elements sack_at[i] to sack_at[i + 1] of `left` and
    `right`; its other options lie likewise in `kind`, whose bytes are other[bytes_at[j]:bytes_at[j + 1]]; `kinds` are
    those of all options of a SYN, in order. An option that comes twice or whose length is not its own is among the
    others, and so is what follows an end of options, as kind 0, unless it is all zero.
    Room: with n option bytes in all, `left` n // 8 + 1, `kind` n // 2 + 1, `other` and `kinds` n + 1.
    """
    blocks = others = stored = listed = 0
    sack_at[0] = other_at[0] = bytes_at[0] = kinds_at[0] = 0
    for i in range(len(at)):
        here, end = at[i], limit[i]
        syn = here >= 20 and here < end and data[here - 7] & 2 != 0
        if end - here == 12 and here >= 20 and not syn and u32(data, here) == ONLY_TIMESTAMPS:
            found[i], value[i], echo[i], here = TIMESTAMPS, u32(data, here + 4), u32(data, here + 8), end
        while here >= 0 and here < end:
            option, first, here = option_at(data, here, end)
            if syn:
                kinds[listed] = option
                listed += 1
            if here < 0:
                wrong[i] = UNREADABLE
                break
            size = here - first
            if option == 1 or (option == 0 and size == 0):
                continue
            if size_is_odd(option, size):
                wrong[i] = ODD_LENGTH
            elif option == 8 and found[i] & TIMESTAMPS == 0:
                found[i] |= TIMESTAMPS
                value[i], echo[i] = u32(data, first), u32(data, first + 4)
                continue
            elif option == 5:
                for block in range(first, here, 8):
                    left[blocks], right[blocks] = u32(data, block), u32(data, block + 4)
                    blocks += 1
                continue
            elif option == 2 and found[i] & MSS == 0:
                found[i] |= MSS
                mss[i] = u16(data, first)
                continue
            elif option == 3 and found[i] & WINDOW_SCALE == 0:
                found[i] |= WINDOW_SCALE
                window_scale[i] = data[first]
                continue
            elif option == 4:
                found[i] |= SACK_PERMITTED
                continue
            kind[others] = option
            for position in range(first, here):
                other[stored] = data[position]
                stored += 1
            others += 1
            bytes_at[others] = stored
        sack_at[i + 1], other_at[i + 1], kinds_at[i + 1] = blocks, others, listed
