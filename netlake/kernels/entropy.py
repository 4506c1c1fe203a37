"""Shannon entropy of bytes: low for text and padding, near 8 for compressed or encrypted data."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel


@kernel("void(uint8[::1], int64[::1], int64[::1], int64[::1], float64[::1])")
def entropy(data, start, end, counts, result):
    """Write the entropy of data[start:end] in bits per byte, 0 to 8, of each row; 0 for an empty range.

    `counts` is scratch of 256 numbers.
    """
    for i in range(len(start)):
        first = start[i]
        limit = end[i]
        result[i] = 0.0
        if first < 0 or first >= limit or limit > len(data):
            continue
        counts[:] = 0
        for at in range(first, limit):
            counts[data[at]] += 1
        size = np.float64(limit - first)
        total = 0.0
        for number in range(256):
            if counts[number] > 0:
                total += counts[number] * np.log2(counts[number])
        result[i] = np.log2(size) - total / size
