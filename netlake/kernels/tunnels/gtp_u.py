"""GTP version 1 of the user plane (3GPP TS 29.281); what it carries is not in its header, see netlake.kernels.guess."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import done, malformed
from netlake.kernels.bytes import u16
from netlake.kernels.guess import ip_or_ethernet
from netlake.schema.faults import BAD_LENGTH, BAD_OPTIONS, BAD_VERSION, SHORT_HEADER

G_PDU = 255
MOST_EXTENSIONS = 32


@kernel()
def gtp_u(data, keys, w):
    """A G-PDU carries an IP packet or a frame of Ethernet, other messages nothing; the identifier is 0."""
    at, end = w.at, w.end
    if end - at < 8:
        return malformed(SHORT_HEADER)
    flags = np.int64(data[at])
    if flags >> 5 != 1 or not flags & 0x10:
        return malformed(BAD_VERSION)
    limit = at + 8 + u16(data, at + 2)
    fault = BAD_LENGTH if limit > w.promise else 0
    if data[at + 1] != G_PDU:
        return done(fault)
    inside = at + 8
    if flags & 7:
        inside += 4
        if inside > end:
            return malformed(SHORT_HEADER)
        if flags & 4:
            inside = extensions_end(data, inside, end)
            if inside < 0:
                return malformed(BAD_OPTIONS)
    return ip_or_ethernet(data, keys, w, inside, limit, 0, fault)


@kernel()
def extensions_end(data, inside, end):
    """Where the extension headers end, each of which ends in the type of the next; -1 if they do not."""
    for _ in range(MOST_EXTENSIONS):
        if data[inside - 1] == 0:
            return inside
        if inside >= end or data[inside] == 0:
            return np.int64(-1)
        inside += np.int64(data[inside]) * 4
        if inside > end:
            return np.int64(-1)
    return np.int64(-1)


@kernel()
def gtp_u_fits(data, keys, w):
    """Version 1, the reserved bit is zero, and the length is that of the datagram."""
    at = w.at
    return w.end - at >= 8 and data[at] & 0xF8 == 0x30 and at + 8 + u16(data, at + 2) == w.promise
