"""The TCP segments of a batch, with the flow and direction of each."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u32
from netlake.kernels.flow_state import FLOW_OF_HEADER, SEGMENT  # noqa: F401 - signatures name the records
from netlake.kernels.flow_tcp import ACK, THROUGH_FLAGS
from netlake.kernels.numbers import IpProtocol
from netlake.packets import DATAGRAM, HEADER, WHOLE  # noqa: F401 - as above

LEAST_HEADER = 20


@kernel("int64(HEADER[::1], FLOW_OF_HEADER[::1], uint8[::1], SEGMENT[::1])")
def segments(headers, found, data, out):
    """Write the segments among `headers`, in their order; returns how many.

    Left out are fragments (their datagram is a segment), headers quoted by ICMP errors, headers that the capture cut
    before the flags, and headers with a length below 20 bytes. A slot may be -1 (see Flows.slot).
    """
    count = 0
    for i in range(headers.size):
        header, one = headers[i], found[i]
        at, limit = header.transport, min(header.end, data.size)
        if header.protocol != IpProtocol.TCP or one.flow == 0 or (header.kind != WHOLE and header.kind != DATAGRAM):
            continue
        if at < 0 or limit - at < THROUGH_FLAGS:
            continue
        size = (np.int64(data[at + 12]) >> 4) * 4
        if size < LEAST_HEADER:
            continue
        segment = out[count]
        segment.flow, segment.slot, segment.row = one.flow, one.slot, header.row
        segment.from_originator, segment.flags, segment.payload = one.from_originator, data[at + 13], header.payload
        segment.seq, segment.ack = u32(data, at + 4), u32(data, at + 8) if data[at + 13] & ACK else 0
        segment.start = min(at + size, limit)
        segment.end = min(segment.start + header.payload, limit)
        count += 1
    return count
