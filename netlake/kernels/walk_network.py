"""Steps through IP headers and IPv6 extension headers, and the pair of numbers that ICMP has in place of ports.

A step is `(data, keys, w) -> Next`, see netlake.kernels.answers and walk_link.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16
from netlake.schema.faults import BAD_LENGTH, BAD_OPTIONS, BAD_VERSION, SHORT_HEADER


@kernel(once=True)
def ipv4(data, keys, w):
    """IPv4; a total length of 0 (segmentation offload) means the rest of the frame."""
    at, left = w.at, w.end - w.at
    if left < 20:
        return malformed(SHORT_HEADER)
    if data[at] >> 4 != 4:
        return malformed(BAD_VERSION)
    header = (np.int64(data[at]) & 15) * 4
    total = u16(data, at + 2)
    protocol = np.int64(data[at + 9])
    if header < 20:
        return malformed(BAD_LENGTH)
    if header > left:
        return malformed(SHORT_HEADER)
    if total == 0:
        return carries(Space.IP_PROTOCOL, protocol, at + header)
    if total < header:
        return malformed(BAD_LENGTH)
    fault = BAD_LENGTH if at + total > w.promise else 0
    return carries(Space.IP_PROTOCOL, protocol, at + header, at + total, fault=fault)


@kernel(once=True)
def ipv6(data, keys, w):
    """IPv6; a payload length of 0 (jumbogram, segmentation offload) means the rest of the frame."""
    at = w.at
    if w.end - at < 40:
        return malformed(SHORT_HEADER)
    if data[at] >> 4 != 6:
        return malformed(BAD_VERSION)
    payload = u16(data, at + 4)
    protocol = np.int64(data[at + 6])
    if payload == 0:
        return carries(Space.IP_PROTOCOL, protocol, at + 40)
    end = at + 40 + payload
    return carries(Space.IP_PROTOCOL, protocol, at + 40, end, fault=BAD_LENGTH if end > w.promise else 0)


@kernel()
def extension_of(data, w, size):
    """An extension header of `size` bytes, whose first byte is the protocol of what follows."""
    if w.at + size > w.end:
        return malformed(BAD_OPTIONS)
    return carries(Space.IP_PROTOCOL, np.int64(data[w.at]), w.at + size)


@kernel()
def ipv6_options(data, keys, w):
    """Hop-by-hop options, destination options or a routing header."""
    if w.end - w.at < 8:
        return malformed(SHORT_HEADER)
    return extension_of(data, w, (np.int64(data[w.at + 1]) + 1) * 8)


@kernel()
def ipv6_fragment(data, keys, w):
    """The fragment header."""
    if w.end - w.at < 8:
        return malformed(SHORT_HEADER)
    return extension_of(data, w, 8)


@kernel()
def ipsec_ah(data, keys, w):
    """The authentication header, of either IP version."""
    if w.end - w.at < 8:
        return malformed(SHORT_HEADER)
    size = (np.int64(data[w.at + 1]) + 2) * 4
    if size < 12:
        return malformed(BAD_LENGTH)
    return extension_of(data, w, size)


@kernel()
def pair_of_icmp(version, kind, code):
    """(source, destination) in place of ports: a type and its answer's, or type and code where it has no answer."""
    if version == 4:
        if kind == 8:
            return 8, 0
        if kind == 0:
            return 0, 8
        if kind == 13:
            return 13, 14
        if kind == 14:
            return 14, 13
        if kind == 15:
            return 15, 16
        if kind == 16:
            return 16, 15
        if kind == 17:
            return 17, 18
        if kind == 18:
            return 18, 17
        if kind == 10:
            return 10, 9
        if kind == 9:
            return 9, 10
        return kind, code
    if kind == 128:
        return 128, 129
    if kind == 129:
        return 129, 128
    if kind == 133:
        return 133, 134
    if kind == 134:
        return 134, 133
    if kind == 135:
        return 135, 136
    if kind == 136:
        return 136, 135
    if kind == 130:
        return 130, 131
    if kind == 131:
        return 131, 130
    if kind == 144:
        return 144, 145
    if kind == 145:
        return 145, 144
    if kind == 139:
        return 139, 140
    if kind == 140:
        return 140, 139
    return kind, code
