"""Steps through the headers of serial lines: PPP, Cisco HDLC and frame relay. As in walk_link."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, Stop, carries, malformed, stopped
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import FIRST_ETHERTYPE, EtherType, LinkType
from netlake.kernels.walk_link import SNAP_DSAP
from netlake.schema.faults import BAD_VALUE, SHORT_HEADER

OSI_DSAP = 0xFE
# the type of OSI in Cisco HDLC
OSI_TYPE = 0xFEFE


@kernel()
def is_cisco_hdlc(data, w):
    """Whether a frame of a serial line, whose link type is one of PPP's, is a Cisco HDLC frame."""
    at, end = w.at, w.end
    if (w.link_type != LinkType.PPP and w.link_type != LinkType.PPP_HDLC) or at >= end:
        return False
    return (data[at] == 0x0F or data[at] == 0x8F) and (end - at == 1 or data[at + 1] == 0)


@kernel()
def ppp(data, keys, w):
    """PPP, with or without the HDLC address and control, with one or two bytes of protocol."""
    at, end = w.at, w.end
    # these link types have a byte before PPP that gives the direction
    if w.link_type == LinkType.PPP_PPPD or w.link_type == LinkType.PPP_WITH_DIRECTION:
        at += 1
    if end - at >= 2 and data[at] == 0xFF:
        # the all-stations address, which is no protocol; the control field behind it should be 3
        at += 2
    elif end - at >= 4 and (data[at] == 0x0F or data[at] == 0x8F) and data[at + 1] == 0:
        # Cisco HDLC: an EtherType follows
        return carries(Space.ETHER_TYPE, u16(data, at + 2), at + 4)
    if at >= end:
        return malformed(SHORT_HEADER)
    if data[at] & 1:
        protocol = np.int64(data[at])
        return carries(Space.PPP_PROTOCOL, protocol, at + 1, hint=protocol)
    if end - at < 2:
        return malformed(SHORT_HEADER)
    protocol = u16(data, at)
    return carries(Space.PPP_PROTOCOL, protocol, at + 2, hint=protocol)


@kernel()
def cisco_hdlc(data, keys, w):
    """Cisco HDLC: an EtherType, except for OSI and its own keepalives, whose number is RARP's in Ethernet."""
    at, end = w.at, w.end
    if end - at < 4:
        return malformed(SHORT_HEADER)
    kind = u16(data, at + 2)
    if kind == OSI_TYPE:
        padding = 1 if end - at > 4 and data[at + 4] == 0 else 0
        return carries(Space.LLC_DSAP, OSI_DSAP, at + 4 + padding)
    if kind == EtherType.CDP:
        return carries(Space.SNAP_CISCO, kind, at + 4)
    if kind == EtherType.SLARP:
        return carries(Space.CISCO_HDLC_PROTOCOL, kind, at + 4)
    return carries(Space.ETHER_TYPE, kind, at + 4)


@kernel()
def frame_relay(data, keys, w):
    """Frame relay: an address of two to four bytes, then RFC 2427, or an EtherType (Cisco)."""
    at, end = w.at, w.end
    last = at
    while last < end and last < at + 3 and data[last] & 1 == 0:
        last += 1
    control = last + 1
    if control + 2 > end:
        return malformed(SHORT_HEADER)
    if last == at or data[last] & 1 == 0:
        return malformed(BAD_VALUE)
    if data[control] != 0x03 and last == at + 1 and data[at] >> 2 == 0 and data[last] >> 4 == 0:
        # circuit 0 is for signalling: numbered frames have two bytes of control
        if data[control] & 1:
            return stopped(control, Stop.UNKNOWN_LLC, np.int64(data[control]))
        if control + 2 >= end:
            return malformed(SHORT_HEADER)
        return by_nlpid(np.int64(data[control + 2]), control + 2)
    if data[control] != 0x03:
        kind = u16(data, control)
        if kind < FIRST_ETHERTYPE:
            return stopped(control, Stop.UNKNOWN_LLC, np.int64(data[control]))
        return carries(Space.ETHER_TYPE, kind, control + 2)
    name = control + 1
    if data[name] == 0:  # padding that aligns what follows
        name += 1
    if name >= end:
        return malformed(SHORT_HEADER)
    return by_nlpid(np.int64(data[name]), name)


@kernel()
def by_nlpid(number, at):
    """What follows the network layer protocol identifier at `at`; OSI's are part of what they name."""
    if number == 0x80:
        return carries(Space.LLC_DSAP, SNAP_DSAP, at + 1)
    if number == 0xCC:
        return carries(Space.ETHER_TYPE, EtherType.IPV4, at + 1)
    if number == 0x8E:
        return carries(Space.ETHER_TYPE, EtherType.IPV6, at + 1)
    if number == 0xCF:
        return carries(Space.ETHER_TYPE, EtherType.PPP, at + 1)
    if 0x81 <= number <= 0x83:
        return carries(Space.LLC_DSAP, OSI_DSAP, at)
    return stopped(at + 1, Stop.UNKNOWN_LLC, number)
