"""The walk through ICMP, whose errors quote an IP header and whose types may be messages of tables of their own."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space
from netlake.kernels.steps import Step, is_leaf
from netlake.kernels.walk_network import pair_of_icmp
from netlake.kernels.walk_records import bytes_of, emit, emit_leaf, quote


@kernel(once=True)
def icmp(data, w, keys, messages, headers, step):
    """ICMP of either version: an error quotes the packet that it is about."""
    at, end = w.at, w.end
    emit(messages, w, step, 0, 0)
    if end - at < 2:
        return
    kind = np.int64(data[at])
    version = 4 if step == Step.ICMPV4 else 6
    if w.header >= 0:
        h = headers[w.header]
        pair = pair_of_icmp(version, kind, np.int64(data[at + 1]))
        h.transport = at
        h.source_port = pair[0]
        h.destination_port = pair[1]
        h.payload = bytes_of(at + 8, w.promise)
        if (version == 4 and (3 <= kind <= 5 or kind == 11 or kind == 12)) or (version == 6 and 1 <= kind <= 4):
            quote(data, headers, w, at + 8)
    group = np.int64(keys[Space.ICMPV4_TYPE if version == 4 else Space.ICMPV6_TYPE, kind])
    if group >= 0 and is_leaf(group):
        emit_leaf(messages, w, group, 0)
