"""Steps through link headers that are named by the link type of the capture only. As in walk_link.

FDDI and NFLOG have tables; `other_link` is one step for the link types that have none.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import (
    Space,
    Stop,
    carries,
    done,
    ether_type_of_ip,
    ether_type_or_length,
    malformed,
    stopped,
)
from netlake.kernels.bytes import l16, l32, u16
from netlake.kernels.numbers import EtherType, LinkType
from netlake.kernels.walk_link import SNAP_DSAP
from netlake.schema.faults import BAD_LENGTH, SHORT_HEADER

NFLOG_PAYLOAD = 9


@kernel()
def fddi(data, keys, w):
    """FDDI: frame control and two addresses; only LLC frames carry something known."""
    at = w.at
    if w.end - at < 13:
        return malformed(SHORT_HEADER)
    if data[at] & 0x70 == 0x50:
        return carries(Space.LLC, 0, at + 13)
    return stopped(at + 13, Stop.UNKNOWN_LLC)


@kernel()
def nflog(data, keys, w):
    """Netfilter's log: attributes in the byte order of the host, one of them the packet."""
    at, end = w.at, w.end
    if end - at < 4:
        return malformed(SHORT_HEADER)
    family, item = data[at], at + 4
    big = end - item >= 2 and data[item] < data[item + 1]
    while item + 4 <= end:
        size = u16(data, item) if big else l16(data, item)
        kind = (u16(data, item + 2) if big else l16(data, item + 2)) & 0x7FFF
        if size < 4 or item + size > w.promise:
            return malformed(BAD_LENGTH)
        if kind == NFLOG_PAYLOAD:
            if family == 2:
                return carries(Space.ETHER_TYPE, EtherType.IPV4, item + 4, limit=item + size)
            if family == 10:
                return carries(Space.ETHER_TYPE, EtherType.IPV6, item + 4, limit=item + size)
            return stopped(item + 4, Stop.UNKNOWN_LINK_TYPE, np.int64(family), limit=item + size)
        item += (size + 3) & ~3
    # without a payload; the last attribute may be padded beyond what was captured
    return malformed(SHORT_HEADER) if item < w.promise or item > end else done()


@kernel()
def ip_at(data, at, end, link_type):
    """IPv4 or IPv6 by the first four bits; otherwise the walk stops at this link type."""
    if at >= end:
        return malformed(SHORT_HEADER)
    kind = ether_type_of_ip(data, at, end)
    if kind:
        return carries(Space.ETHER_TYPE, kind, at)
    return stopped(at, Stop.UNKNOWN_LINK_TYPE, link_type)


@kernel()
def arcnet(data, at, end, size):
    """ARCnet with a header of `size` bytes before its type: RFC 1201, which splits packets, or RFC 1051."""
    body = at + size + 1
    if body > end:
        return malformed(SHORT_HEADER)
    kind = data[body - 1]
    if kind == 0xF0:
        return carries(Space.ETHER_TYPE, EtherType.IPV4, body)
    if kind == 0xF1:
        return carries(Space.ETHER_TYPE, EtherType.ARP, body)
    if kind != 0xD4 and kind != 0xD5:
        return stopped(body, Stop.UNKNOWN_ETHERTYPE, np.int64(kind))
    if body + 3 > end:
        return malformed(SHORT_HEADER)
    if data[body] == 0xFF:  # padding before the real flag
        body += 4
        if body + 3 > end:
            return malformed(SHORT_HEADER)
    if data[body] != 0:
        return stopped(body + 3, Stop.FRAGMENT)
    return carries(Space.ETHER_TYPE, EtherType.IPV4 if kind == 0xD4 else EtherType.ARP, body + 3)


@kernel()
def token_ring(data, at, end):
    """Token ring: access and frame control, two addresses, a route where the source address has its flag, then LLC."""
    if end - at < 14:
        return malformed(SHORT_HEADER)
    body = at + 14
    if data[at + 8] & 0x80 and body < end:
        body += max(np.int64(data[body]) & 31, 2)
    if data[at + 1] & 0xC0 != 0x40:
        return stopped(body, Stop.UNKNOWN_LLC)
    return carries(Space.LLC, 0, body)


@kernel()
def wrapped(data, link_type, at, end):
    """PPI and PKTAP, which name the link type of the frame that they wrap."""
    if end - at < 12:
        return malformed(SHORT_HEADER)
    size = l16(data, at + 2) if link_type == LinkType.PPI else l32(data, at)
    inner = l32(data, at + 4) if link_type == LinkType.PPI else l32(data, at + 8)
    if size < 8:
        return malformed(BAD_LENGTH)
    return carries(Space.LINK_TYPE, inner, at + size)


