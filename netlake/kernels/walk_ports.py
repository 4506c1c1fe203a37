"""Which of two ports a payload belongs to, and which port is the service's where neither has a table.

A datagram has two ports, and each may have a dispatch key: a client uses the port of WireGuard by chance and asks a
DNS server. The rule, for every transport:

1. If only one port has a key, or both have keys of one group, the payload belongs to that group.
2. If one is the key of a step (a tunnel) and the other is not, the step is entered if its header fits (`NAME_fits` in
   netlake.kernels.tunnels): what is fixed in the header of a tunnel is enough evidence in one packet. Otherwise the
   payload belongs to the other port.
3. If both are keys of steps, the one that fits is entered, the destination's first; if none fits, the lower port's.
4. If both are keys of leaves, the walk emits the message in the group CONTESTED, and netlake.layers.classifier decides:
   it can call the tables' own hooks and readers, and remembers the first packet of a flow.

Only payloads with two keys are examined further, so captures without them do not pay for the rule.

Where no table reads the payload, the packet's stop reason has the port of the service: the only well-known port (below
1024, RFC 6335) of the two; otherwise -1, and netlake.pipeline.packet_rows names it by the flow, which is not known
before the tracker has seen the packet.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.steps import CONTESTED, checker, is_leaf

# the first port that is not well-known
FIRST_REGISTERED = 1024

fits = checker()


@kernel()
def group_by_port(data, keys, w, space):
    """The group of the payload at `w.at`; -1 if no port has a key, CONTESTED if the classifier has to decide."""
    group, other = np.int64(keys[space, w.destination_port]), np.int64(keys[space, w.source_port])
    if group < 0:
        return other
    return group if other < 0 or other == group else chosen(data, keys, w, group, other)


@kernel()
def chosen(data, keys, w, group, other):
    """The group of the payload by rules 2 to 4; `group` is the destination port's, `other` the source port's."""
    if is_leaf(group) and is_leaf(other):
        return np.int64(CONTESTED)
    if is_leaf(group):
        return other if fits(data, keys, w, other) else group
    if fits(data, keys, w, group):
        return group
    if is_leaf(other) or fits(data, keys, w, other):
        return other
    return group if w.destination_port < w.source_port else other


@kernel()
def service_port(w):
    """The well-known port if one of the two is; else -1: the flow decides."""
    lower, higher = min(w.source_port, w.destination_port), max(w.source_port, w.destination_port)
    return lower if lower < FIRST_REGISTERED <= higher else np.int64(-1)
