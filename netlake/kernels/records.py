"""Where each record of a classic pcap file lies: one pass over the buffer, one record header after the other.

The kernel never looks behind the bytes that are there: a record that is not whole is left for the next call, and its
size is told, so that the caller can fetch more. What a record header may hold is the caller's to say (`state`).
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import l32, u32

# why a kernel returned
FULL = 0  # the arrays are full
MORE = 1  # the next record needs more bytes than there are; the value is how many from its start
CORRUPT = 2  # the next record cannot be one; the value is what is wrong with it, one of the reasons below
BLOCK = 3  # the next block is not a packet (pcapng); the value is its length
COMMENTS = 4  # the arrays of comments are full (pcapng)

# reasons for CORRUPT
TOO_LONG = 0  # its captured length is above the limit; the second value is that length


@kernel()
def word(data, at, big):
    """32 bits at `at` in the byte order of the file, as int64; the caller has checked that they are there."""
    if big:
        return u32(data, at)
    return l32(data, at)


@kernel()
def pcap_lengths(data, at, big, swapped):
    """Captured and original length of the record at `at`; `swapped` is 0 never, 1 if that makes sense, 2 always."""
    captured = word(data, at + 8, big)
    length = word(data, at + 12, big)
    if swapped == 2 or (swapped == 1 and captured > length):
        return length, captured
    return captured, length


@kernel(
    "Tuple((int64, int64, int64, int64))(uint8[::1], int64, int64, int64[::1], int64, int64, int64[::1], int64[::1],"
    " int64[::1], int64[::1], int64[::1])"
)
def index_pcap(data, at, end, state, row, rows, start, captured, length, ts, offset):
    """Index records from `at`, those whole before `end`, into rows `row` to `rows`: (row, at, why, value).

    `state`: file offset of data[0], 1 for big endian, bytes in a record header, nanoseconds in a fraction's unit,
    how lengths are swapped (see `pcap_lengths`), the greatest captured length.
    """
    base = state[0]
    big = state[1] == 1
    header = state[2]
    unit = state[3]
    swapped = state[4]
    limit = state[5]
    if at < 0 or end > len(data) or header < 16:
        return row, at, MORE, header
    while row < rows:
        if at + header > end:
            return row, at, MORE, header
        kept, sent = pcap_lengths(data, at, big, swapped)
        if kept > limit:
            return row, at, CORRUPT, kept
        if at + header + kept > end:
            return row, at, MORE, header + kept
        start[row] = at + header
        captured[row] = kept
        length[row] = sent
        ts[row] = word(data, at, big) * np.int64(1000000000) + word(data, at + 4, big) * unit
        offset[row] = base + at
        row += 1
        at += header + kept
    return row, at, FULL, np.int64(0)


@kernel()
def pcap_plausible(data, at, state, low, high):
    """Size of the record that may begin at `at`, with seconds from `low` to `high`, else -1; 16 bytes are there."""
    big = state[1] == 1
    kept, sent = pcap_lengths(data, at, big, state[4])
    if kept <= 0 or kept > state[5] or sent < kept or sent > 134217728:
        return np.int64(-1)
    seconds = word(data, at, big)
    if seconds < low or seconds > high or word(data, at + 4, big) * state[3] >= 1000000000:
        return np.int64(-1)
    return state[2] + kept


@kernel("Tuple((int64, int64))(uint8[::1], int64, int64, boolean, int64[::1], int64, int64)")
def search_pcap(data, at, end, last, state, low, high):
    """The next place from `at` where three plausible records follow each other, or fewer and then the end.

    `last` says that nothing comes after `end`. Returns (place, 0), or (how far it is sure that there is none, bytes
    needed from there).
    """
    header = state[2]
    if at < 0 or end > len(data) or header < 16:
        return at, header
    while at + header <= end:
        here = at
        found = 0
        while found < 3:
            if here + header > end:
                if here == end and last and found > 0:
                    return at, np.int64(0)
                if last:
                    break
                return at, here + header - at
            size = pcap_plausible(data, here, state, low, high)
            if size < 0:
                break
            found += 1
            here += size
        if found == 3:
            return at, np.int64(0)
        at += 1
    return at, header
