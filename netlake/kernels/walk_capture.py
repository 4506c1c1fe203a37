"""One step of the walk through link headers that are seldom met, each known by the link type of the capture.

As in walk_link; a header that only wraps another answers with LINK_TYPE. Where it is known why nothing follows, the
answer is DONE and `stopped(reason, value)`.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import l16, l32, u16
from netlake.kernels.steps import (
    AS_LLC,
    CISCO_HDLC,
    CISCO_HDLC_PROTOCOL,
    DONE,
    DOT11,
    ETHER_TYPE,
    FDDI,
    FRAME_RELAY,
    LINK_TYPE,
    LLC_DSAP,
    NFLOG,
    NOWHERE,
    SNAP_CISCO,
    STOP_FRAGMENT,
    UNKNOWN_ETHERTYPE,
    UNKNOWN_LINK_TYPE,
    UNKNOWN_LLC,
)
from netlake.kernels.walk_link import FIRST_ETHERTYPE, IPV4_TYPE, IPV6_TYPE, ether_type_or_length, stopped
from netlake.kernels.walk_wireless import dot11_step
from netlake.schema.faults import BAD_LENGTH, BAD_VALUE, SHORT_HEADER

PPP_TYPE = 0x880B
ARP_TYPE = 0x0806
SNAP_DSAP = 0xAA
OSI_DSAP = 0xFE
SLARP_TYPE = 0x8035
CDP_TYPE = 0x2000
NFLOG_PAYLOAD = 9


@kernel()
def seldom_step(data, step, link_type, at, end, promise):
    """A link header of kind `step`, of those that are seldom met; `promise` is where the packet ends on the wire."""
    if step == DOT11:
        return dot11_step(data, link_type, at, end, promise)
    if step == FDDI:
        return fddi_step(data, at, end)
    if step == NFLOG:
        return nflog_step(data, at, end, promise)
    if step == FRAME_RELAY:
        return frame_relay_step(data, at, end)
    if step == CISCO_HDLC:
        return cisco_hdlc_step(data, at, end)
    return other_step(data, link_type, at, end, promise)


@kernel()
def ip_at(data, at, end, link_type):
    """IPv4 or IPv6 by the first four bits; else nothing that is known."""
    if at >= end:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    version = data[at] >> 4
    if version == 4:
        return ETHER_TYPE, IPV4_TYPE, at, -1, 0
    if version == 6:
        return ETHER_TYPE, IPV6_TYPE, at, -1, 0
    return DONE, stopped(UNKNOWN_LINK_TYPE, link_type), at, -1, 0


@kernel()
def fddi_step(data, at, end):
    """FDDI: frame control and two addresses; only frames of LLC carry what is known."""
    if end - at < 13:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if data[at] & 0x70 == 0x50:
        return ETHER_TYPE, AS_LLC, at + 13, -1, 0
    return DONE, stopped(UNKNOWN_LLC, -1), at + 13, -1, 0


@kernel()
def nflog_step(data, at, end, promise):
    """Netfilter's log: attributes in the byte order of the host, one of them the packet."""
    if end - at < 4:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    family, item = data[at], at + 4
    big = end - item >= 2 and data[item] < data[item + 1]
    while item + 4 <= end:
        size = u16(data, item) if big else l16(data, item)
        kind = (u16(data, item + 2) if big else l16(data, item + 2)) & 0x7FFF
        if size < 4 or item + size > promise:
            return NOWHERE, 0, at, -1, BAD_LENGTH
        if kind == NFLOG_PAYLOAD:
            if family == 2:
                return ETHER_TYPE, IPV4_TYPE, item + 4, item + size, 0
            if family == 10:
                return ETHER_TYPE, IPV6_TYPE, item + 4, item + size, 0
            return DONE, stopped(UNKNOWN_LINK_TYPE, np.int64(family)), item + 4, item + size, 0
        item += (size + 3) & ~3
    if item < promise:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    return DONE, 0, item, -1, 0


