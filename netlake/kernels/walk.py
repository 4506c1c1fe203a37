"""The walk: for each packet, where every message of every protocol lies. One pass, no rows made.

One state per packet (`w`): where it stands, where what the capture kept of this layer ends, where the headers around
it say that it ends, and the conversation that carries it. A header is a step (netlake.kernels.steps): it is emitted,
then asked what follows, and answers with (space, value, next, fault): the key that what follows is found by, and
where it begins. Anything else is a leaf: emitted, and the packet is done. Tunnels are the same loop going round
again, bounded in headers and in IP headers.

Arrays of rows (columns in netlake.kernels.steps) keep a message on one cache line while it is written; `regroup`
sorts them by group afterwards, in the order in which they were found.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels import steps as s
from netlake.kernels.bytes import u16, u32
from netlake.kernels.walk_capture import seldom_step
from netlake.kernels.walk_link import is_cisco_hdlc, link_step
from netlake.kernels.walk_network import (
    NO_NEXT_HEADER,
    TCP_PROTOCOL,
    UDP_PROTOCOL,
    extension_step,
    ipv4_step,
    ipv6_step,
    pair_of_icmp,
)
from netlake.kernels.walk_records import begin_conversation, emit, follow, note_fragment, quote, stop
from netlake.kernels.walk_sctp import MOST_CHUNKS, chunks
from netlake.kernels.walk_transport import transport_step
from netlake.kernels.walk_tunnel import ERSPAN_TYPE, tunnel_step
from netlake.packets import DATAGRAM, REASSEMBLED, WHOLE
from netlake.packets import FRAGMENT as FRAGMENT_KIND
from netlake.schema.faults import BAD_OPTIONS, SHORT_HEADER

# what a packet can at most add to the arrays
MOST_MESSAGES = 2 * s.MOST_HEADERS + MOST_CHUNKS
MOST_CONVERSATIONS = 2 * s.MOST_NETWORK_HEADERS + 2


@kernel()
def narrow(w, limit):
    """The layer says that it ends at `limit` (-1: it says nothing)."""
    if 0 <= limit < w[s.W_PROMISE]:
        w[s.W_PROMISE] = limit
        w[s.W_END] = min(w[s.W_END], limit)


@kernel()
def is_fragment(w, start, offset):
    """Whether to wait for the rest of a datagram: the first piece is read as it is where the capture cut it."""
    return offset != 0 or w[s.W_PROMISE] <= max(start, w[s.W_END])


@kernel()
def key_of(key, step, identifier):
    """The key of conversations inside a tunnel."""
    return (key * 1_000_003 + (np.int64(step) << 32) + identifier) & 0x7FFFFFFFFFFFFFFF


@kernel(once=True)
def link(data, w, messages, packet, step):
    """A link header; its hint is the link type that leads to it, 0 where another header does."""
    link_type = w[s.W_LINK_TYPE]
    w[s.W_LINK_TYPE] = -1
    hint = np.int64(0)
    if step < s.DOT11:
        space, value, following, limit, fault = link_step(data, step, link_type, w[s.W_AT], w[s.W_END])
    else:
        at, end, promise = w[s.W_AT], w[s.W_END], w[s.W_PROMISE]
        space, value, following, limit, fault = seldom_step(data, step, link_type, at, end, promise)
        hint = max(link_type, 0)
        if space != s.NOWHERE and following > end:  # the header says that it is longer than what there is
            space, fault = s.NOWHERE, SHORT_HEADER
        if space == s.LINK_TYPE:
            w[s.W_LINK_TYPE] = value
        elif space == s.DONE and value:
            stop(packet, value & 0xFF, following, (value >> 8) - 1)
    emit(messages, w, step, fault, hint)
    narrow(w, limit)
    if step == s.LLC and space == s.LLC_DSAP and value == 0xAA:
        following = w[s.W_AT] + 3
    return space, value, following, fault


@kernel(once=True)
def network(data, w, messages, conversations, fragments, packet, step):
    """An IP header, which begins a conversation; a fragment ends the walk here."""
    at = w[s.W_AT]
    w[s.W_SOURCE] = w[s.W_DESTINATION] = -1
    if w[s.W_DEPTH] >= s.MOST_NETWORK_HEADERS:
        stop(packet, s.STOP_TOO_DEEP, at, -1)
        return s.DONE, 0, at, 0
    version = 4 if step == s.IPV4 else 6
    if version == 4:
        space, value, following, limit, fault = ipv4_step(data, at, w[s.W_END], w[s.W_PROMISE])
    else:
        space, value, following, limit, fault = ipv6_step(data, at, w[s.W_END], w[s.W_PROMISE])
    if space == s.NOWHERE:
        w[s.W_CARRIER] = -1
        if version == 4 and fault == SHORT_HEADER and w[s.W_END] - at >= 20:
            # its options are cut, its addresses are there
            w[s.W_CARRIER] = begin_conversation(conversations, w, version, WHOLE)
            conversations[w[s.W_CARRIER], s.C_PROTOCOL] = np.int64(data[at + 9])
            packet[s.P_CONVERSATION] = w[s.W_CARRIER]
        emit(messages, w, step, fault, 0)
        return space, value, following, fault
    narrow(w, limit)
    kind = DATAGRAM if w[s.W_DATAGRAM] else WHOLE
    carrier = begin_conversation(conversations, w, version, kind)
    conversations[carrier, s.C_PROTOCOL] = value
    packet[s.P_CONVERSATION] = carrier
    w[s.W_CARRIER] = carrier
    w[s.W_DEPTH] += 1
    w[s.W_DATAGRAM] = 0
    if kind == WHOLE:
        emit(messages, w, step, fault, 0)
        bits = u16(data, at + 6) if version == 4 else 0
        if bits & 0x3FFF and is_fragment(w, following, bits & 0x1FFF):
            conversations[carrier, s.C_KIND] = FRAGMENT_KIND
            offset, more = (bits & 0x1FFF) * 8, (bits >> 13) & 1
            note_fragment(data, fragments, conversations, w, following, following, offset, more, u16(data, at + 4))
            stop(packet, s.STOP_FRAGMENT, following, -1)
            return s.DONE, 0, at, 0
    return space, value, following, fault


@kernel(once=True)
def extension(data, w, messages, conversations, fragments, packet, step):
    """An IPv6 extension header, which has an end of its own; a fragment ends the walk here."""
    at, end, promise, carrier = w[s.W_AT], w[s.W_END], w[s.W_PROMISE], w[s.W_CARRIER]
    space, value, following, _, fault = extension_step(data, step, at, end)
    if space != s.NOWHERE:
        w[s.W_END] = w[s.W_PROMISE] = following
    emit(messages, w, step, fault, 0)
    w[s.W_END], w[s.W_PROMISE] = end, promise
    if space != s.NOWHERE and carrier >= 0:
        conversations[carrier, s.C_PROTOCOL] = value
        bits = u16(data, at + 2) if step == s.FRAGMENT else 0
        if bits & 0xFFF9 and is_fragment(w, following, bits & 0xFFF8):
            conversations[carrier, s.C_KIND] = FRAGMENT_KIND
            note_fragment(data, fragments, conversations, w, at, following, bits & 0xFFF8, bits & 1, u32(data, at + 4))
            stop(packet, s.STOP_FRAGMENT, following, -1)
            return s.DONE, 0, at, 0
    return space, value, following, fault


@kernel(once=True)
def icmp(data, w, keys, messages, conversations, step):
    """ICMP of either version: an error quotes the conversation that it is about."""
    at, end, carrier = w[s.W_AT], w[s.W_END], w[s.W_CARRIER]
    emit(messages, w, step, 0, 0)
    if end - at < 2:
        return
    kind = np.int64(data[at])
    version = 4 if step == s.ICMPV4 else 6
    if carrier >= 0:
        c = conversations[carrier]
        pair = pair_of_icmp(version, kind, np.int64(data[at + 1]))
        c[s.C_TRANSPORT] = at
        c[s.C_SRC_PORT] = pair[0]
        c[s.C_DST_PORT] = pair[1]
        c[s.C_PAYLOAD] = max(0, w[s.W_PROMISE] - at - 8)
        if (version == 4 and (3 <= kind <= 5 or kind == 11 or kind == 12)) or (version == 6 and 1 <= kind <= 4):
            quote(data, conversations, w, at + 8)
    group = np.int64(keys[s.ICMPV4_TYPE if version == 4 else s.ICMPV6_TYPE, kind])
    if group >= s.FIRST_LEAF:
        emit(messages, w, group, 0, 0)


@kernel(once=True)
def transport(data, w, keys, messages, conversations, packet, trie, step):
    """TCP, UDP or SCTP; the step that its payload is, -1 if the packet is done."""
    at = w[s.W_AT]
    source, destination, payload, limit, fault = transport_step(data, step, at, w[s.W_END], w[s.W_PROMISE])
    w[s.W_SOURCE], w[s.W_DESTINATION] = source, destination
    if w[s.W_CARRIER] >= 0 and source >= 0:
        c = conversations[w[s.W_CARRIER]]
        c[s.C_SRC_PORT] = source
        c[s.C_DST_PORT] = destination
        c[s.C_TRANSPORT] = at
        c[s.C_PAYLOAD] = max(0, limit - (payload if payload >= 0 else at))
    if step == s.UDP and payload >= 0:
        # bytes behind the datagram's own end belong to nobody
        narrow(w, limit)
    emit(messages, w, step, fault, 0)
    if payload < 0:
        cut = fault == SHORT_HEADER and w[s.W_PROMISE] > w[s.W_END]
        stop(packet, s.STOP_CUT if cut else s.STOP_MALFORMED, at, -1)
        return -1
    if payload >= w[s.W_END]:
        if payload < w[s.W_PROMISE]:
            stop(packet, s.STOP_CUT, payload, -1)
        return -1
    if step == s.SCTP:
        w[s.W_AT] = payload
        chunks(data, w, keys, messages, packet, trie, source, destination)
        return -1
    space = s.TCP_PORT if step == s.TCP else s.UDP_PORT
    group = np.int64(keys[space, destination])
    if group < 0:
        group = np.int64(keys[space, source])
    if group < 0 and step == s.UDP:
        w[s.W_AT] = payload
        emit(messages, w, s.UNCLAIMED, 0, UDP_PROTOCOL)
    if group < 0:
        # the smaller port is the service's, by custom: the other was picked for the occasion
        stop(packet, s.UNKNOWN_PORT, payload, min(source, destination))
    w[s.W_AT] = payload
    if group >= s.FIRST_LEAF:
        w[s.W_STACK] = follow(trie, w[s.W_STACK], group)
        emit(messages, w, group, 0, TCP_PROTOCOL if step == s.TCP else UDP_PROTOCOL)
        return -1
    if group == s.MPLS:
        # a label alone makes no conversation of its own
        w[s.W_KEY] = key_of(w[s.W_KEY], group, 0)
    return group


@kernel()
def unknown(space):
    """Why a walk stops at a key of `space` that leads nowhere."""
    if space == s.LINK_TYPE or space == s.DOT11_TYPE:
        return s.UNKNOWN_LINK_TYPE
    if space == s.ETHER_TYPE or space == s.CISCO_HDLC_PROTOCOL:
        return s.UNKNOWN_ETHERTYPE
    if space == s.LLC_DSAP:
        return s.UNKNOWN_LLC
    if space == s.SNAP_CISCO or space == s.SNAP_NORTEL or space == s.SNAP_BRIDGED:
        return s.UNKNOWN_SNAP
    if space == s.PPP_PROTOCOL:
        return s.UNKNOWN_PPP_PROTOCOL
    if space == s.TUNNEL_PAYLOAD:
        return s.UNKNOWN_TUNNEL_PAYLOAD
    return s.UNKNOWN_IP_PROTOCOL


@kernel(once=True)
def tunnel(data, w, keys, messages, step, hint):
    """A tunnel's header; the hint for the next is 1 where GRE carries ERSPAN without a header of its own (type I)."""
    at = w[s.W_AT]
    space, value, following, limit, identifier, fault = tunnel_step(
        data, keys, step, at, w[s.W_END], w[s.W_PROMISE], hint, w[s.W_SOURCE], w[s.W_DESTINATION]
    )
    emit(messages, w, step, fault, hint)
    w[s.W_SOURCE] = w[s.W_DESTINATION] = -1
    narrow(w, limit)
    if identifier >= 0:
        w[s.W_KEY] = key_of(w[s.W_KEY], step, identifier)
    told = step == s.GRE and space == s.ETHER_TYPE and value == ERSPAN_TYPE and not data[at] & 0x10
    return space, value, following, np.int64(told), fault


