"""Steps through the headers of Linux cooked captures, versions 1 and 2. As in walk_link.

Rules (tcpdump.org, LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2)
- The ARPHRD_ type of the device decides first. The packets of the devices in `headed` begin with a link
  header, and the protocol field is ignored.
- Of GRE devices the protocol field is GRE's protocol type, of all others it is an EtherType; both are looked up among
  EtherTypes. Numbers below FIRST_ETHERTYPE are Linux's own (linux/if_ether.h); those that are not listed here
  stop the walk.
- A PPP device (512) needs no rule: Linux removes the PPP header, and the protocol field is an EtherType.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import FIRST_ETHERTYPE, EtherType, LinkType
from netlake.schema.faults import SHORT_HEADER

MAC_SIZE = 6
# devices whose packets begin with a link header
FRAME_RELAY = 770
IEEE80211 = 801
IEEE80211_PRISM = 802
IEEE80211_RADIOTAP = 803
NETLINK = 824
# Linux's own protocol numbers
NOVELL = 1  # IPX in IEEE 802.3 without LLC
ETHERNET = 3
LLC = 4
PPP = 7
PPP_MULTILINK = 8
CAN = 12
CAN_FD = 13
IEEE802154 = 246


@kernel()
def headed(device):
    """The link type of the packets of a device that have a link header, -1 for other devices."""
    if device == IEEE80211_RADIOTAP:
        return np.int64(LinkType.DOT11_RADIOTAP)
    if device == IEEE80211_PRISM:
        return np.int64(LinkType.DOT11_PRISM)
    if device == IEEE80211:
        return np.int64(LinkType.DOT11)
    if device == FRAME_RELAY:
        return np.int64(LinkType.FRAME_RELAY)
    return np.int64(LinkType.NETLINK) if device == NETLINK else np.int64(-1)


@kernel()
def link_type_of(protocol):
    """The link type of the header that one of Linux's own protocol numbers names, -1 for others."""
    if protocol == ETHERNET:
        return np.int64(LinkType.ETHERNET)
    if protocol == CAN or protocol == CAN_FD:
        return np.int64(LinkType.CAN)
    return np.int64(LinkType.IEEE802154_WITHOUT_FCS) if protocol == IEEE802154 else np.int64(-1)


@kernel()
def cooked(device, protocol, at):
    """What follows a cooked header that ends at `at`."""
    link_type = headed(device)
    if link_type < 0 and protocol < FIRST_ETHERTYPE:
        link_type = link_type_of(protocol)
    if link_type >= 0:
        return carries(Space.LINK_TYPE, link_type, at)
    if protocol == LLC:
        return carries(Space.LLC, 0, at)
    if protocol == NOVELL:
        return carries(Space.ETHER_TYPE, EtherType.IPX, at)
    if protocol == PPP or protocol == PPP_MULTILINK:
        return carries(Space.ETHER_TYPE, EtherType.PPP, at)
    return carries(Space.ETHER_TYPE, protocol, at)


@kernel()
def linux_sll(data, keys, w):
    """The Linux cooked header of version 1."""
    at = w.at
    if w.end - at < 16:
        return malformed(SHORT_HEADER)
    if u16(data, at + 4) == MAC_SIZE:
        w.mac = at + 6
    return cooked(u16(data, at + 2), u16(data, at + 14), at + 16)


@kernel()
def linux_sll2(data, keys, w):
    """The Linux cooked header of version 2."""
    at = w.at
    if w.end - at < 20:
        return malformed(SHORT_HEADER)
    if data[at + 11] == MAC_SIZE:
        w.mac = at + 12
    return cooked(u16(data, at + 8), u16(data, at), at + 20)
