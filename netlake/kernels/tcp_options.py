"""Read the options of TCP segments (RFC 9293 section 3.1, RFC 7323, RFC 2018).

- Options with a column of their own (maximum segment size, window scale, SACK permitted, timestamps) are read once a
  segment; SACK blocks are listed. Any other option, one that occurs twice, and one whose length is not that of its kind
  are listed with their bytes, so that no byte of the options is lost.
- After an end of options the rest is listed as kind 0, unless it is all zero.
- An option that runs past the header ends the segment's reading. It marks the segment UNREADABLE, unless an option
  before it marked it ODD_LENGTH: the first fault is kept.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32
from netlake.packets import Bytes, Ints, Shorts

# bits of `present`
MSS = 1
WINDOW_SCALE = 2
SACK_PERMITTED = 4
TIMESTAMPS = 8

# two no-operations and a timestamps option: the options of nearly every segment that has any
ONLY_TIMESTAMPS = 0x0101080A

# values of `wrong`
UNREADABLE = 1
ODD_LENGTH = 2

# TCP's option kinds
END, NOTHING, MSS_KIND, SCALE_KIND, PERMITTED_KIND, SACK_KIND, TIMESTAMPS_KIND = 0, 1, 2, 3, 4, 5, 8
SYN = 2


class OptionArrays(NamedTuple):
    """The options of a batch of segments.

    One element a segment: `present` (bits), `wrong` (0, UNREADABLE or ODD_LENGTH), `mss`, `window_scale`,
    `timestamp_value`, `timestamp_echo`.
    Lists, in which segment i has the elements at[i] to at[i + 1]: SACK blocks (`left`, `right`) by `sack_at`; other
    options (`kind`, and `other[bytes_at[j] : bytes_at[j + 1]]`) by `other_at`; the `kinds` of all options of a SYN, in
    order, by `kinds_at`.
    """

    present: Annotated[Bytes, "uint8[::1]"]
    wrong: Annotated[Bytes, "uint8[::1]"]
    mss: Annotated[Shorts, "int32[::1]"]
    window_scale: Annotated[npt.NDArray[np.int16], "int16[::1]"]
    timestamp_value: Annotated[Ints, "int64[::1]"]
    timestamp_echo: Annotated[Ints, "int64[::1]"]
    sack_at: Annotated[Shorts, "int32[::1]"]
    left: Annotated[Ints, "int64[::1]"]
    right: Annotated[Ints, "int64[::1]"]
    other_at: Annotated[Shorts, "int32[::1]"]
    kind: Annotated[npt.NDArray[np.int16], "int16[::1]"]
    bytes_at: Annotated[Shorts, "int32[::1]"]
    other: Annotated[Bytes, "uint8[::1]"]
    kinds_at: Annotated[Shorts, "int32[::1]"]
    kinds: Annotated[npt.NDArray[np.int16], "int16[::1]"]


def room_for(segments: int, size: int) -> OptionArrays:
    """Arrays for the options of so many segments, `size` bytes in all."""
    return OptionArrays(
        present=np.zeros(segments, np.uint8),
        wrong=np.zeros(segments, np.uint8),
        mss=np.zeros(segments, np.int32),
        window_scale=np.zeros(segments, np.int16),
        timestamp_value=np.zeros(segments, np.int64),
        timestamp_echo=np.zeros(segments, np.int64),
        sack_at=np.zeros(segments + 1, np.int32),
        left=np.empty(size // 8 + 1, np.int64),
        right=np.empty(size // 8 + 1, np.int64),
        other_at=np.zeros(segments + 1, np.int32),
        kind=np.empty(size // 2 + 1, np.int16),
        bytes_at=np.zeros(size // 2 + 2, np.int32),
        other=np.empty(size + 1, np.uint8),
        kinds_at=np.zeros(segments + 1, np.int32),
        kinds=np.empty(size + 1, np.int16),
    )


@kernel()
def option_at(data, here, end):
    """Kind, first byte of data and first byte after the option at `here`; the latter is -1 if it runs past `end`.

    The data of an end of options is the rest, empty if that is all zero.
    """
    kind = np.int64(data[here])
    if kind == END:
        first = here + 1
        while first < end and data[first] == 0:
            first += 1
        return kind, here + 1 if first < end else end, end
    if kind == NOTHING:
        return kind, here + 1, here + 1
    if here + 2 > end:
        return kind, end, -1
    size = np.int64(data[here + 1])
    return (kind, here + 2, here + size) if size >= 2 and here + size <= end else (kind, end, -1)


@kernel()
def size_is_odd(kind, size):
    """Whether the length of an option with a column of its own is not that of its kind."""
    return (
        (kind == MSS_KIND and size != 2)
        or (kind == SCALE_KIND and size != 1)
        or (kind == PERMITTED_KIND and size != 0)
        or (kind == SACK_KIND and (size == 0 or size % 8 != 0))
        or (kind == TIMESTAMPS_KIND and size != 8)
    )


@kernel()
def read_typed(data, first, option, i, out):
    """Read an option of the right length that has columns, unless the segment had it before; whether it was read."""
    present = out.present[i]
    if option == TIMESTAMPS_KIND and present & TIMESTAMPS == 0:
        out.present[i] = present | TIMESTAMPS
        out.timestamp_value[i], out.timestamp_echo[i] = u32(data, first), u32(data, first + 4)
    elif option == MSS_KIND and present & MSS == 0:
        out.present[i] = present | MSS
        out.mss[i] = u16(data, first)
    elif option == SCALE_KIND and present & WINDOW_SCALE == 0:
        out.present[i] = present | WINDOW_SCALE
        out.window_scale[i] = data[first]
    elif option == PERMITTED_KIND:
        out.present[i] = present | SACK_PERMITTED
    else:
        return False
    return True


@kernel("void(uint8[::1], int64[::1], int64[::1], OptionArrays)")
def tcp_options(data, at, limit, out):
    """Read the options between `at` and `limit` of every segment; `at` is 20 bytes after the segment's start."""
    blocks = others = stored = listed = 0
    for i in range(len(at)):
        here, end = at[i], limit[i]
        syn = here >= 20 and here < end and data[here - 7] & SYN != 0
        if end - here == 12 and here >= 20 and not syn and u32(data, here) == ONLY_TIMESTAMPS:
            out.present[i], here = TIMESTAMPS, end
            out.timestamp_value[i], out.timestamp_echo[i] = u32(data, end - 8), u32(data, end - 4)
        while here >= 0 and here < end:
            option, first, here = option_at(data, here, end)
            if syn:
                out.kinds[listed] = option
                listed += 1
            if here < 0:
                if out.wrong[i] == 0:
                    out.wrong[i] = UNREADABLE
                break
            size = here - first
            if option == NOTHING or (option == END and size == 0):
                continue
            if size_is_odd(option, size):
                out.wrong[i] = ODD_LENGTH
            elif option == SACK_KIND:
                for block in range(first, here, 8):
                    out.left[blocks], out.right[blocks] = u32(data, block), u32(data, block + 4)
                    blocks += 1
                continue
            elif read_typed(data, first, option, i, out):
                continue
            out.kind[others] = option
            for position in range(first, here):
                out.other[stored] = data[position]
                stored += 1
            others += 1
            out.bytes_at[others] = stored
        out.sack_at[i + 1], out.other_at[i + 1], out.kinds_at[i + 1] = blocks, others, listed
