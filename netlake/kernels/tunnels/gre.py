"""GRE (RFC 2784, RFC 2890), and the enhanced GRE of PPTP (RFC 2637), whose key differs by direction.

Protocol types that are no EtherTypes:
- WCCP: a cache engine redirects IPv4. Version 2 puts four bytes before it, which may begin as IPv4 does.
- EoIP of MikroTik: Ethernet in enhanced GRE; its key is a length and the tunnel's number, which both directions carry.
- Aruba: from 0x8200 in steps of 0x10, frames of IEEE 802.11 or Ethernet between access points and controllers.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16, u32
from netlake.kernels.guess import is_ethernet, is_ipv4
from netlake.kernels.numbers import EtherType, LinkType
from netlake.schema.faults import BAD_LENGTH, BAD_VERSION, SHORT_HEADER

CHECKSUM = 0x8000
ROUTING = 0x4000
KEY = 0x2000
SEQUENCE = 0x1000
ACKNOWLEDGMENT = 0x0080

ARUBA_LAST = 0x8370


@kernel()
def gre(data, keys, w):
    """The hint for ERSPAN is 1 where GRE has no sequence number: ERSPAN then has no header of its own (type I)."""
    at, end = w.at, w.end
    if end - at < 4:
        return malformed(SHORT_HEADER)
    flags, kind = u16(data, at), u16(data, at + 2)
    version = flags & 7
    if version > 1:
        return malformed(BAD_VERSION)
    size = 4
    identifier = 0
    if flags & (CHECKSUM | ROUTING):  # either brings the words of both
        size += 4
    key = at + size
    if flags & KEY:
        if at + size + 4 > end:
            return malformed(SHORT_HEADER)
        if version == 0:
            identifier = u32(data, at + size)
        size += 4
    if flags & SEQUENCE:
        size += 4
    if version == 1 and flags & ACKNOWLEDGMENT:
        size += 4
    if flags & ROUTING:
        size = routing_end(data, at, at + size, end) - at
    if size < 0 or at + size > end:
        return malformed(SHORT_HEADER)
    if kind == EtherType.WCCP:
        return carries(Space.ETHER_TYPE, EtherType.IPV4, redirected(data, at + size, end), identifier=identifier)
    if kind == EtherType.EOIP:
        limit = np.int64(-1)
        if version == 1 and flags & KEY:
            limit, identifier = at + size + u16(data, key), u16(data, key + 2)
        fault = BAD_LENGTH if limit > w.promise else 0
        return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + size, limit, identifier, fault=fault)
    if EtherType.ARUBA <= kind <= ARUBA_LAST and kind & 15 == 0:
        if is_ethernet(data, keys, w, at + size):
            return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + size, identifier=identifier)
        return carries(Space.LINK_TYPE, LinkType.DOT11, at + size, identifier=identifier)
    hint = 1 if kind == EtherType.ERSPAN and not flags & SEQUENCE else 0
    return carries(Space.ETHER_TYPE, kind, at + size, identifier=identifier, hint=hint)


@kernel()
def redirected(data, at, end):
    """Where the IPv4 packet of WCCP begins: at `at`, or behind the four bytes of version 2."""
    if is_ipv4(data, at, end):
        return at
    if is_ipv4(data, at + 4, end):
        return at + 4
    return at if at < end and data[at] >> 4 == 4 else at + 4


@kernel()
def routing_end(data, at, entry, end):
    """Where the source route entries end; before `at` if they do not."""
    while entry + 4 <= end:
        family, size = u16(data, entry), np.int64(data[entry + 3])
        entry += 4 + size
        if family == 0 and size == 0:
            return entry
    return at - 1


@kernel()
def gre_fits(data, keys, w):
    """In UDP (RFC 8086): version 0, no source route, reserved bits that are zero, and a known payload."""
    at = w.at
    if w.end - at < 4 or u16(data, at) & ~(CHECKSUM | KEY | SEQUENCE):
        return False
    return keys[Space.ETHER_TYPE, u16(data, at + 2)] >= 0
