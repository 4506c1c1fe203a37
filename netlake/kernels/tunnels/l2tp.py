"""L2TP over UDP, of version 2 (RFC 2661) and 3 (RFC 3931), and version 3 over IP.

What version 3 carries was negotiated and is not in the packet: its payload is unknown.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, done, malformed
from netlake.kernels.bytes import u16, u32
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import BAD_LENGTH, BAD_VERSION, SHORT_HEADER

CONTROL = 0x8000
LENGTH = 0x4000
SEQUENCE = 0x0800
OFFSET = 0x0200
RESERVED = 0x34F0
# the first bytes of a PPP frame in HDLC
ADDRESS_AND_CONTROL = 0xFF03


@kernel()
def l2tp(data, keys, w):
    """The directions have different sessions, so the identifier is 0. Without ports the header is that of L2TP/IP."""
    at, end = w.at, w.end
    if end - at < 4:
        return malformed(SHORT_HEADER)
    if w.source_port < 0:
        if u32(data, at) == 0:
            return done()
        return carries(Space.TUNNEL_PAYLOAD, 0, at + 4, identifier=0)
    flags = u16(data, at)
    version = flags & 15
    if version != 2 and version != 3:
        return malformed(BAD_VERSION)
    if flags & CONTROL:
        return done()
    if version == 3:
        if end - at < 8:
            return malformed(SHORT_HEADER)
        return carries(Space.TUNNEL_PAYLOAD, 0, at + 8, identifier=0)
    limit = at + u16(data, at + 2) if flags & LENGTH else np.int64(-1)
    size = 8 if flags & LENGTH else 6
    if flags & SEQUENCE:
        size += 4
    if flags & OFFSET:
        if at + size + 2 > end:
            return malformed(SHORT_HEADER)
        size += 2 + u16(data, at + size)
    if at + size > end:
        return malformed(SHORT_HEADER)
    if limit >= 0 and limit < at + size:
        return malformed(BAD_LENGTH)
    fault = BAD_LENGTH if limit > w.promise else 0
    return carries(Space.ETHER_TYPE, EtherType.PPP, at + size, limit, 0, fault=fault)


@kernel()
def l2tp_fits(data, keys, w):
    """Reserved bits are zero, and the length is that of the datagram; without a length, PPP follows."""
    at, end = w.at, w.end
    if end - at < 8:
        return False
    flags = u16(data, at)
    if flags & RESERVED or flags & 15 < 2 or flags & 15 > 3:
        return False
    if flags & CONTROL:
        needed = CONTROL | LENGTH | SEQUENCE
        return flags & ~15 == needed and at + u16(data, at + 2) == w.promise
    if flags & 15 == 3:
        return u32(data, at) == 3
    if flags & LENGTH:
        return at + u16(data, at + 2) == w.promise
    inside = l2tp(data, keys, w).at
    if inside < 0 or inside + 2 > end:
        return False
    protocol = u16(data, inside)
    return protocol == ADDRESS_AND_CONTROL or keys[Space.PPP_PROTOCOL, protocol] >= 0
