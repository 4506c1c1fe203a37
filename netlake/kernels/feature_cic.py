"""The parts of CICFlowMeter's features that need the order of packets: bulks, subflows, active and idle periods.

- Subflows: a gap of more than 1 s in the segment ends one; the count is of ends.
- Active and idle: a gap of more than 5 s is idle; the period before it is active if it is longer than 0. The period
  that is open at the end of a segment is not counted.
- Bulks, of packets with payload in one direction: a candidate is continued by the next such packet, unless the other
  direction began or continued a candidate later than this one began, or more than 1 s passed. From its fourth packet
  on, a candidate is a bulk. Its duration is from its first to its last packet.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.feature_records import MOMENTS, add  # noqa: F401 - a type of the signature

SECOND = 1_000_000
IDLE = 5 * SECOND
BULK = 4

PERIODS = np.dtype([("begin", np.int64), ("end", np.int64), ("subflows", np.int64), ("seen", np.uint8)], align=True)
BULKS = np.dtype(
    [("begin", np.int64), ("last", np.int64), ("run_packets", np.int64), ("run_bytes", np.int64), ("bulks", np.int64),
     ("bulk_packets", np.int64), ("bulk_bytes", np.int64), ("bulk_time", np.int64), ("candidate", np.uint8),
     ("candidates", np.uint8)],
    align=True)  # fmt: skip
HEADERS = np.dtype(
    [("headers", np.int64), ("low", np.int32), ("packets", np.int32), ("data_packets", np.int32),
     ("data_after_first", np.int32), ("window_first", np.int32), ("window_last", np.int32), ("window_set", np.int32),
     ("windows", np.int32)],
    align=True)  # fmt: skip


@kernel()
def _bulk(own, other, now, size):
    """Follow the bulks of the direction `own` by one packet with `size` bytes of payload."""
    if other.candidates and other.last > own.begin:
        own.candidate = 0
    if size <= 0:
        return 0
    if not own.candidate or now - own.last > SECOND:
        own.candidate = own.candidates = 1
        own.begin = own.last = now
        own.run_packets = 1
        own.run_bytes = size
        return 0
    own.run_packets += 1
    own.run_bytes += size
    if own.run_packets == BULK:
        own.bulks += 1
        own.bulk_packets += BULK
        own.bulk_bytes += own.run_bytes
        own.bulk_time += now - own.begin
    elif own.run_packets > BULK:
        own.bulk_packets += 1
        own.bulk_bytes += size
        own.bulk_time += now - own.last
    own.last = now
    return 0


@kernel("void(int64[::1], uint8[::1], int64[::1], int64[::1], int64[::1], PERIODS[::1], MOMENTS[:, ::1],"
        " BULKS[:, ::1])")  # fmt: skip
def order(rows, directions, times, gaps, payloads, periods, moments, bulks):
    """Follow subflows, active (`moments[row, 0]`) and idle periods (`moments[row, 1]`), and bulks."""
    for i in range(rows.shape[0]):
        row, now, gap = rows[i], times[i], gaps[i]
        p = periods[row]
        if not p.seen:
            p.seen = 1
            p.begin = now
        if gap > SECOND:
            p.subflows += 1
            if gap > IDLE:
                if p.end > p.begin:
                    add(moments[row, 0], p.end - p.begin)
                add(moments[row, 1], gap)
                p.begin = now
        p.end = now
        d = directions[i]
        _bulk(bulks[row, d], bulks[row, 1 - d], now, payloads[i])


@kernel("void(int64[::1], uint8[::1], int64[::1], int32[::1], int32[::1], HEADERS[:, ::1])")
def headers(rows, directions, payloads, lengths, windows, sides):
    """Headers, windows and packets with payload of each direction; `windows` are -1 without TCP."""
    for i in range(rows.shape[0]):
        s = sides[rows[i], directions[i]]
        length = int(lengths[i])
        s.headers += length
        if s.packets == 0 or length < s.low:
            s.low = length
        if payloads[i] > 0:
            s.data_packets += 1
            if s.packets:
                s.data_after_first += 1
        if s.packets == 0:
            s.window_first = windows[i]
        if windows[i] >= 0:
            s.windows += 1
            s.window_last = windows[i]
            if s.window_set == 0:
                s.window_set = windows[i]
        s.packets += 1
