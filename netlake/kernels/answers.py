"""What a step of the walk returns: the key of what follows, or why nothing follows.

A step reads one header and returns a `Next`. The walk looks up the group of (`space`, `value`) among the dispatch keys
and continues at `at`. Two spaces are no key spaces: NOWHERE means that the header is malformed or cut, DONE that the
packet ends here, with a reason in `stop` or without one. Steps do not write a `Next` themselves, they return one of:

    carries(space, value, at)    the payload begins at `at` and is found by a dispatch key
    malformed(fault)             the header cannot be read
    done()                       nothing follows, and the packet is complete
    stopped(at, reason, value)   what follows is not decoded, for a known reason
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.numbers import FIRST_ETHERTYPE, EtherType


class Space(IntEnum):
    """Spaces of dispatch keys; the value is the row of the dispatch array."""

    NOWHERE = 0
    LINK_TYPE = 1
    ETHER_TYPE = 2
    LLC_DSAP = 3
    SNAP_CISCO = 4
    SNAP_NORTEL = 5
    SNAP_BRIDGED = 6
    PPP_PROTOCOL = 7
    IP_PROTOCOL = 8
    UDP_PORT = 9
    TCP_SEGMENT = 10
    SCTP_PORT = 11
    ICMPV4_TYPE = 12
    ICMPV6_TYPE = 13
    DOT11_TYPE = 14
    SCTP_PAYLOAD_PROTOCOL = 15
    # payloads that are identified by their first bits only, or by a number of the tunnel's own: it has no keys
    TUNNEL_PAYLOAD = 16
    CISCO_HDLC_PROTOCOL = 17
    CAPWAP_TYPE = 18
    # LLC follows, without a key
    LLC = 19
    DONE = 20


class Stop(IntEnum):
    """Why the walk of a packet stopped; NONE: it did not."""

    NONE = 0
    UNKNOWN_LINK_TYPE = 1
    UNKNOWN_ETHERTYPE = 2
    UNKNOWN_LLC = 3
    UNKNOWN_SNAP = 4
    UNKNOWN_PPP_PROTOCOL = 5
    UNKNOWN_IP_PROTOCOL = 6
    UNKNOWN_PORT = 7
    FRAGMENT = 8
    CUT = 9
    MALFORMED = 10
    TOO_DEEP = 11
    UNKNOWN_TUNNEL_PAYLOAD = 12
    ENCRYPTED = 13
    UNKNOWN_PAYLOAD_PROTOCOL = 14
    PARTIAL_MESSAGE = 15


# the words of column `stop_reason`, by number
STOPS = tuple(stop.name.lower() if stop else None for stop in Stop)


class Next(NamedTuple):
    """What follows a header, all int64.

    `at` is where the payload begins, or where the walk stopped; `limit` where it must end by the header's own length,
    -1 if that gives none. `identifier` is the number of a tunnel (see netlake.kernels.tunnels), -1 if the payload is
    no tunnel's. `hint` goes to the reader of the next message. `stop` is a Stop, and `value` then what was unknown.
    """

    space: int
    value: int
    at: int
    limit: int
    identifier: int
    hint: int
    stop: int
    fault: int


@kernel()
def carries(space, value, at, limit=-1, identifier=-1, hint=0, fault=0):
    """The payload begins at `at` and is found by the key (`space`, `value`)."""
    return Next(
        np.int64(space), np.int64(value), np.int64(at), np.int64(limit), np.int64(identifier), np.int64(hint),
        np.int64(0), np.int64(fault),
    )  # fmt: skip


@kernel()
def malformed(fault, limit=-1):
    """The header cannot be read, for the reason `fault`."""
    none = np.int64(0)
    return Next(none, none, np.int64(-1), np.int64(limit), np.int64(-1), none, none, np.int64(fault))


@kernel()
def done(fault=0, limit=-1):
    """Nothing follows this header."""
    none = np.int64(0)
    return Next(np.int64(Space.DONE), none, np.int64(-1), np.int64(limit), np.int64(-1), none, none, np.int64(fault))


@kernel()
def stopped(at, reason, value=-1, limit=-1):
    """What follows at `at` is not decoded, because of `reason`; `value` is the unknown number, -1 without one."""
    none = np.int64(0)
    return Next(
        np.int64(Space.DONE), np.int64(value), np.int64(at), np.int64(limit), np.int64(-1), none, np.int64(reason), none
    )


@kernel()
def ether_type_or_length(kind, at, limit=-1):
    """What follows an Ethernet type field, which may be a length; `limit` is the end of the frame's data if known."""
    if kind >= FIRST_ETHERTYPE:
        return carries(Space.ETHER_TYPE, kind, at, limit)
    return carries(Space.LLC, 0, at, at + kind if limit < 0 else min(limit, at + kind))


@kernel()
def ether_type_of_ip(data, at, end):
    """The EtherType of the IP packet at `at` by its first four bits; 0 for other bits and if nothing was captured."""
    version = np.int64(data[at] >> 4) if at < end else np.int64(0)
    if version == 4:
        return np.int64(EtherType.IPV4)
    return np.int64(EtherType.IPV6) if version == 6 else np.int64(0)


@kernel()
def ip_or(data, at, end, limit, identifier, fault):
    """An IP packet by its first four bits, else a tunnel's payload that is unknown."""
    kind = ether_type_of_ip(data, at, end)
    if kind:
        return carries(Space.ETHER_TYPE, kind, at, limit, identifier, 0, fault)
    version = np.int64(data[at] >> 4) if at < end else np.int64(0)
    return carries(Space.TUNNEL_PAYLOAD, version, at, limit, identifier, 0, fault)


@kernel()
def unknown(space):
    """Why a walk stops at a key of `space` that leads nowhere."""
    if space == Space.LINK_TYPE or space == Space.DOT11_TYPE:
        return np.int64(Stop.UNKNOWN_LINK_TYPE)
    if space == Space.ETHER_TYPE or space == Space.CISCO_HDLC_PROTOCOL:
        return np.int64(Stop.UNKNOWN_ETHERTYPE)
    if space == Space.LLC_DSAP:
        return np.int64(Stop.UNKNOWN_LLC)
    if space == Space.SNAP_CISCO or space == Space.SNAP_NORTEL or space == Space.SNAP_BRIDGED:
        return np.int64(Stop.UNKNOWN_SNAP)
    if space == Space.PPP_PROTOCOL:
        return np.int64(Stop.UNKNOWN_PPP_PROTOCOL)
    if space == Space.TUNNEL_PAYLOAD or space == Space.CAPWAP_TYPE:
        return np.int64(Stop.UNKNOWN_TUNNEL_PAYLOAD)
    return np.int64(Stop.UNKNOWN_IP_PROTOCOL)
