"""Steps through transport headers, see netlake.kernels.answers and walk_link.

The payload's `limit` is its end on the wire. A malformed header has a limit as well: how many bytes behind the header
the packet had, which the tracker counts.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16
from netlake.schema.faults import BAD_LENGTH, SHORT_HEADER


@kernel(once=True)
def tcp(data, keys, w):
    """TCP."""
    at, left, promise = w.at, w.end - w.at, w.promise
    if left < 4:
        return malformed(SHORT_HEADER, at)
    # a header of which the capture kept the length only still gives the size of the payload
    size = (np.int64(data[at + 12]) >> 4) * 4 if left > 12 else 20
    if left < 20:
        return malformed(SHORT_HEADER, max(promise, at + size) - size)
    if size < 20 or at + size > promise:
        return malformed(BAD_LENGTH, at)
    if size > left:
        return malformed(SHORT_HEADER, promise - size)
    return carries(Space.TCP_SEGMENT, 0, at + size, promise)


@kernel(once=True)
def udp(data, keys, w):
    """UDP."""
    at, left, promise = w.at, w.end - w.at, w.promise
    if left < 4:
        return malformed(SHORT_HEADER, at)
    if left < 8:
        return malformed(SHORT_HEADER, max(promise, at + 8) - 8)
    length = u16(data, at + 4)
    if length == 0:
        # a jumbogram, or segmentation offload: the IP header gives the end
        return carries(Space.UDP_PORT, 0, at + 8, promise)
    if length < 8:
        return malformed(BAD_LENGTH, at)
    if at + length > promise:
        return carries(Space.UDP_PORT, 0, at + 8, promise, fault=BAD_LENGTH)
    return carries(Space.UDP_PORT, 0, at + 8, at + length)


@kernel()
def sctp(data, keys, w):
    """The common header of SCTP."""
    at, left, promise = w.at, w.end - w.at, w.promise
    if left < 4:
        return malformed(SHORT_HEADER, at)
    if left < 12:
        return malformed(SHORT_HEADER, max(promise, at + 12) - 12)
    return carries(Space.SCTP_PORT, 0, at + 12, promise)
