"""GRE (RFC 2784, RFC 2890), and the enhanced GRE of PPTP (RFC 2637), whose key differs by direction."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16, u32
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import BAD_VERSION, SHORT_HEADER

CHECKSUM = 0x8000
ROUTING = 0x4000
KEY = 0x2000
SEQUENCE = 0x1000
ACKNOWLEDGMENT = 0x0080


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
        # a cache engine redirects IPv4; version 2 of its protocol puts four bytes before it
        size += 0 if at + size < end and data[at + size] >> 4 == 4 else 4
        return carries(Space.ETHER_TYPE, EtherType.IPV4, at + size, identifier=identifier)
    hint = 1 if kind == EtherType.ERSPAN and not flags & SEQUENCE else 0
    return carries(Space.ETHER_TYPE, kind, at + size, identifier=identifier, hint=hint)


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