@kernel(once=True)
def proceed(w, keys, messages, conversations, packet, step, space, value, following, fault):
    """The step that a key leads to, -1 if the packet is done; the walk then stands at `following`."""
    more = w[s.W_PROMISE] > w[s.W_END]
    if space == s.NOWHERE:
        cut = (fault == SHORT_HEADER or fault == BAD_OPTIONS) and more
        stop(packet, s.STOP_CUT if cut else s.STOP_MALFORMED, w[s.W_AT], -1)
        return -1
    if space == s.DONE or (space == s.IP_PROTOCOL and value == NO_NEXT_HEADER and step != s.IPV4):
        return -1
    if following >= w[s.W_END]:
        if more:
            stop(packet, s.STOP_CUT, following, -1)
        if more or space != s.IP_PROTOCOL:
            return -1
    w[s.W_AT] = following
    if space == s.ETHER_TYPE and value < 0:
        return s.LLC
    inner = np.int64(keys[space, value]) if 0 <= value <= 0xFFFF else np.int64(-1)
    if inner < 0:
        stop(packet, unknown(space), following, value)
    elif space == s.IP_PROTOCOL and (inner == s.IPV4 or inner == s.IPV6 or inner == s.MPLS or inner == s.ETHERNET):
        w[s.W_KEY] = key_of(w[s.W_KEY], inner, 1)  # Ethernet's number is 0
        if w[s.W_CARRIER] >= 0 and (inner == s.IPV4 or inner == s.IPV6):
            emit(messages, w, s.IP_IN_IP, 0, conversations[w[s.W_CARRIER], s.C_VERSION])
    return inner