@kernel()
def frame_relay_step(data, at, end):
    """Frame relay: an address of two to four bytes, then RFC 2427, or an Ethernet type as Cisco has it."""
    last = at
    while last < end and last < at + 3 and data[last] & 1 == 0:
        last += 1
    at_control = last + 1
    if at_control + 2 > end:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if last == at or data[last] & 1 == 0:
        return NOWHERE, 0, at, -1, BAD_VALUE
    if data[at_control] != 0x03 and last == at + 1 and data[at] >> 2 == 0 and data[last] >> 4 == 0:
        # circuit 0 is the network's own: numbered frames have two bytes of control
        if data[at_control] & 1:
            return DONE, stopped(UNKNOWN_LLC, np.int64(data[at_control])), at_control, -1, 0
        if at_control + 2 >= end:
            return NOWHERE, 0, at, -1, SHORT_HEADER
        return by_nlpid(np.int64(data[at_control + 2]), at_control + 2)
    if data[at_control] != 0x03:
        kind = u16(data, at_control)
        if kind < FIRST_ETHERTYPE:
            return DONE, stopped(UNKNOWN_LLC, np.int64(data[at_control])), at_control, -1, 0
        return ETHER_TYPE, kind, at_control + 2, -1, 0
    name = at_control + 1
    if data[name] == 0:  # padding, which makes what follows begin at an even place
        name += 1
    if name >= end:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    return by_nlpid(np.int64(data[name]), name)


@kernel()
def by_nlpid(number, at):
    """What a network layer protocol identifier at `at` says that follows; OSI's are part of what they name."""
    if number == 0x80:
        return LLC_DSAP, SNAP_DSAP, at + 1, -1, 0
    if number == 0xCC:
        return ETHER_TYPE, IPV4_TYPE, at + 1, -1, 0
    if number == 0x8E:
        return ETHER_TYPE, IPV6_TYPE, at + 1, -1, 0
    if number == 0xCF:
        return ETHER_TYPE, PPP_TYPE, at + 1, -1, 0
    if 0x81 <= number <= 0x83:
        return LLC_DSAP, OSI_DSAP, at, -1, 0
    return DONE, stopped(UNKNOWN_LLC, number), at + 1, -1, 0


@kernel()
def cisco_hdlc_step(data, at, end):
    """Cisco HDLC: an Ethernet type, but for OSI and for its own keepalives, whose number Ethernet has for RARP."""
    if end - at < 4:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    kind = u16(data, at + 2)
    if kind == 0xFEFE:
        pad = 1 if end - at > 4 and data[at + 4] == 0 else 0
        return LLC_DSAP, OSI_DSAP, at + 4 + pad, -1, 0
    if kind == CDP_TYPE:
        return SNAP_CISCO, kind, at + 4, -1, 0
    if kind == SLARP_TYPE:
        return CISCO_HDLC_PROTOCOL, kind, at + 4, -1, 0
    return ETHER_TYPE, kind, at + 4, -1, 0


@kernel()
def arcnet_step(data, at, end, size):
    """ARCnet with a header of `size` bytes before its type: RFC 1201, which splits packets, or RFC 1051."""
    body = at + size + 1
    if body > end:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    kind = data[body - 1]
    if kind == 0xF0:
        return ETHER_TYPE, IPV4_TYPE, body, -1, 0
    if kind == 0xF1:
        return ETHER_TYPE, ARP_TYPE, body, -1, 0
    if kind != 0xD4 and kind != 0xD5:
        return DONE, stopped(UNKNOWN_ETHERTYPE, np.int64(kind)), body, -1, 0
    if body + 3 > end:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if data[body] == 0xFF:  # padding before the real flag
        body += 4
        if body + 3 > end:
            return NOWHERE, 0, at, -1, SHORT_HEADER
    if data[body] != 0:
        return DONE, stopped(STOP_FRAGMENT, -1), body + 3, -1, 0
    return ETHER_TYPE, IPV4_TYPE if kind == 0xD4 else ARP_TYPE, body + 3, -1, 0


@kernel()
def token_ring_step(data, at, end):
    """Token ring: access and frame control, two addresses, a route where the source says so, then LLC."""
    if end - at < 14:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    body = at + 14
    if data[at + 8] & 0x80 and body < end:
        body += max(np.int64(data[body]) & 31, 2)
    if data[at + 1] & 0xC0 != 0x40:
        return DONE, stopped(UNKNOWN_LLC, -1), body, -1, 0
    return ETHER_TYPE, AS_LLC, body, -1, 0


