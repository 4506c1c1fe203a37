"""The Internet checksum (RFC 1071)."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel


@kernel("void(uint8[::1], int64[::1], int64[::1], int32[::1])")
def internet_sum(data, start, end, result):
    """Write the ones' complement sum of data[start:end] of each row: 65535 if its checksum is correct.

    An odd last byte is padded with a zero. A range that is not inside `data` has the sum 0.
    """
    for i in range(len(start)):
        at = start[i]
        limit = end[i]
        total = np.int64(0)
        if at >= 0 and limit <= len(data):
            while at + 1 < limit:
                total += np.int64(data[at]) << 8 | np.int64(data[at + 1])
                at += 2
            if at < limit:
                total += np.int64(data[at]) << 8
        while total > 0xFFFF:
            total = (total >> 16) + (total & 0xFFFF)
        result[i] = total
