"""AYIYA, Anything In Anything (draft-massar-v6ops-ayiya): IPv6 of tunnel brokers over UDP."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, done, malformed
from netlake.kernels.numbers import EtherType, IpProtocol
from netlake.schema.faults import SHORT_HEADER

FORWARD = 1
ECHO_AND_FORWARD = 3
IPV4_IN_IP = 4
IPV6_IN_IP = 41


@kernel()
def ayiya(data, keys, w):
    """The forwarded packet, behind identity and signature; the identifier is 0. Other operations carry none."""
    at, end = w.at, w.end
    if end - at < 8:
        return malformed(SHORT_HEADER)
    identity, signature = np.int64(data[at] >> 4), np.int64(data[at + 1] >> 4)
    inside = at + 8 + (1 << identity) + signature * 4
    if inside > end:
        return malformed(SHORT_HEADER)
    operation, following = data[at + 2] & 15, np.int64(data[at + 3])
    if (operation != FORWARD and operation != ECHO_AND_FORWARD) or following == IpProtocol.NO_NEXT_HEADER:
        return done()
    if following == IPV6_IN_IP:
        return carries(Space.ETHER_TYPE, EtherType.IPV6, inside, identifier=0)
    if following == IPV4_IN_IP:
        return carries(Space.ETHER_TYPE, EtherType.IPV4, inside, identifier=0)
    return carries(Space.TUNNEL_PAYLOAD, following, inside, identifier=0)
