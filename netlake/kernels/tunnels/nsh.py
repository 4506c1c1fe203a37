"""The network service header (RFC 8300)."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import BAD_LENGTH, BAD_VERSION, SHORT_HEADER


@kernel()
def nsh(data, keys, w):
    """No identifier: a service path has one direction."""
    at = w.at
    if w.end - at < 8:
        return malformed(SHORT_HEADER)
    size = (u16(data, at) & 63) * 4
    if data[at] >> 6 != 0:
        return malformed(BAD_VERSION)
    if size < 8:
        return malformed(BAD_LENGTH)
    if at + size > w.end:
        return malformed(SHORT_HEADER)
    return next_protocol(np.int64(data[at + 3]), at + size, -1)


@kernel()
def next_protocol(kind, at, identifier):
    """What follows by the one-byte number that NSH and VXLAN-GPE share."""
    if kind == 1:
        return carries(Space.ETHER_TYPE, EtherType.IPV4, at, identifier=identifier)
    if kind == 2:
        return carries(Space.ETHER_TYPE, EtherType.IPV6, at, identifier=identifier)
    if kind == 3:
        return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at, identifier=identifier)
    if kind == 4:
        return carries(Space.ETHER_TYPE, EtherType.NSH, at, identifier=identifier)
    if kind == 5:
        return carries(Space.ETHER_TYPE, EtherType.MPLS, at, identifier=identifier)
    return carries(Space.TUNNEL_PAYLOAD, kind, at, identifier=identifier)
