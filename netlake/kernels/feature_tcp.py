"""Segments of TCP that were sent before, counted for each direction of a segment."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.feature_records import FIN, SYN

SEQUENCE = np.dtype(
    [("next", np.int64), ("first", np.int64), ("packets", np.int64), ("bytes", np.int64), ("seen", np.uint8),
     ("opened", np.uint8)],
    align=True)  # fmt: skip
HALF = 1 << 31
MASK = (1 << 32) - 1


@kernel("void(int64[::1], uint8[::1], int64[::1], int64[::1], int64[::1], int32[::1], SEQUENCE[:, ::1])")
def retransmitted(rows, directions, numbers, payloads, sizes, flags, sequences):
    """Count packets that begin before the end of what their direction sent, modulo 2^32, and their `sizes`.

    Packets without payload, SYN and FIN occupy no sequence number and are not counted; `flags` are -1 without TCP.
    `first` is the number of the first packet of the direction.
    """
    for i in range(rows.shape[0]):
        f = flags[i]
        if f < 0:
            continue
        s = sequences[rows[i], directions[i]]
        if not s.opened:
            s.opened = 1
            s.first = numbers[i]
        length = payloads[i] + ((f & SYN) >> 1) + (f & FIN)
        if length <= 0:
            continue
        end = (numbers[i] + length) & MASK
        if not s.seen:
            s.seen = 1
            s.next = end
            continue
        if ((numbers[i] - s.next) & MASK) >= HALF:
            s.packets += 1
            s.bytes += sizes[i]
        if ((end - s.next) & MASK) < HALF:
            s.next = end
