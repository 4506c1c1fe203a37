"""The first packets and first values of segments."""

from __future__ import annotations

from netlake.kernels import kernel


@kernel("void(int64[::1], uint8[::1], int64[::1], int64[::1], int64[::1], int32[:, ::1], int8[:, ::1], int64[:, ::1])")
def first_packets(rows, directions, values, gaps, counts, sizes, signs, times):
    """Write size, direction and gap of the first packets of each segment, as many as `sizes` has columns.

    `counts` are the packets of each segment so far; a gap that does not exist is 0.
    """
    most = sizes.shape[1]
    for i in range(rows.shape[0]):
        row = rows[i]
        k = counts[row]
        if k < most:
            sizes[row, k] = values[i]
            signs[row, k] = directions[i]
            times[row, k] = gaps[i] if gaps[i] > 0 else 0
            counts[row] = k + 1


@kernel("void(int64[::1], int64[::1], int64[::1])")
def first_value(rows, values, found):
    """Write 1 + the first value of each segment that is not negative; 0 is none yet."""
    for i in range(rows.shape[0]):
        if values[i] >= 0 and found[rows[i]] == 0:
            found[rows[i]] = values[i] + 1


@kernel("void(int64[::1], uint8[::1], int64[::1], int64[:, ::1])")
def first_of_sides(rows, directions, values, found):
    """As `first_value`, for each direction."""
    for i in range(rows.shape[0]):
        if values[i] >= 0 and found[rows[i], directions[i]] == 0:
            found[rows[i], directions[i]] = values[i] + 1


@kernel("void(int64[::1], int64[::1], int64[::1], int64[:, ::1])")
def histogram(rows, values, bounds, counts):
    """Count values in bins: bin k has those above `bounds[k - 1]` up to `bounds[k]`; larger ones are not counted."""
    for i in range(rows.shape[0]):
        for k in range(bounds.shape[0]):
            if values[i] <= bounds[k]:
                counts[rows[i], k] += 1
                break