@kernel()
def preamble(data, at, end, promise):
    """Ethernet with its preamble and check sequence, unless it is a part of an interrupted frame."""
    for start in range(at, min(at + 8, end)):
        if data[start] == 0xD5:
            return carries(Space.LINK_TYPE, LinkType.ETHERNET, start + 1, limit=max(promise - 4, start + 1))
        if data[start] != 0x55:
            return stopped(start, Stop.FRAGMENT)
    return malformed(SHORT_HEADER)


@kernel()
def sunatm(data, at, end):
    """ATM as SunATM captures it: LLC or an emulated Ethernet, by the first four bytes."""
    if end - at < 4:
        return malformed(SHORT_HEADER)
    kind = data[at] & 15
    if kind == 2:
        return carries(Space.LLC, 0, at + 4)
    if kind == 1 and end - at < 6:
        return malformed(SHORT_HEADER)
    if kind == 1 and u16(data, at + 4) < 0xFF00:  # above it is a control frame of the emulation
        return carries(Space.LINK_TYPE, LinkType.ETHERNET, at + 6)
    return stopped(at + 4, Stop.UNKNOWN_LINK_TYPE, LinkType.SUNATM)


@kernel()
def multilink(data, at, end):
    """Multilink frame relay: a whole frame, or a fragment of one."""
    if end - at < 2 or data[at] & 0xE0 == 0xC0:
        return carries(Space.LINK_TYPE, LinkType.FRAME_RELAY, at + 2)
    return stopped(at + 2, Stop.FRAGMENT if data[at] & 0x20 == 0 else Stop.UNKNOWN_LLC)


@kernel()
def tagged(data, w, size):
    """Ethernet with the tag of a switch behind the addresses, `size` bytes in all before the EtherType."""
    at = w.at + size
    if at + 2 > w.end:
        return malformed(SHORT_HEADER)
    w.mac = w.at + 6
    return ether_type_or_length(u16(data, at), at + 2)


@kernel()
def other_link(data, keys, w):
    """A link header that has no table, by the capture's link type."""
    at, end, link_type = w.at, w.end, w.link_type
    if link_type == LinkType.TOKEN_RING:
        return token_ring(data, at, end)
    if link_type == LinkType.ARCNET or link_type == LinkType.ARCNET_LINUX:  # Linux inserts an offset of two bytes
        return arcnet(data, at, end, 2 if link_type == LinkType.ARCNET else 4)
    if link_type == LinkType.SLIP:  # of BSD/OS: direction and a copy of the header before compression
        return ip_at(data, at + 16, end, link_type)
    if link_type == LinkType.ATM_CLIP and at < end and data[at] != SNAP_DSAP:  # classical IP over ATM without LLC
        return ip_at(data, at, end, link_type)
    if link_type == LinkType.ATM_RFC1483 or link_type == LinkType.ATM_CLIP:
        return carries(Space.LLC, 0, at)
    if link_type == LinkType.ENC:
        return ip_at(data, at + 12, end, link_type)
    if link_type == LinkType.PFLOG:
        return ip_at(data, at + ((np.int64(data[at]) + 3) & ~3 if at < end else 4), end, link_type)
    if link_type == LinkType.SUNATM:
        return sunatm(data, at, end)
    if link_type == LinkType.MULTILINK_FRAME_RELAY:
        return multilink(data, at, end)
    if link_type == LinkType.PPI or link_type == LinkType.PKTAP:
        return wrapped(data, link_type, at, end)
    if link_type == LinkType.IPNET:
        return ip_at(data, at + 24, end, link_type)
    if link_type == LinkType.IPOIB:
        return carries(Space.ETHER_TYPE, u16(data, at + 40) if end - at >= 44 else np.int64(0), at + 44)
    if link_type == LinkType.ETHERNET_WITH_PREAMBLE:
        return preamble(data, at, end, w.promise)
    if link_type == LinkType.BROADCOM_TAG_FIRST:
        return carries(Space.LINK_TYPE, LinkType.ETHERNET, at + 4)
    # Marvell's tags have a type of their own or none; Broadcom's are as Marvell's without one
    return tagged(data, w, 20 if link_type == LinkType.MARVELL_TAG_WITH_TYPE else 16)
