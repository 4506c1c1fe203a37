"""The walk through the chunks of an SCTP packet: what a user sends stands in DATA chunks, several in one packet.

A chunk says what protocol its payload is; where it says 0, nothing, the ports do. A user message that is sent in
several chunks is not whole in any of them: it is left, and the packet says so.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels import steps as s
from netlake.kernels.bytes import u16, u32
from netlake.kernels.walk_records import SCTP_PROTOCOL, emit, follow, stop

# what one packet is searched for at most, so that its rows have room
MOST_CHUNKS = 64
CHUNK_HEADER = 4
DATA, DATA_HEADER = 0, 16
I_DATA, I_DATA_HEADER = 64, 20
BEGINS_AND_ENDS = 3
UNSPECIFIED = 0


@kernel()
def group_of(keys, protocol, source, destination):
    """The group of a payload by its protocol's number, or by the ports where that is not given; -1 if unknown."""
    if protocol != UNSPECIFIED:
        return np.int64(keys[s.SCTP_PAYLOAD_PROTOCOL, protocol]) if protocol <= 0xFFFF else np.int64(-1)
    group = np.int64(keys[s.SCTP_PORT, destination])
    return group if group >= 0 else np.int64(keys[s.SCTP_PORT, source])


@kernel()
def user_message(data, w, keys, messages, packet, trie, source, destination, header, state):
    """The payload of the DATA chunk where the walk stands, whose header is whole; `state` is the stack below it.

    The number of the payload's protocol is the last of either header; in I-DATA only where the message begins.
    """
    at = w[s.W_AT]
    protocol = np.int64(u32(data, at + header - 4))
    if data[at + 1] & BEGINS_AND_ENDS != BEGINS_AND_ENDS:
        stop(packet, s.STOP_PARTIAL_MESSAGE, at + header, -1)
        return
    group = group_of(keys, protocol, source, destination)
    if group < s.FIRST_LEAF:
        if protocol == UNSPECIFIED:
            stop(packet, s.UNKNOWN_PORT, at + header, min(source, destination))
        else:
            stop(packet, s.UNKNOWN_PAYLOAD_PROTOCOL, at + header, protocol if protocol <= 0x7FFFFFFF else -1)
        return
    w[s.W_AT] = at + header
    w[s.W_STACK] = follow(trie, state, group)
    emit(messages, w, group, 0, SCTP_PROTOCOL)


@kernel(once=True)
def chunks(data, w, keys, messages, packet, trie, source, destination):
    """Every DATA chunk from where the walk stands to the end of the packet."""
    end, promise, state = w[s.W_END], w[s.W_PROMISE], w[s.W_STACK]
    at = w[s.W_AT]
    for _ in range(MOST_CHUNKS):
        if at + CHUNK_HEADER > end:
            if promise > end:
                stop(packet, s.STOP_CUT, min(at, end), -1)
            break
        kind, size = data[at], np.int64(u16(data, at + 2))
        header = DATA_HEADER if kind == DATA else I_DATA_HEADER
        if size < CHUNK_HEADER or at + size > promise:
            stop(packet, s.STOP_MALFORMED, at, -1)
            break
        if (kind == DATA or kind == I_DATA) and header < size and at + header > end:
            stop(packet, s.STOP_CUT, at, -1)
        elif (kind == DATA or kind == I_DATA) and header < size:
            w[s.W_AT] = at
            w[s.W_PROMISE] = at + size
            w[s.W_END] = min(end, at + size)
            user_message(data, w, keys, messages, packet, trie, source, destination, header, state)
        at += size + (-size & 3)
    else:
        if at < promise:
            stop(packet, s.STOP_TOO_DEEP, min(at, end), -1)
    w[s.W_END], w[s.W_PROMISE] = end, promise
