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

# values of `wrong`
UNREADABLE = 1
ODD_LENGTH = 2


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
    blocks = 0
    others = 0
    stored = 0
    listed = 0
    sack_at[0] = 0
    other_at[0] = 0
    bytes_at[0] = 0
    kinds_at[0] = 0
    for i in range(len(at)):
        here = at[i]
        end = limit[i]
        syn = here >= 20 and here < end and data[here - 7] & 2 != 0
        while here >= 0 and here < end:
            option = np.int64(data[here])
            if syn:
                kinds[listed] = option
                listed += 1
            if option == 1:
                here += 1
                continue
            first = here + 2
            if option == 0:
                first = here + 1
                here = end
                padding = first
                while padding < end and data[padding] == 0:
                    padding += 1
                if padding == end:
                    break
            else:
                if first > end:
                    wrong[i] = UNREADABLE
                    break
                size = np.int64(data[here + 1])
                here += size
                if size < 2 or here > end:
                    wrong[i] = UNREADABLE
                    break
            size = here - first
            if option == 8 and size == 8 and found[i] & TIMESTAMPS == 0:
                found[i] |= TIMESTAMPS
                value[i] = u32(data, first)
                echo[i] = u32(data, first + 4)
            elif option == 5 and size > 0 and size % 8 == 0:
                while first < here:
                    left[blocks] = u32(data, first)
                    right[blocks] = u32(data, first + 4)
                    blocks += 1
                    first += 8
            elif option == 2 and size == 2 and found[i] & MSS == 0:
                found[i] |= MSS
                mss[i] = u16(data, first)
            elif option == 3 and size == 1 and found[i] & WINDOW_SCALE == 0:
                found[i] |= WINDOW_SCALE
                window_scale[i] = data[first]
            elif option == 4 and size == 0:
                found[i] |= SACK_PERMITTED
            else:
                if (
                    (option == 2 and size != 2)
                    or (option == 3 and size != 1)
                    or (option == 4)
                    or (option == 8 and size != 8)
                    or option == 5
                ):
                    wrong[i] = ODD_LENGTH
                kind[others] = option
                while first < here:
                    other[stored] = data[first]
                    stored += 1
                    first += 1
                others += 1
                bytes_at[others] = stored
        sack_at[i + 1] = blocks
        other_at[i + 1] = others
        kinds_at[i + 1] = listed
