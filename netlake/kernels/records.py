"""Index the records of a classic pcap file: one pass over the buffer, one record header after the other.

- The kernel reads no byte beyond `end`: a record that is not whole is left for the next call, and the number of bytes
  that it needs from its start is returned.
- What a record header may contain depends on the variant of the file; the caller decides it and passes it as PCAP.
- A record with a captured length above the limit ends the pass: its length, and so the next record, cannot be trusted.
- `search_pcap` finds the next record after such a place: three plausible records in a row, or fewer up to the end.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import l32, u32
from netlake.kernels.times import NANO
from netlake.packets import Ints, Nanos, Shorts

# why a kernel returned
FULL = 0  # the arrays are full
MORE = 1  # the next record needs more bytes; the value is how many from its start
CORRUPT = 2  # the next record is invalid; the value is its captured length, which is above the limit
BLOCK = 3  # the next block is not a packet (pcapng); the value is its length
OPTIONS = 4  # the array of options is full (pcapng); the value is how many there are with those of the next packet

# when the two lengths of a record header are swapped
NEVER_SWAPPED, SWAPPED_IF_LESS, ALWAYS_SWAPPED = range(3)
LONGEST_SENT = 128 << 20

# the variant of a pcap file
PCAP = np.dtype(
    [
        ("base", np.int64),  # offset in the file of data[0]
        ("big", np.int64),  # 1 for big-endian
        ("header", np.int64),  # bytes of a record header
        ("unit", np.int64),  # nanoseconds of one unit of the fraction
        ("swapped", np.int64),  # NEVER_SWAPPED, SWAPPED_IF_LESS or ALWAYS_SWAPPED
        ("limit", np.int64),  # greatest captured length
    ],
    align=True,
)


class RecordArrays(NamedTuple):
    """The arrays of a batch that an index fills: see `netlake.packets.Packets`."""

    start: Annotated[Ints, "int64[::1]"]
    captured: Annotated[Ints, "int64[::1]"]
    length: Annotated[Ints, "int64[::1]"]
    ts: Annotated[Ints, "int64[::1]"]
    offset: Annotated[Ints, "int64[::1]"]
    interface: Annotated[Shorts, "int32[::1]"]
    link_type: Annotated[Shorts, "int32[::1]"]
    nanos: Annotated[Nanos, "int16[::1]"]


@kernel()
def word(data, at, big):
    """32 bits at `at` in the byte order of the file, as int64; the caller has checked that they are in memory."""
    if big:
        return u32(data, at)
    return l32(data, at)


@kernel()
def pcap_lengths(data, at, pcap):
    """Captured and original length of the record at `at`."""
    captured = word(data, at + 8, pcap.big == 1)
    length = word(data, at + 12, pcap.big == 1)
    if pcap.swapped == ALWAYS_SWAPPED or (pcap.swapped == SWAPPED_IF_LESS and captured > length):
        return length, captured
    return captured, length


@kernel("Tuple((int64, int64, int64, int64))(uint8[::1], int64, int64, PCAP[::1], int64, int64, RecordArrays)")
def index_pcap(data, at, end, variant, row, rows, out):
    """Index the records that are whole between `at` and `end` into rows `row` to `rows`: (row, at, why, value).

    `variant` is one PCAP; interface and link type of the rows are left to the caller.
    """
    pcap = variant[0]
    big, header, unit, base = pcap.big == 1, pcap.header, pcap.unit, pcap.base
    if at < 0 or end > len(data) or header < 16:
        return row, at, MORE, header
    while row < rows:
        if at + header > end:
            return row, at, MORE, header
        kept, sent = pcap_lengths(data, at, pcap)
        if kept > pcap.limit:
            return row, at, CORRUPT, kept
        if at + header + kept > end:
            return row, at, MORE, header + kept
        out.start[row] = at + header
        out.captured[row] = kept
        out.length[row] = sent
        # seconds have 32 bits, so the time is near (netlake.kernels.times)
        out.ts[row] = word(data, at, big) * np.int64(NANO) + word(data, at + 4, big) * unit
        out.offset[row] = base + at
        row += 1
        at += header + kept
    return row, at, FULL, np.int64(0)


@kernel()
def pcap_plausible(data, at, pcap, low, high):
    """Size of the record that may begin at `at`, with seconds from `low` to `high`, else -1; 16 bytes are in memory."""
    big = pcap.big == 1
    kept, sent = pcap_lengths(data, at, pcap)
    if kept <= 0 or kept > pcap.limit or sent < kept or sent > LONGEST_SENT:
        return np.int64(-1)
    seconds = word(data, at, big)
    if seconds < low or seconds > high or word(data, at + 4, big) * pcap.unit >= NANO:
        return np.int64(-1)
    return pcap.header + kept


@kernel("Tuple((int64, int64))(uint8[::1], int64, int64, boolean, PCAP[::1], int64, int64)")
def search_pcap(data, at, end, last, variant, low, high):
    """The next place from `at` with three plausible records in a row, or fewer up to the end of the file.

    `last`: nothing follows `end`. Returns (place, 0), or if more bytes are needed (place up to which there is none,
    bytes needed from there).
    """
    pcap = variant[0]
    header = pcap.header
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
            size = pcap_plausible(data, here, pcap, low, high)
            if size < 0:
                break
            found += 1
            here += size
        if found == 3:
            return at, np.int64(0)
        at += 1
    return at, header