@kernel(once=True)
def one_packet(data, w, keys, messages, conversations, fragments, packet, trie, step):
    """Follow one packet from its first header, whose group is `step`."""
    headers = 0
    hint = np.int64(0)  # what a header passes to the next
    if step == s.PPP and is_cisco_hdlc(data, w[s.W_LINK_TYPE], w[s.W_AT], w[s.W_END]):
        step = s.CISCO_HDLC
    while step >= 0:
        headers += 1
        if headers > s.MOST_HEADERS:
            stop(packet, s.STOP_TOO_DEEP, w[s.W_AT], -1)
            return
        if not w[s.W_DATAGRAM]:
            w[s.W_STACK] = follow(trie, w[s.W_STACK], step)
        if step >= s.FIRST_LEAF:
            emit(messages, w, step, 0, max(hint, w[s.W_LINK_TYPE]))
            return
        if step == s.ICMPV4 or step == s.ICMPV6:
            icmp(data, w, keys, messages, conversations, step)
            return
        if s.TCP <= step < s.GRE:
            step = transport(data, w, keys, messages, conversations, packet, trie, step)
            continue
        told = np.int64(0)
        if step < s.IPV4:
            space, value, following, fault = link(data, w, messages, packet, step)
        elif step <= s.IPV6:
            space, value, following, fault = network(data, w, messages, conversations, fragments, packet, step)
        elif step < s.TCP:
            space, value, following, fault = extension(data, w, messages, conversations, fragments, packet, step)
        else:
            space, value, following, told, fault = tunnel(data, w, keys, messages, step, hint)
        step = proceed(w, keys, messages, conversations, packet, step, space, value, following, fault)
        # which of PPP's protocols it is
        hint = value if space == s.PPP_PROTOCOL else told


