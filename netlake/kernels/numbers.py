"""Link types, EtherTypes and IP protocol numbers: the one place that defines them.

`LinkType` has the LINKTYPE_ numbers of capture files, `EtherType` the IEEE 802 numbers (and those that tunnels reuse),
`IpProtocol` the IANA numbers. The walk's steps, the kernels and the Python side of the layers use these names; tables
repeat the number in their dispatch keys, because a key is text.
NumPy compares an array with a member several times slower than with its `value`: Python uses that, kernels the member.
"""

from __future__ import annotations

from enum import IntEnum

# an Ethernet type field below this is a length, and LLC follows
FIRST_ETHERTYPE = 0x0600


class LinkType(IntEnum):
    """The link types that a step or a kernel refers to, as in tcpdump's list of LINKTYPE_ numbers."""

    NULL = 0  # BSD loopback, address family in host byte order
    ETHERNET = 1
    TOKEN_RING = 6
    ARCNET = 7
    SLIP = 8
    PPP = 9
    FDDI = 10
    RAW_BSD = 12  # raw IP, as some systems write it
    RAW_OPENBSD = 14
    PPP_HDLC = 50
    ATM_RFC1483 = 100
    RAW = 101
    DOT11 = 105
    ATM_CLIP = 106
    FRAME_RELAY = 107
    LOOP = 108
    ENC = 109
    LINUX_SLL = 113
    PFLOG = 117
    DOT11_PRISM = 119
    SUNATM = 123
    DOT11_RADIOTAP = 127
    ARCNET_LINUX = 129
    DOT11_AVS = 163
    PPP_PPPD = 166
    MULTILINK_FRAME_RELAY = 182
    PPI = 192
    PPP_WITH_DIRECTION = 204
    IPNET = 226
    CAN = 227
    IPV4 = 228
    IPV6 = 229
    IEEE802154_WITHOUT_FCS = 230
    IPOIB = 242
    NETLINK = 253
    PKTAP = 258
    ETHERNET_WITH_PREAMBLE = 274
    LINUX_SLL2 = 276
    BROADCOM_TAG = 281
    BROADCOM_TAG_FIRST = 282
    MARVELL_TAG = 284
    MARVELL_TAG_WITH_TYPE = 285


# the hint of a frame of IEEE 802.11 whose frame control field has its two bytes exchanged, above all link types
DOT11_EXCHANGED = 1 << 16


class EtherType(IntEnum):
    """The EtherTypes that a step or a kernel refers to."""

    IPV4 = 0x0800
    ARP = 0x0806
    CDP = 0x2000  # in SNAP and Cisco HDLC
    EOIP = 0x6400  # in GRE
    TRANSPARENT_ETHERNET = 0x6558
    SLARP = 0x8035  # in Cisco HDLC; Ethernet uses the number for RARP
    VLAN = 0x8100
    IPX = 0x8137
    ARUBA = 0x8200  # in GRE, the first of several
    IPV6 = 0x86DD
    PPP = 0x880B
    WCCP = 0x883E
    MPLS = 0x8847
    PPPOE = 0x8864
    PROVIDER_VLAN = 0x88A8
    ERSPAN = 0x88BE
    NSH = 0x894F


class IpProtocol(IntEnum):
    """The IP protocol numbers that a step, a kernel or a reader refers to."""

    HOP_BY_HOP_OPTIONS = 0
    ICMPV4 = 1
    TCP = 6
    UDP = 17
    DCCP = 33
    ROUTING = 43
    FRAGMENT = 44
    ICMPV6 = 58
    NO_NEXT_HEADER = 59
    DESTINATION_OPTIONS = 60
    SCTP = 132
    UDP_LITE = 136
