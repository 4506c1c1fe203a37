"""One step of the walk through a transport header.

`(data, step, at, end, promise) -> (source port, destination port, payload's start, its end on the wire, fault)`;
ports are -1 where they cannot be read, the payload's start is -1 where there is nothing to follow.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16
from netlake.kernels.steps import SCTP, TCP
from netlake.schema.faults import BAD_LENGTH, SHORT_HEADER


@kernel(once=True)
def transport_step(data, step, at, end, promise):
    """TCP, UDP or SCTP."""
    if end - at < 4:
        return -1, -1, -1, at, SHORT_HEADER
    source, destination = u16(data, at), u16(data, at + 2)
    if step == TCP:
        if end - at < 20:
            # the length of the header may still be there: what it leaves is the payload on the wire
            size = (np.int64(data[at + 12]) >> 4) * 4 if end - at > 12 else 20
            return source, destination, -1, max(promise, at + size) - size, SHORT_HEADER
        size = (np.int64(data[at + 12]) >> 4) * 4
        if size < 20 or at + size > promise:
            return source, destination, -1, at, BAD_LENGTH
        if at + size > end:
            return source, destination, -1, promise - size, SHORT_HEADER
        return source, destination, at + size, promise, 0
    if step == SCTP:
        if end - at < 12:
            return source, destination, -1, max(promise, at + 12) - 12, SHORT_HEADER
        return source, destination, at + 12, promise, 0
    if end - at < 8:
        return source, destination, -1, max(promise, at + 8) - 8, SHORT_HEADER
    length = u16(data, at + 4)
    if length == 0:
        # a jumbogram, or a checksum left to the card: the IP header says where it ends
        return source, destination, at + 8, promise, 0
    if length < 8:
        return source, destination, -1, at, BAD_LENGTH
    if at + length > promise:
        return source, destination, at + 8, promise, BAD_LENGTH
    return source, destination, at + 8, at + length, 0
