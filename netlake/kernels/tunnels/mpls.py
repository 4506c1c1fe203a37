"""MPLS (RFC 3032): one label is one step.

Behind the last label is an IP packet, an associated channel (RFC 4385) or a pseudowire of Ethernet (RFC 4448), with or
without a control word; no number in the packet says which (netlake.kernels.guess).
- The explicit null labels name IPv4 and IPv6 (RFC 3032 section 2.1).
- The control word of a pseudowire begins with four zero bits, and so may a MAC address: the frame begins where its type
  is a known one.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, ip_or, malformed
from netlake.kernels.bytes import u16, u24
from netlake.kernels.guess import ip_or_ethernet, is_ethernet
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import SHORT_HEADER

# labels whose payload is IPv4 and IPv6
EXPLICIT_NULL = (0, 2)
# types of an associated channel: IPv4 and IPv6
CHANNEL_IPV4 = 0x0021
CHANNEL_IPV6 = 0x0057


@kernel()
def mpls(data, keys, w):
    """No identifier: the directions have different labels, and one of them may have none."""
    at, end = w.at, w.end
    if end - at < 4:
        return malformed(SHORT_HEADER)
    inside = at + 4
    if not data[at + 2] & 1:
        return carries(Space.ETHER_TYPE, EtherType.MPLS, inside)
    label = u24(data, at) >> 4
    if label == EXPLICIT_NULL[0] or label == EXPLICIT_NULL[1]:
        return ip_or(data, inside, end, -1, -1, 0)
    first = np.int64(data[inside] >> 4) if inside < end else np.int64(-1)
    if first == 1 and inside + 4 <= end:
        channel = u16(data, inside + 2)
        if channel == CHANNEL_IPV4:
            return carries(Space.ETHER_TYPE, EtherType.IPV4, inside + 4)
        if channel == CHANNEL_IPV6:
            return carries(Space.ETHER_TYPE, EtherType.IPV6, inside + 4)
    if first == 0 and is_ethernet(data, keys, w, inside + 4):
        return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, inside + 4)
    return ip_or_ethernet(data, keys, w, inside, -1, -1, 0)


@kernel()
def mpls_fits(data, keys, w):
    """A stack of labels, and behind the last one an IP packet that ends where the datagram ends, or a known frame."""
    at, end = w.at, w.end
    while at + 4 <= end and not data[at + 2] & 1:
        at += 4
    inside = at + 4
    if inside + 20 > end:
        return False
    if data[inside] >> 4 == 4:
        return inside + u16(data, inside + 2) == w.promise
    if data[inside] >> 4 == 6:
        return inside + 40 + u16(data, inside + 4) == w.promise
    return data[inside] >> 4 == 0 and (is_ethernet(data, keys, w, inside) or is_ethernet(data, keys, w, inside + 4))
