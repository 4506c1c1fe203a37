"""What a payload without a number is: IPv4, IPv6 or a frame of Ethernet.

MPLS, the user plane of GTP and some payloads of GRE do not say what they carry. The first four bits are 4 or 6 for IP,
as routers read them, but a MAC address may begin with any bits (RFC 4448, RFC 8469). What disagrees with its own header
is therefore not taken for it:
- IPv4 has a header of 20 bytes or more, whose checksum is correct. A header that is not wholly captured cannot be
  checked. With a wrong checksum it is IPv4 only if no frame fits and its total length does: exactly (the packet was
  damaged or changed on its way), or with a checksum of 0 at most (it was not computed: checksum offload).
- IPv6 has no checksum. Its payload length ends it exactly at the end of the payload, or no frame fits.
- A frame has an EtherType with a dispatch key, and behind the types of IPv4 and IPv6 four bits that agree; or it has a
  length that fits what is left, and a known access point of LLC.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import FIRST_ETHERTYPE, EtherType

# bytes of the smallest frame without its check sequence: shorter ones are padded
SMALLEST_FRAME = 60


@kernel()
def checksum_of_ipv4(data, at, size):
    """The ones' complement sum of the header of `size` bytes at `at`: 65535 if its checksum is correct."""
    total = np.int64(0)
    for place in range(at, at + size, 2):
        total += u16(data, place)
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total


@kernel()
def is_ipv4(data, at, end):
    """Whether an IPv4 header with a correct checksum, or one of which the capture lacks bytes, is at `at`."""
    if at >= end or data[at] >> 4 != 4:
        return False
    size = (np.int64(data[at]) & 15) * 4
    return size >= 20 and (at + size > end or checksum_of_ipv4(data, at, size) == 0xFFFF)


@kernel()
def is_ethernet(data, keys, w, at):
    """Whether a frame of Ethernet may begin at `at`."""
    end, inside = w.end, at + 14
    if at < 0 or inside > end:
        return False
    kind = u16(data, at + 12)
    if kind < FIRST_ETHERTYPE:
        left = w.promise - inside
        fits = kind == left or (kind < left and w.promise - at <= SMALLEST_FRAME)
        return fits and inside + 3 <= end and kind >= 3 and keys[Space.LLC_DSAP, data[inside]] >= 0
    if kind == EtherType.IPV4 or kind == EtherType.IPV6:
        return inside == end or data[inside] >> 4 == (4 if kind == EtherType.IPV4 else 6)
    return keys[Space.ETHER_TYPE, kind] >= 0


@kernel()
def type_of_payload(data, keys, w, at):
    """The EtherType of the payload at `at`: IPv4, IPv6, that of a bridged frame, or 0 if it is neither."""
    end = w.end
    if at >= end:
        return np.int64(0)
    if is_ipv4(data, at, end):
        return np.int64(EtherType.IPV4)
    version, left = data[at] >> 4, w.promise - at
    if version == 6 and at + 6 <= end and left == 40 + u16(data, at + 4):
        return np.int64(EtherType.IPV6)
    if is_ethernet(data, keys, w, at):
        return np.int64(EtherType.TRANSPARENT_ETHERNET)
    if version == 6:
        return np.int64(EtherType.IPV6)
    if version == 4 and data[at] & 15 >= 5:
        total = u16(data, at + 2)
        if total == left or (total < left and u16(data, at + 10) == 0):
            return np.int64(EtherType.IPV4)
    return np.int64(0)


@kernel()
def ip_or_ethernet(data, keys, w, at, limit, identifier, fault):
    """What `type_of_payload` finds, else a tunnel's payload that is unknown."""
    kind = type_of_payload(data, keys, w, at)
    if kind:
        return carries(Space.ETHER_TYPE, kind, at, limit, identifier, 0, fault)
    version = np.int64(data[at] >> 4) if at < w.end else np.int64(0)
    return carries(Space.TUNNEL_PAYLOAD, version, at, limit, identifier, 0, fault)
