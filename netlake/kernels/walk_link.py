"""Steps through link headers: Ethernet, VLAN tags, loopback, LLC and SNAP.

A step is `(data, keys, w) -> Next`, see netlake.kernels.answers: it reads the header at `w.at`, which is captured up
to `w.end` and long by the headers around it up to `w.promise`. A header with a MAC source address writes its offset to
`w.mac`. Less common headers are in walk_capture, walk_cooked, walk_serial and walk_wireless.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, ether_type_of_ip, ether_type_or_length, malformed
from netlake.kernels.bytes import u16, u24, u32
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import BAD_VERSION, SHORT_HEADER

SNAP_DSAP = 0xAA
# organizations of SNAP with types of their own
CISCO = 0x00000C
NORTEL = 0x000081
IEEE_8021 = 0x0080C2


@kernel(once=True)
def ethernet(data, keys, w):
    """Ethernet II or IEEE 802.3."""
    at = w.at
    if w.end - at < 14:
        return malformed(SHORT_HEADER)
    w.mac = at + 6
    return ether_type_or_length(u16(data, at + 12), at + 14)


@kernel(once=True)
def dot1q(data, keys, w):
    """A VLAN tag of IEEE 802.1Q; VLAN 0 is a priority without a VLAN."""
    at = w.at
    if w.end - at < 4:
        return malformed(SHORT_HEADER)
    vlan = u16(data, at) & 0xFFF
    if vlan:
        w.vlan = (w.vlan * 4096 + vlan) & 0x7FFFFFFF
    return ether_type_or_length(u16(data, at + 2), at + 4)


@kernel()
def raw(data, keys, w):
    """No link header: IPv4 or IPv6 by the first four bits."""
    at = w.at
    if at >= w.end:
        return malformed(SHORT_HEADER)
    kind = ether_type_of_ip(data, at, w.end)
    if kind:
        return carries(Space.ETHER_TYPE, kind, at)
    return malformed(BAD_VERSION)


@kernel()
def loopback(data, keys, w):
    """BSD loopback: an address family in the byte order of the host that wrote it."""
    at = w.at
    if w.end - at < 4:
        return malformed(SHORT_HEADER)
    family = u32(data, at)
    if family > 0xFFFF:
        family = np.int64(data[at]) | np.int64(data[at + 1]) << 8
    if family == 2:
        return carries(Space.ETHER_TYPE, EtherType.IPV4, at + 4)
    if family == 10 or family == 24 or family == 28 or family == 30:
        return carries(Space.ETHER_TYPE, EtherType.IPV6, at + 4)
    return carries(Space.ETHER_TYPE, family, at + 4)


@kernel()
def llc(data, keys, w):
    """IEEE 802.2: the destination service access point names the payload of an unnumbered frame."""
    at, left = w.at, w.end - w.at
    if left < 3:
        return malformed(SHORT_HEADER)
    size = 3 if data[at + 2] & 3 == 3 else 4
    if left < size:
        return malformed(SHORT_HEADER)
    destination = np.int64(data[at])
    # behind the access point of SNAP the control field has one byte, whatever its bits are
    return carries(Space.LLC_DSAP, destination, at + 3 if destination == SNAP_DSAP else at + size)


@kernel()
def snap(data, keys, w):
    """SNAP: an organization and a type of its own, or an EtherType under organization 0."""
    at = w.at
    if w.end - at < 5:
        return malformed(SHORT_HEADER)
    organization, kind = u24(data, at), u16(data, at + 3)
    if organization == CISCO:
        return carries(Space.SNAP_CISCO, kind, at + 5)
    if organization == NORTEL:
        return carries(Space.SNAP_NORTEL, kind, at + 5)
    if organization == IEEE_8021:
        # bridged frames: type 1 keeps the checksum, type 7 does not; AAL5 has two bytes of padding first
        return carries(Space.SNAP_BRIDGED, kind, at + 5)
    return carries(Space.ETHER_TYPE, kind, at + 5)
