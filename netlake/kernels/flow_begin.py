"""Which side began a flow, by its first packet. The rules and their tables are in netlake.flows.beginning."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32
from netlake.kernels.dns import skip_name
from netlake.kernels.flow_state import ANY_PORT, Form
from netlake.kernels.flow_tcp import ACK, RST, SYN, THROUGH_FLAGS
from netlake.kernels.numbers import IpProtocol

LIMITED_BROADCAST = 0xFFFFFFFF
# DNS, as in the probe of its table
DNS_HEADER = 12
LAST_RCODE = 10
LONGEST_LABEL = 63
NETBIOS_NAME = 32
ANY_CLASS = 255


@kernel()
def word(data, at, limit):
    """Big-endian 32 bits at `at`, of which those behind `limit` are 0."""
    if at + 4 <= limit:
        return u32(data, at)
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
def word_at(data, at, limit, one):
    """Whether the word `one` of a sign is behind the transport header at `at`."""
    place = at + one.at
    if one.form == Form.ELEMENT:
        place = in_element(data, place, limit)
        for _ in range(one.elements):
            place = behind_element(data, place, limit)
        if one.inner >= 0:
            place = in_element(data, place, limit)
            for _ in range(one.inner):
                place = behind_element(data, place, limit)
    return place < limit and one.least <= word(data, place, limit) & one.mask <= one.most


@kernel()
def has_text(data, at, limit, one):
    """Whether eight bytes, of which `mask` is for the last four, are behind the transport header at `at`."""
    for place in range(at + one.at, limit - 7):
        if word(data, place, limit) == one.least and word(data, place + 4, limit) & one.mask == one.most:
            return True
    return False


@kernel()
def is_dns_response(data, at, limit):
    """Whether the bytes from `at` are one whole response of DNS with one question; the rules are those of its probe."""
    flags = word(data, at, limit) & 0xFFFF
    if limit - at < DNS_HEADER + 5 or flags & 0xF840 != 0x8000 or flags & 15 > LAST_RCODE or u16(data, at + 4) != 1:
        return False
    place = at + DNS_HEADER
    while place < limit and data[place] != 0:
        size = np.int64(data[place])
        if size > LONGEST_LABEL or place + size >= limit:
            return False
        for i in range(place + 1, place + 1 + size):
            if not 0x21 <= data[i] <= 0x7E:
                return False
        place += 1 + size
    kind, known = word(data, place + 1, limit) >> 16, word(data, place + 1, limit) & 0xFFFF
    if place + 5 > limit or kind == 0 or kind == NETBIOS_NAME or not (1 <= known <= 4 or known == ANY_CLASS):
        return False
    place += 5
    for _ in range(np.int64(u16(data, at + 6)) + u16(data, at + 8) + u16(data, at + 10)):
        place = skip_name(data, place, limit)
        if place < 0 or place + 10 > limit:
            return False
        place += 10 + np.int64(u16(data, place + 8))
    return place == limit


@kernel()
def has_sign(data, at, limit, answers, row):
    """Whether a packet whose transport header is at `at` has the sign of an answer in `row`."""
    one = answers[row]
    if one.form == Form.TEXT:
        return has_text(data, at, limit, one)
    if one.form == Form.DNS:
        return is_dns_response(data, at + one.at, limit)
    found = 0
    while found <= one.more and word_at(data, at, limit, answers[row + found]):
        found += 1
    return found > one.more


@kernel()
def is_answer(data, at, limit, protocol, port, rules):
    """Whether a packet whose transport header is at `at` has one of the signs of answers in the row `port` of PORT."""
    row = np.int64(rules.ports[port].first)
    end = row + rules.ports[port].answers
    while row < end:
        one = rules.answers[row]
        place = at + one.at
        # nearly all signs are not there, and that is seen in their first word
        may_be = one.form != Form.WORD or place + 4 > limit or one.least <= u32(data, place) & one.mask <= one.most
        if may_be and one.protocol == protocol and has_sign(data, at, limit, rules.answers, row):
            return True
        row += 1 + np.int64(one.more)
    return False


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
        if source >= 0 and target >= 0 and rules.ports[source].rank > rules.ports[target].rank:
            return 1 - side
        return side
    if at < 0:
        return side
    if source >= 0 and is_answer(data, at, limit, key.protocol, np.int64(source), rules):
        return 1 - side
    return 1 - side if is_answer(data, at, limit, key.protocol, ANY_PORT + np.int64(key.protocol), rules) else side
