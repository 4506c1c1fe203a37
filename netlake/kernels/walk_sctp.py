"""The walk through the chunks of an SCTP packet: user messages are in DATA and I-DATA chunks, several in one packet.

A chunk names the protocol of its payload; where that is 0 (unspecified), the ports decide. A user message that is sent
in several chunks is whole in none of them: it is skipped, and the packet's stop reason is `partial_message`.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, Stop
from netlake.kernels.bytes import u16, u32
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.steps import CONTESTED, is_leaf
from netlake.kernels.walk_ports import group_by_port, service_port
from netlake.kernels.walk_records import emit_leaf, push, stop

# one packet is searched for at most this many chunks, so that its messages have room
MOST_CHUNKS = 64
CHUNK_HEADER = 4
DATA, DATA_HEADER = 0, 16
I_DATA, I_DATA_HEADER = 64, 20
BEGINS_AND_ENDS = 3
UNSPECIFIED = 0


@kernel()
def group_of(data, keys, w, protocol):
    """The group of a payload by its protocol's number, or by the ports where that is not given; -1 if unknown."""
    if protocol != UNSPECIFIED:
        return np.int64(keys[Space.SCTP_PAYLOAD_PROTOCOL, protocol]) if protocol <= 0xFFFF else np.int64(-1)
    return group_by_port(data, keys, w, Space.SCTP_PORT)


@kernel()
def user_message(data, w, keys, messages, packet, stacks, header):
    """The payload of the DATA chunk at `w.at`, whose header of `header` bytes is captured.

    The number of the payload's protocol is the last word of either header; in I-DATA only where the message begins.
    """
    at = w.at
    protocol = np.int64(u32(data, at + header - 4))
    if data[at + 1] & BEGINS_AND_ENDS != BEGINS_AND_ENDS:
        stop(packet, Stop.PARTIAL_MESSAGE, at + header)
        return
    group = group_of(data, keys, w, protocol)
    if group < 0 or not (is_leaf(group) or group == CONTESTED):
        if protocol == UNSPECIFIED:
            stop(packet, Stop.UNKNOWN_PORT, at + header, service_port(w))
        else:
            stop(packet, Stop.UNKNOWN_PAYLOAD_PROTOCOL, at + header, protocol if protocol <= 0x7FFFFFFF else -1)
        return
    w.at = at + header
    emit_leaf(messages, w, group, IpProtocol.SCTP)
    if group != CONTESTED:
        push(stacks, w, group)


@kernel(once=True)
def chunks(data, w, keys, messages, packet, stacks):
    """Every DATA chunk from `w.at` to the end of the packet."""
    end, promise, stack = w.end, w.promise, w.stack
    at, last = w.at, stack
    for _ in range(MOST_CHUNKS):
        if at + CHUNK_HEADER > end:
            if promise > end:
                stop(packet, Stop.CUT, min(at, end))
            break
        kind, size = data[at], np.int64(u16(data, at + 2))
        header = DATA_HEADER if kind == DATA else I_DATA_HEADER
        if size < CHUNK_HEADER or at + size > promise:
            stop(packet, Stop.MALFORMED, at)
            break
        if (kind == DATA or kind == I_DATA) and header < size and at + header > end:
            stop(packet, Stop.CUT, at)
        elif (kind == DATA or kind == I_DATA) and header < size:
            w.at = at
            w.promise = at + size
            w.end = min(end, at + size)
            w.stack = stack
            user_message(data, w, keys, messages, packet, stacks, header)
            if w.stack != stack:
                last = w.stack
        at += size + (-size & 3)
    else:
        if at < promise:
            stop(packet, Stop.TOO_DEEP, min(at, end))
    w.stack = last
    w.end, w.promise = end, promise
