"""Statistics of one column of packets, for each segment and direction."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.feature_records import FLAG_COUNTS, MOMENTS, add  # noqa: F401 - types of the signatures


@kernel("void(int64[::1], uint8[::1], int64[::1], MOMENTS[:, ::1])")
def by_direction(rows, directions, values, moments):
    """Add `values` that are not negative to `moments[row, direction]`."""
    for i in range(rows.shape[0]):
        if values[i] >= 0:
            add(moments[rows[i], directions[i]], values[i])


@kernel("void(int64[::1], int64[::1], MOMENTS[::1])")
def by_segment(rows, values, moments):
    """Add `values` that are not negative to `moments[row]`."""
    for i in range(rows.shape[0]):
        if values[i] >= 0:
            add(moments[rows[i]], values[i])


@kernel("void(int64[::1], uint8[::1], int32[::1], FLAG_COUNTS[:, ::1])")
def flag_counts(rows, directions, flags, counts):
    """Count the packets with each flag of TCP, and join the flags, in `counts[row, direction]`; -1 is no TCP."""
    for i in range(rows.shape[0]):
        f = flags[i]
        if f < 0:
            continue
        c = counts[rows[i], directions[i]]
        c.union |= f & 255
        c.fin += f & 1
        c.syn += (f >> 1) & 1
        c.rst += (f >> 2) & 1
        c.psh += (f >> 3) & 1
        c.ack += (f >> 4) & 1
        c.urg += (f >> 5) & 1
        c.ece += (f >> 6) & 1
        c.cwr += (f >> 7) & 1
