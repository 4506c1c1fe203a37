"""The records in which feature kernels accumulate: one of each for a segment, or two, one for a direction.

- A segment is the part of a flow that makes one row of a feature set. Records are kept between the blocks of packets
  that a capture is read in, so that a segment can begin in one block and end in another.
- Records of a new segment are zeros; a kernel tests a count, never a marker value.
- Times are microseconds since 1970; `NO_TIME` is the time of a packet without one. The direction of a packet in its
  segment is 0 forward, 1 backward.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel

NO_TIME = np.iinfo(np.int64).min
FORWARD, BACKWARD = 0, 1
# flags of TCP in the order of their bits
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32

# count, sum, mean, sum of squared deviations from the mean (Welford 1962), minimum and maximum of integers
MOMENTS = np.dtype(
    [("count", np.int64), ("total", np.int64), ("mean", np.float64), ("squares", np.float64), ("low", np.int64),
     ("high", np.int64)], align=True)  # fmt: skip
FLAG_COUNTS = np.dtype([("fin", np.int32), ("syn", np.int32), ("rst", np.int32), ("psh", np.int32), ("ack", np.int32),
                        ("urg", np.int32), ("ece", np.int32), ("cwr", np.int32), ("union", np.int32)],
                       align=True)  # fmt: skip


@kernel()
def add(moments, value):
    """Add one value."""
    if moments.count == 0 or value < moments.low:
        moments.low = value
    if moments.count == 0 or value > moments.high:
        moments.high = value
    moments.count += 1
    moments.total += value
    change = value - moments.mean
    moments.mean += change / moments.count
    moments.squares += change * (value - moments.mean)
    return 0