@kernel()
def by_ether_type(data, at, end):
    """An Ethernet type or length at `at`."""
    if at + 2 > end:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    return ether_type_or_length(u16(data, at), at + 2)


@kernel()
def wrapped_step(data, link_type, at, end):
    """Headers that say the link type of what they wrap: PPI and PKTAP."""
    if end - at < 12:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    size = l16(data, at + 2) if link_type == 192 else l32(data, at)
    inner = l32(data, at + 4) if link_type == 192 else l32(data, at + 8)
    if size < 8:
        return NOWHERE, 0, at, -1, BAD_LENGTH
    return LINK_TYPE, inner, at + size, -1, 0


@kernel()
def preamble_step(data, at, end, promise):
    """Ethernet with its preamble and check sequence, unless it is a part of a frame that was interrupted."""
    for start in range(at, min(at + 8, end)):
        if data[start] == 0xD5:
            return LINK_TYPE, 1, start + 1, max(promise - 4, start + 1), 0
        if data[start] != 0x55:
            return DONE, stopped(STOP_FRAGMENT, -1), start, -1, 0
    return NOWHERE, 0, at, -1, SHORT_HEADER


@kernel()
def atm_step(data, at, end):
    """ATM as SunATM captures it: what its first four bits say, LLC or an emulated Ethernet."""
    if end - at < 4:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    kind = data[at] & 15
    if kind == 2:
        return ETHER_TYPE, AS_LLC, at + 4, -1, 0
    if kind == 1 and end - at < 6:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if kind == 1 and u16(data, at + 4) < 0xFF00:  # else it is of the emulation itself
        return LINK_TYPE, 1, at + 6, -1, 0
    return DONE, stopped(UNKNOWN_LINK_TYPE, 123), at + 4, -1, 0


@kernel()
def other_step(data, link_type, at, end, promise):
    """A link header that has no table, by the capture's link type."""
    if link_type == 6:
        return token_ring_step(data, at, end)
    if link_type == 7 or link_type == 129:  # the second is Linux's, which puts in two bytes of an offset
        return arcnet_step(data, at, end, 2 if link_type == 7 else 4)
    if link_type == 8:  # SLIP of BSD/OS: direction and a copy of the header before it was compressed
        return ip_at(data, at + 16, end, link_type)
    if link_type == 106 and at < end and data[at] != SNAP_DSAP:  # classical IP over ATM may leave LLC out
        return ip_at(data, at, end, link_type)
    if link_type == 100 or link_type == 106:
        return ETHER_TYPE, AS_LLC, at, -1, 0
    if link_type == 109:
        return ip_at(data, at + 12, end, link_type)
    if link_type == 117:
        return ip_at(data, at + ((np.int64(data[at]) + 3) & ~3 if at < end else 4), end, link_type)
    if link_type == 123:
        return atm_step(data, at, end)
    if link_type == 182:  # multilink frame relay: a whole frame, or a piece of one
        if end - at < 2 or data[at] & 0xE0 == 0xC0:
            return LINK_TYPE, 107, at + 2, -1, 0
        return DONE, stopped(STOP_FRAGMENT if data[at] & 0x20 == 0 else UNKNOWN_LLC, -1), at + 2, -1, 0
    if link_type == 192 or link_type == 258:
        return wrapped_step(data, link_type, at, end)
    if link_type == 226:
        return ip_at(data, at + 24, end, link_type)
    if link_type == 242:
        kind = u16(data, at + 40) if end - at >= 44 else np.int64(0)
        return ETHER_TYPE, kind, at + 44, -1, 0
    if link_type == 274:
        return preamble_step(data, at, end, promise)
    if link_type == 282:
        return LINK_TYPE, 1, at + 4, -1, 0
    # tags of Ethernet switches behind the two addresses: Marvell's, with a type of its own or without, and Broadcom's
    return by_ether_type(data, at + (20 if link_type == 285 else 16), end)
