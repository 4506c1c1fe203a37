"""Parts of UNSW-NB15: the handshake of TCP, and counts among the last records of a capture."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.feature_records import ACK, RST, SYN

HANDSHAKE = np.dtype([("syn", np.int64), ("syn_ack", np.int64), ("ack", np.int64), ("steps", np.uint8),
                      ("opener", np.uint8)], align=True)  # fmt: skip


@kernel("void(int64[::1], uint8[::1], int64[::1], int32[::1], HANDSHAKE[::1])")
def handshake(rows, directions, times, flags, shakes):
    """Write the times of the first SYN, of the next SYN+ACK of the other side and of the next ACK of the first side.

    `steps` counts what was found; a repeated SYN before the answer replaces the first.
    """
    for i in range(rows.shape[0]):
        f = flags[i]
        if f < 0:
            continue
        h = shakes[rows[i]]
        both = f & (SYN | ACK)
        if h.steps <= 1 and both == SYN:
            h.syn = times[i]
            h.opener = directions[i]
            h.steps = 1
        elif h.steps == 1 and both == SYN | ACK and directions[i] != h.opener:
            h.syn_ack = times[i]
            h.steps = 2
        elif h.steps == 2 and both == ACK and not f & RST and directions[i] == h.opener:
            h.ack = times[i]
            h.steps = 3


@kernel("void(int64[:, ::1], int64[:, ::1], int64[::1], int64[:, ::1])")
def recent(keys, ring, seen, counts):
    """For each record and each column of `keys`, count the equal keys among the last records, itself included.

    `ring` has a row for each of the last records, `seen[0]` is their number so far; both are kept between calls.
    """
    size = ring.shape[0]
    for i in range(keys.shape[0]):
        place = seen[0] % size
        for k in range(keys.shape[1]):
            ring[place, k] = keys[i, k]
        seen[0] += 1
        most = seen[0] if seen[0] < size else size
        for k in range(keys.shape[1]):
            count = 0
            for j in range(most):
                count += ring[j, k] == keys[i, k]
            counts[i, k] = count