@kernel(
    "int64(uint8[::1], int64[::1], int64[::1], int64[::1], int32[::1], int32[::1], int64, int64, int16[:, ::1],"
    " int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int16[:, ::1], int64[:, ::1], int64[::1])"
)
def walk(data, starts, captured, lengths, link_types, depths, first, last, keys,
         messages, conversations, fragments, packets, trie, origins, w):  # fmt: skip
    """Walk rows `first` to `last`; the next row: where an array might not hold another packet's, the walk ends early.

    `w` says how far the arrays are filled; `origins` gives the outer conversation, the key and the stack of
    reassembled rows.
    """
    for row in range(first, last):
        if (
            w[s.W_MESSAGES] + MOST_MESSAGES > messages.shape[0]
            or w[s.W_CONVERSATIONS] + MOST_CONVERSATIONS > conversations.shape[0]
            or w[s.W_FRAGMENTS] + s.MOST_NETWORK_HEADERS > fragments.shape[0]
        ):
            return row
        at = starts[row]
        packet = packets[row]
        packet[s.P_STOP] = 0
        packet[s.P_CONVERSATION] = -1
        w[s.W_ROW] = row
        w[s.W_AT] = at
        w[s.W_END] = at + captured[row]
        w[s.W_PROMISE] = at + max(lengths[row], captured[row])
        w[s.W_CARRIER] = origins[row, 0]
        w[s.W_KEY] = origins[row, 1]
        w[s.W_DEPTH] = depths[row]
        w[s.W_STACK] = origins[row, 2]
        w[s.W_LINK_TYPE] = link_types[row]
        w[s.W_SOURCE] = w[s.W_DESTINATION] = w[s.W_MAC] = -1
        w[s.W_DATAGRAM] = link_types[row] == REASSEMBLED
        if w[s.W_DATAGRAM]:
            step = np.int64(s.IPV4 if data[at] >> 4 == 4 else s.IPV6)
        else:
            step = np.int64(keys[s.LINK_TYPE, link_types[row]]) if 0 <= link_types[row] <= 0xFFFF else np.int64(-1)
            if step < 0:
                stop(packet, s.UNKNOWN_LINK_TYPE, at, link_types[row])
        one_packet(data, w, keys, messages, conversations, fragments, packet, trie, step)
        packet[s.P_STATE] = w[s.W_STACK]
    return last


