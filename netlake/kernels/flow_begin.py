"""Which side began a flow, by its first packet. The rules and their tables are in netlake.flows.beginning."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.flow_tcp import ACK, RST, SYN, THROUGH_FLAGS
from netlake.kernels.numbers import IpProtocol

LIMITED_BROADCAST = 0xFFFFFFFF


@kernel()
def word(data, at, limit):
    """Big-endian 32 bits at `at`, of which those behind `limit` are 0."""
    value = np.int64(0)
    for i in range(at, at + 4):
        value = value << 8 | (np.int64(data[i]) if i < limit else 0)
    return value


@kernel()
def in_element(data, at, limit):
    """The offset of the content of the BER element at `at`; `limit` if it is cut."""
    if limit - at < 2 or (data[at + 1] >= 0x80 and not 0x81 <= data[at + 1] <= 0x84):
        return limit
    return min(at + 2 + (np.int64(data[at + 1]) & 0x7F if data[at + 1] >= 0x80 else 0), limit)


@kernel()
def behind_element(data, at, limit):
    """The offset behind the BER element at `at`; `limit` if it is cut."""
    start = in_element(data, at, limit)
    if start >= limit:
        return limit
    size = np.int64(data[at + 1])
    if size >= 0x80:
        size = np.int64(0)
        for i in range(at + 2, start):
            size = size << 8 | np.int64(data[i])
    return min(start + size, limit)


@kernel()
def has_sign(data, at, limit, one):
    """Whether a packet whose transport header is at `at` has the sign `one` of an answer."""
    place = at + one.at
    if one.elements >= 0:
        place = in_element(data, place, limit)
        for _ in range(one.elements):
            place = behind_element(data, place, limit)
    if place >= limit or not one.least <= word(data, place, limit) & one.mask <= one.most:
        return False
    return one.also_mask == 0 or word(data, at + one.also_at, limit) & one.also_mask == one.also


@kernel()
def is_group(high, low, version):
    """Whether an address is that of a group: multicast, or 255.255.255.255."""
    if version == 4:
        return low >> np.uint64(28) == 14 or low == LIMITED_BROADCAST
    return high >> np.uint64(56) == 0xFF


@kernel(once=True)
def originator_of(data, at, limit, key, rules):
    """The side that began a flow whose first packet has `key` and its transport header at `at` (-1: none)."""
    side = np.int64(key.side)
    source, target = (key.a_port, key.b_port) if side == 0 else (key.b_port, key.a_port)
    high, low = (key.b_high, key.b_low) if side == 0 else (key.a_high, key.a_low)
    if is_group(high, low, key.version):
        return side
    if key.protocol == IpProtocol.TCP:
        if at >= 0 and limit - at >= THROUGH_FLAGS and data[at + 13] & (SYN | RST) == SYN:
            return 1 - side if data[at + 13] & ACK else side
        if source >= 0 and target >= 0 and rules.known[source] > rules.known[target]:
            return 1 - side
        return side
    if at < 0:
        return side
    for i in range(rules.answers.size):
        one = rules.answers[i]
        if one.protocol == key.protocol and (one.port == source or one.port < 0) and has_sign(data, at, limit, one):
            return 1 - side
    return side
