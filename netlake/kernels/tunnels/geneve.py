"""Geneve (RFC 8926)."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16, u24
from netlake.schema.faults import BAD_VERSION, SHORT_HEADER


@kernel()
def geneve(data, keys, w):
    """An EtherType behind the options; the identifier is the VNI."""
    at, left = w.at, w.end - w.at
    if left < 8:
        return malformed(SHORT_HEADER)
    if data[at] >> 6 != 0:
        return malformed(BAD_VERSION)
    size = 8 + (np.int64(data[at]) & 63) * 4
    if size > left:
        return malformed(SHORT_HEADER)
    return carries(Space.ETHER_TYPE, u16(data, at + 2), at + size, identifier=u24(data, at + 4))


@kernel()
def geneve_fits(data, keys, w):
    """Version 0, reserved bits that are zero, options that end within the datagram, and a known payload."""
    at = w.at
    if w.end - at < 8 or data[at] >> 6 != 0 or data[at + 1] & 63 != 0 or data[at + 7] != 0:
        return False
    return at + 8 + (np.int64(data[at]) & 63) * 4 <= w.promise and keys[Space.ETHER_TYPE, u16(data, at + 2)] >= 0