@kernel(
    "void(int64[:, ::1], int64, int64[::1], int64[::1], int64[::1], int32[::1], int32[::1], int8[::1], int32[::1],"
    " int16[::1], int64[::1], int32[::1], int32[::1])"
)
def regroup(
    messages, count, bounds, starts, ends, rows, missing, faults, headers, places, hints, sources, destinations
):
    """Sort messages by group, in the order in which they were found: group g is `bounds[g]:bounds[g + 1]`.

    `places` count the messages of one group in one row.
    """
    bounds[:] = 0
    for i in range(count):
        bounds[messages[i, s.M_GROUP] + 2] += 1
    for g in range(2, bounds.shape[0]):
        bounds[g] += bounds[g - 1]
    for i in range(count):
        m = messages[i]
        g = m[s.M_GROUP]
        k = bounds[g + 1]
        bounds[g + 1] = k + 1
        starts[k] = m[s.M_START]
        ends[k] = m[s.M_END]
        rows[k] = m[s.M_ROW]
        missing[k] = m[s.M_MISSING]
        faults[k] = m[s.M_FAULT]
        headers[k] = m[s.M_HEADER]
        hints[k] = m[s.M_HINT]
        sources[k] = m[s.M_SOURCE]
        destinations[k] = m[s.M_DESTINATION]
    # only now are all bounds where they belong
    for g in range(bounds.shape[0] - 1):
        for k in range(bounds[g], bounds[g + 1]):
            again = k > bounds[g] and rows[k - 1] == rows[k]
            places[k] = places[k - 1] + 1 if again else 0
