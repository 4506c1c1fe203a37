"""Teredo (RFC 4380): an authentication and an origin may be before the IPv6 packet."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import BAD_VALUE, SHORT_HEADER

AUTHENTICATION = 1
ORIGIN = 0


@kernel()
def teredo(data, keys, w):
    """An IPv6 packet; the identifier is 0."""
    inside, end = w.at, w.end
    if end - inside >= 4 and u16(data, inside) == AUTHENTICATION:
        inside += 13 + np.int64(data[inside + 2]) + np.int64(data[inside + 3])
    if end - inside >= 8 and u16(data, inside) == ORIGIN:
        inside += 8
    if inside >= end:
        return malformed(SHORT_HEADER)
    if data[inside] >> 4 != 6:
        return malformed(BAD_VALUE)
    return carries(Space.ETHER_TYPE, EtherType.IPV6, inside, identifier=0)


@kernel()
def teredo_fits(data, keys, w):
    """An IPv6 packet that ends where the datagram ends."""
    inside = teredo(data, keys, w).at
    return inside >= 0 and inside + 40 <= w.end and inside + 40 + u16(data, inside + 4) == w.promise
