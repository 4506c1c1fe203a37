"""What the walk writes: messages, conversations, fragments, where a packet stopped, and its stack.

`w` is the state of the walk (W_ columns of netlake.kernels.steps); the caller has made room in the arrays.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels import steps as s
from netlake.kernels.bytes import u16
from netlake.kernels.walk_network import TCP_PROTOCOL, UDP_PROTOCOL, pair_of_icmp
from netlake.packets import QUOTED
from netlake.schema.faults import CUT, SHORT_HEADER

SCTP_PROTOCOL = 132


@kernel()
def emit(messages, w, group, fault, hint):
    """Write the message of `group` at the current offset, with the ports of the transport header that carries it."""
    m = messages[w[s.W_MESSAGES]]
    at, end = w[s.W_AT], max(w[s.W_AT], w[s.W_END])
    if fault == SHORT_HEADER and w[s.W_PROMISE] > end:
        fault = CUT
    if group == s.ETHERNET and end - at >= 14:
        w[s.W_MAC] = at + 6
    m[s.M_GROUP] = group
    m[s.M_ROW] = w[s.W_ROW]
    m[s.M_START] = at
    m[s.M_END] = end
    m[s.M_MISSING] = max(0, min(w[s.W_PROMISE] - end, 0x7FFFFFFF))
    m[s.M_FAULT] = fault
    m[s.M_HEADER] = w[s.W_CARRIER]
    m[s.M_HINT] = hint
    m[s.M_SOURCE] = w[s.W_SOURCE]
    m[s.M_DESTINATION] = w[s.W_DESTINATION]
    w[s.W_MESSAGES] += 1


@kernel()
def follow(trie, state, group):
    """The stack `state` with `group` on top; the trie grows as far as it has room, then a stack stays as it is.

    The last column is no group's: its first cell counts the states.
    """
    following = np.int64(trie[state, group])
    if following < 0:
        following = np.int64(trie[0, trie.shape[1] - 1])
        if following >= trie.shape[0]:
            return state
        trie[state, group] = following
        trie[0, trie.shape[1] - 1] = following + 1
    return following


@kernel()
def stop(packet, reason, at, value):
    """Note where and why the walk of a packet stopped; the first reason stands."""
    if packet[s.P_STOP] == 0:
        packet[s.P_STOP] = reason
        packet[s.P_STOP_OFFSET] = at
        packet[s.P_STOP_VALUE] = value


@kernel()
def begin_conversation(conversations, w, version, kind):
    """Write the conversation of the IP header where the walk stands; its row."""
    row = w[s.W_CONVERSATIONS]
    c = conversations[row]
    c[s.C_ROW] = w[s.W_ROW]
    c[s.C_NETWORK] = w[s.W_AT]
    c[s.C_VERSION] = version
    c[s.C_PROTOCOL] = -1
    c[s.C_TRANSPORT] = -1
    c[s.C_END] = w[s.W_END]
    c[s.C_SRC_PORT] = -1
    c[s.C_DST_PORT] = -1
    c[s.C_PAYLOAD] = 0
    c[s.C_IP_LENGTH] = w[s.W_PROMISE] - w[s.W_AT]
    c[s.C_KEY] = w[s.W_KEY]
    c[s.C_OUTER] = w[s.W_CARRIER]
    c[s.C_KIND] = kind
    c[s.C_MAC] = w[s.W_MAC]
    w[s.W_MAC] = -1
    w[s.W_CONVERSATIONS] += 1
    return row


@kernel()
def read_ports(data, conversation, start, end):
    """Ports (or ICMP's pair) of the transport header at `start` into its conversation, if they are there."""
    protocol = conversation[s.C_PROTOCOL]
    if (protocol == TCP_PROTOCOL or protocol == UDP_PROTOCOL or protocol == SCTP_PROTOCOL) and end - start >= 4:
        conversation[s.C_SRC_PORT] = u16(data, start)
        conversation[s.C_DST_PORT] = u16(data, start + 2)
    elif (protocol == 1 or protocol == 58) and end - start >= 2:
        pair = pair_of_icmp(conversation[s.C_VERSION], np.int64(data[start]), np.int64(data[start + 1]))
        conversation[s.C_SRC_PORT] = pair[0]
        conversation[s.C_DST_PORT] = pair[1]


@kernel()
def quote(data, conversations, w, at):
    """The IP header quoted at `at` in an ICMP error, as a conversation to look up."""
    end = w[s.W_END]
    if end - at < 20:
        return
    version = data[at] >> 4
    header = (np.int64(data[at]) & 15) * 4 if version == 4 else 40
    if (version != 4 and version != 6) or header < 20 or (version == 6 and end - at < 40):
        return
    here, key = w[s.W_AT], w[s.W_KEY]
    w[s.W_AT] = at
    w[s.W_KEY] = conversations[w[s.W_CARRIER], s.C_KEY]
    c = conversations[begin_conversation(conversations, w, version, QUOTED)]
    w[s.W_AT], w[s.W_KEY] = here, key
    c[s.C_PROTOCOL] = np.int64(data[at + 9]) if version == 4 else np.int64(data[at + 6])
    if version == 6 or u16(data, at + 6) & 0x1FFF == 0:
        c[s.C_TRANSPORT] = at + header
        read_ports(data, c, at + header, end)


@kernel()
def note_fragment(data, fragments, conversations, w, headers, start, offset, more, identification):
    """Write the fragment whose data begin at `start`, and make a fragment of its conversation."""
    f = fragments[w[s.W_FRAGMENTS]]
    c = conversations[w[s.W_CARRIER]]
    f[s.F_ROW] = w[s.W_ROW]
    f[s.F_CONVERSATION] = w[s.W_CARRIER]
    f[s.F_NETWORK] = c[s.C_NETWORK]
    f[s.F_HEADERS] = headers
    f[s.F_START] = start
    f[s.F_END] = max(start, w[s.W_END])
    f[s.F_OFFSET] = offset
    f[s.F_MORE] = more
    f[s.F_IDENTIFICATION] = identification
    f[s.F_PROTOCOL] = c[s.C_PROTOCOL]
    f[s.F_DEPTH] = w[s.W_DEPTH] - 1
    f[s.F_MISSING] = max(0, w[s.W_PROMISE] - max(start, w[s.W_END]))
    w[s.W_FRAGMENTS] += 1
    c[s.C_PAYLOAD] = max(0, w[s.W_PROMISE] - start)
    if offset == 0:
        read_ports(data, c, start, w[s.W_END])
