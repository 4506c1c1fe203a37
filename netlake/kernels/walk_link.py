"""One step of the walk through a link header.

Every step is `(data, at, end) -> (space, value, next, limit, fault)`: the key that what follows is found by, where it
begins, where it must end by this header's own length (-1: it says nothing), and the fault found, 0 for none. Headers
that are seldom met are in walk_capture and walk_wireless.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32
from netlake.kernels.steps import (
    AS_LLC,
    DOT1Q,
    ETHER_TYPE,
    ETHERNET,
    LINUX_SLL,
    LINUX_SLL2,
    LLC,
    LLC_DSAP,
    LOOP,
    NOWHERE,
    NULL,
    PPP,
    PPP_PROTOCOL,
    RAW,
    SNAP_BRIDGED,
    SNAP_CISCO,
    SNAP_NORTEL,
)
from netlake.schema.faults import BAD_VERSION, SHORT_HEADER

IPV4_TYPE = 0x0800
IPV6_TYPE = 0x86DD
# an Ethernet type below this is a length, and LLC follows
FIRST_ETHERTYPE = 0x0600
# PPP behind a byte that says which way it went
WITH_DIRECTION = (166, 204)


@kernel()
def stopped(reason, value):
    """What stands for a value beside DONE: why the walk of a packet stopped, at which value, -1 for none."""
    return np.int64(value + 1) << 8 | reason


@kernel()
def ether_type_or_length(kind, at):
    """The key behind an Ethernet type that may be a length."""
    if kind >= FIRST_ETHERTYPE:
        return ETHER_TYPE, kind, at, -1, 0
    return ETHER_TYPE, AS_LLC, at, at + kind, 0


@kernel(once=True)
def link_step(data, step, link_type, at, end):
    """A link header of kind `step`; `link_type` is its number where it is the capture's own, else -1."""
    left = end - at
    if step == ETHERNET:
        if left < 14:
            return NOWHERE, 0, at, -1, SHORT_HEADER
        return ether_type_or_length(u16(data, at + 12), at + 14)
    if step == DOT1Q:
        if left < 4:
            return NOWHERE, 0, at, -1, SHORT_HEADER
        return ether_type_or_length(u16(data, at + 2), at + 4)
    if step == LINUX_SLL:
        if left < 16:
            return NOWHERE, 0, at, -1, SHORT_HEADER
        return linux_type(u16(data, at + 14), at + 16)
    if step == LINUX_SLL2:
        if left < 20:
            return NOWHERE, 0, at, -1, SHORT_HEADER
        return linux_type(u16(data, at), at + 20)
    if step == RAW:
        return by_version(data, at, end)
    if step == NULL or step == LOOP:
        return null_step(data, at, end)
    if step == PPP:
        return ppp_step(data, at + 1 if link_type in WITH_DIRECTION else at, end)
    if step == LLC:
        return llc_step(data, at, end)
    return snap_step(data, at, end)


@kernel(once=True)
def linux_type(kind, at):
    """The protocol of a Linux cooked header: an Ethernet type, or 4 for LLC."""
    return (ETHER_TYPE, AS_LLC, at, -1, 0) if kind == 4 else (ETHER_TYPE, kind, at, -1, 0)


@kernel()
def by_version(data, at, end):
    """IPv4 or IPv6 by the first four bits."""
    if at >= end:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    version = data[at] >> 4
    if version == 4:
        return ETHER_TYPE, IPV4_TYPE, at, -1, 0
    if version == 6:
        return ETHER_TYPE, IPV6_TYPE, at, -1, 0
    return NOWHERE, 0, at, -1, BAD_VERSION


@kernel(once=True)
def null_step(data, at, end):
    """BSD loopback: an address family in the byte order of the host that wrote it."""
    if end - at < 4:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    family = u32(data, at)
    if family > 0xFFFF:
        family = np.int64(data[at]) | np.int64(data[at + 1]) << 8
    if family == 2:
        return ETHER_TYPE, IPV4_TYPE, at + 4, -1, 0
    if family == 10 or family == 24 or family == 28 or family == 30:
        return ETHER_TYPE, IPV6_TYPE, at + 4, -1, 0
    return ETHER_TYPE, family, at + 4, -1, 0


@kernel()
def is_cisco_hdlc(data, link_type, at, end):
    """Whether a frame of a serial line is of Cisco's form, which shares the link types of PPP there."""
    if (link_type != 9 and link_type != 50) or at >= end:
        return False
    return (data[at] == 0x0F or data[at] == 0x8F) and (end - at == 1 or data[at + 1] == 0)


@kernel(once=True)
def ppp_step(data, at, end):
    """PPP, with or without the HDLC address and control, with one or two bytes of protocol."""
    if end - at >= 2 and data[at] == 0xFF:
        # the address of all stations, which is no protocol; the control behind it is 3 where all is well
        at += 2
    elif end - at >= 4 and (data[at] == 0x0F or data[at] == 0x8F) and data[at + 1] == 0:
        # Cisco HDLC: an Ethernet type follows
        return ETHER_TYPE, u16(data, at + 2), at + 4, -1, 0
    if at >= end:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if data[at] & 1:
        return PPP_PROTOCOL, np.int64(data[at]), at + 1, -1, 0
    if end - at < 2:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    return PPP_PROTOCOL, u16(data, at), at + 2, -1, 0


@kernel(once=True)
def llc_step(data, at, end):
    """IEEE 802.2: the destination service access point names what follows an unnumbered frame."""
    if end - at < 3:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    size = 3 if data[at + 2] & 3 == 3 else 4
    if end - at < size:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    return LLC_DSAP, np.int64(data[at]), at + size, -1, 0


@kernel(once=True)
def snap_step(data, at, end):
    """SNAP: an organisation and a type of its own, or an Ethernet type under organisation 0."""
    if end - at < 5:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    organisation = np.int64(data[at]) << 16 | np.int64(data[at + 1]) << 8 | np.int64(data[at + 2])
    kind = u16(data, at + 3)
    if organisation == 0x00000C:
        return SNAP_CISCO, kind, at + 5, -1, 0
    if organisation == 0x000081:
        return SNAP_NORTEL, kind, at + 5, -1, 0
    if organisation == 0x0080C2:
        # bridged frames: type 1 keeps the checksum, type 7 does not; two bytes of padding come first for AAL5
        return SNAP_BRIDGED, kind, at + 5, -1, 0
    return ETHER_TYPE, kind, at + 5, -1, 0
