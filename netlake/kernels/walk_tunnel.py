"""One step of the walk through a tunnel's header: what is inside begins a conversation of its own.

`(data, step, at, end) -> (space, value, next, identifier, fault)`: the identifier tells tunnels between the same two
hosts apart where both directions carry the same one (VNI, GRE key), else 0.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u24, u32
from netlake.kernels.steps import ETHER_TYPE, GENEVE, GRE, NOWHERE
from netlake.schema.faults import BAD_VERSION, SHORT_HEADER

TRANSPARENT_ETHERNET = 0x6558


@kernel(once=True)
def tunnel_step(data, step, at, end):
    """GRE, VXLAN or Geneve."""
    if step == GRE:
        return gre_step(data, at, end)
    if end - at < 8:
        return NOWHERE, 0, at, 0, SHORT_HEADER
    if step == GENEVE:
        if data[at] >> 6 != 0:
            return NOWHERE, 0, at, 0, BAD_VERSION
        size = 8 + (np.int64(data[at]) & 63) * 4
        if at + size > end:
            return NOWHERE, 0, at, 0, SHORT_HEADER
        return ETHER_TYPE, u16(data, at + 2), at + size, u24(data, at + 4), 0
    return ETHER_TYPE, TRANSPARENT_ETHERNET, at + 8, u24(data, at + 4), 0


@kernel(once=True)
def gre_step(data, at, end):
    """GRE of RFC 2784 and 2890, and the enhanced one of PPTP, whose key differs by direction and so tells nothing."""
    if end - at < 4:
        return NOWHERE, 0, at, 0, SHORT_HEADER
    flags, kind = u16(data, at), u16(data, at + 2)
    version = flags & 7
    if version > 1:
        return NOWHERE, 0, at, 0, BAD_VERSION
    size = 4
    identifier = 0
    if flags & 0xC000:  # checksum or routing: both words are there
        size += 4
    if flags & 0x2000:
        if at + size + 4 > end:
            return NOWHERE, 0, at, 0, SHORT_HEADER
        if version == 0:
            identifier = u32(data, at + size)
        size += 4
    if flags & 0x1000:
        size += 4
    if version == 1 and flags & 0x80:
        size += 4
    if flags & 0x4000:
        size = routing_end(data, at, at + size, end) - at
    if size < 0 or at + size > end:
        return NOWHERE, 0, at, 0, SHORT_HEADER
    return ETHER_TYPE, kind, at + size, identifier, 0


@kernel(once=True)
def routing_end(data, at, entry, end):
    """Where GRE's source route entries end; before `at` if they do not."""
    while entry + 4 <= end:
        family, size = u16(data, entry), np.int64(data[entry + 3])
        entry += 4 + size
        if family == 0 and size == 0:
            return entry
    return at - 1
