"""The walk: for each packet, the offsets of every message of every protocol. One pass; it makes no rows.

Rules
- A packet is a sequence of headers. Each belongs to a group: a step, which is emitted as a message, entered and asked
  what follows (netlake.kernels.steps), or a leaf, which is emitted and ends the packet.
- A step answers with a `Next` (netlake.kernels.answers). Its key is looked up in `keys`, which has the dispatch keys of
  all tables; the group found there is the next header's. A tunnel is a step like any other: the loop continues inside.
- Lengths: `w.end` is behind the last captured byte of the layer, `w.promise` behind its last byte by the lengths of the
  headers around. Both only get smaller as headers are entered. A header that does not fit before `w.promise` is
  malformed, one that does not fit before `w.end` only is cut.
- A packet ends after MOST_HEADERS headers or MOST_NETWORK_HEADERS IP headers, so what it adds to the arrays is bounded.
- An aggregate of IEEE 802.11 (A-MSDU) has several payloads, at most MOST_SUBFRAMES, each walked from its LLC header on.
  The packet has the stack, the header and the stop reason of the first payload that was not decoded to its end, or
  those of the first payload if all were.
- An IP fragment ends the walk of its packet. Reassembled datagrams are walked as rows of their own, which begin with
  the IP header and inherit header, key and stack from the fragment that completed them (ORIGIN).

Data structures
- `w`, one record of WALK: the state of the packet, and how far the arrays are filled. Kernels get it by reference.
- `messages`, `headers`, `fragments`, `packets`: arrays of records (netlake.kernels.walk_state, netlake.packets.HEADER).
  A message is on one cache line while it is written; netlake.kernels.regroup sorts messages by group afterwards.
- `stacks[stack, group]` is the stack with `group` on top, -1 if it is not made yet: see netlake.layers.stacks.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, Stop, done, malformed, unknown
from netlake.kernels.bytes import u16, u32
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.steps import BARE, CONTESTED, KIND, UNCLAIMED, Step, StepKind, dispatcher, is_leaf, kind_of
from netlake.kernels.walk_icmp import icmp
from netlake.kernels.walk_ports import group_by_port, service_port
from netlake.kernels.walk_records import (
    begin_fragment,
    begin_header,
    bytes_of,
    emit,
    emit_leaf,
    is_fragment,
    key_of,
    narrow,
    push,
    read_ports,
    stop,
)
from netlake.kernels.walk_sctp import MOST_CHUNKS, chunks
from netlake.kernels.walk_serial import is_cisco_hdlc
from netlake.kernels.walk_state import (  # noqa: F401 - dtypes are names of signatures
    FRAGMENT,
    MESSAGE,
    MOST_HEADERS,
    MOST_NETWORK_HEADERS,
    MOST_SUBFRAMES,
    ORIGIN,
    PACKET,
    WALK,
    PacketArrays,
)
from netlake.kernels.walk_trailer import ends_in_suffix, trailer
from netlake.kernels.walk_wireless import SUBFRAME
from netlake.packets import DATAGRAM, HEADER, REASSEMBLED, WHOLE  # noqa: F401 - as above
from netlake.packets import FRAGMENT as FRAGMENT_KIND
from netlake.schema.faults import BAD_OPTIONS, SHORT_HEADER

# what a packet adds to the arrays at most
MOST_MESSAGES = MOST_SUBFRAMES * (2 * MOST_HEADERS + MOST_CHUNKS)
MOST_NEW_HEADERS = MOST_SUBFRAMES * (2 * MOST_NETWORK_HEADERS + 2)
MOST_FRAGMENTS = MOST_SUBFRAMES * MOST_NETWORK_HEADERS

# in place of a step: the packet has ended
ENDED = -1

read_header = dispatcher(StepKind.LINK, StepKind.TUNNEL)
read_network = dispatcher(StepKind.NETWORK)
read_extension = dispatcher(StepKind.EXTENSION)
read_transport = dispatcher(StepKind.TRANSPORT)


@kernel(once=True)
def header(data, keys, w, messages, packet, step):
    """A link header or a tunnel's."""
    answer = read_header(data, keys, w, step)
    hint = max(w.hint, w.link_type)  # a link header's is the link type that leads to it
    w.link_type = -1
    fault = answer.fault
    if KIND[step] == StepKind.LINK and answer.at > w.end:
        # the header is longer than what was captured
        answer = malformed(SHORT_HEADER, answer.limit)
        fault = answer.fault
    if answer.space == Space.LINK_TYPE:
        w.link_type = answer.value
    elif answer.stop != Stop.NONE:
        stop(packet, answer.stop, answer.at, answer.value)
    emit(messages, w, step, fault, hint)
    w.source_port = w.destination_port = -1
    if step == Step.ETHERNET and answer.at >= 0 and ends_in_suffix(data, w):
        trailer(data, w, messages)
    narrow(w, answer.limit)
    if answer.identifier >= 0:
        w.key = key_of(w.key, step, answer.identifier)
    return answer


@kernel(once=True)
def network(data, keys, w, messages, headers, fragments, packet, step):
    """An IP header; a fragment ends the walk here."""
    at = w.at
    w.source_port = w.destination_port = -1
    if w.depth >= MOST_NETWORK_HEADERS:
        stop(packet, Stop.TOO_DEEP, at)
        return done()
    version = 4 if step == Step.IPV4 else 6
    answer = read_network(data, keys, w, step)
    if answer.space == Space.NOWHERE:
        if version == 4 and answer.fault == SHORT_HEADER and w.end - at >= 20:
            # its options are cut, its addresses are there
            w.header = begin_header(headers, w, version, WHOLE)
            headers[w.header].outer = -1
            headers[w.header].protocol = np.int64(data[at + 9])
            packet.header = w.header
        else:
            w.header = -1
        emit(messages, w, step, answer.fault, 0)
        return answer
    narrow(w, answer.limit)
    kind = DATAGRAM if w.datagram else WHOLE
    w.header = begin_header(headers, w, version, kind)
    headers[w.header].protocol = answer.value
    packet.header = w.header
    w.mac = -1
    w.depth += 1
    w.datagram = 0
    if kind == WHOLE:
        emit(messages, w, step, answer.fault, 0)
        bits = u16(data, at + 6) if version == 4 else 0
        if bits & 0x3FFF and is_fragment(w, answer.at, bits & 0x1FFF):
            f = fragments[begin_fragment(fragments, headers, w, answer.at, (bits & 0x1FFF) * 8)]
            f.headers = answer.at
            f.more = (bits >> 13) & 1
            f.identification = u16(data, at + 4)
            return fragment(data, w, headers, packet, answer.at, f.offset)
    return answer


@kernel()
def fragment(data, w, headers, packet, start, offset):
    """The end of a packet that is a fragment with its data at `start`; the first one has the transport header."""
    h = headers[w.header]
    h.kind = FRAGMENT_KIND
    if offset == 0:
        h.transport = start
        read_ports(data, h, start, w.end)
    stop(packet, Stop.FRAGMENT, start)
    return done()


@kernel(once=True)
def extension(data, keys, w, messages, headers, fragments, packet, step):
    """An IPv6 extension header, which has an end of its own; a fragment ends the walk here."""
    at, end, promise = w.at, w.end, w.promise
    answer = read_extension(data, keys, w, step)
    if answer.space == Space.NOWHERE:
        emit(messages, w, step, answer.fault, 0)
        return answer
    w.end = w.promise = answer.at
    emit(messages, w, step, answer.fault, 0)
    w.end, w.promise = end, promise
    if w.header >= 0:
        headers[w.header].protocol = answer.value
        bits = u16(data, at + 2) if step == Step.IPV6_FRAGMENT else 0
        if bits & 0xFFF9 and is_fragment(w, answer.at, bits & 0xFFF8):
            f = fragments[begin_fragment(fragments, headers, w, answer.at, bits & 0xFFF8)]
            f.headers = at
            f.more = bits & 1
            f.identification = u32(data, at + 4)
            return fragment(data, w, headers, packet, answer.at, f.offset)
    return answer


@kernel(once=True)
def transport(data, keys, w, messages, headers, packet, stacks, step):
    """TCP, UDP or SCTP; the step that its payload is, ENDED if there is none.

    The stack of a TCP packet ends here: its payload is a part of a stream, and a message that is whole in one segment
    is read without being on the stack.
    """
    at, left = w.at, w.end - w.at
    answer = read_transport(data, keys, w, step)
    payload = answer.at
    w.source_port = u16(data, at) if left >= 4 else -1
    w.destination_port = u16(data, at + 2) if left >= 4 else -1
    if w.header >= 0 and left >= 4:
        h = headers[w.header]
        h.source_port = w.source_port
        h.destination_port = w.destination_port
        h.transport = at
        h.payload = bytes_of(payload if payload >= 0 else at, answer.limit)
    if step == Step.UDP and payload >= 0:
        # bytes behind the datagram's own end are padding
        narrow(w, answer.limit)
    emit(messages, w, step, answer.fault, 0)
    if payload < 0:
        cut = answer.fault == SHORT_HEADER and w.promise > w.end
        stop(packet, Stop.CUT if cut else Stop.MALFORMED, at)
        return np.int64(ENDED)
    if payload >= w.end:
        if payload < w.promise:
            stop(packet, Stop.CUT, payload)
        return np.int64(ENDED)
    w.at = payload
    if step == Step.SCTP:
        chunks(data, w, keys, messages, packet, stacks)
        return np.int64(ENDED)
    group = group_by_port(data, keys, w, answer.space)
    if group < 0:
        # the payload of TCP is handed to its stream
        if step == Step.UDP:
            emit_leaf(messages, w, UNCLAIMED, IpProtocol.UDP)
            stop(packet, Stop.UNKNOWN_PORT, payload, service_port(w))
        return np.int64(ENDED)
    if is_leaf(group) or group == CONTESTED:
        emit_leaf(messages, w, group, IpProtocol.TCP if step == Step.TCP else IpProtocol.UDP)
        if step == Step.UDP and group != CONTESTED:
            push(stacks, w, group)
        return np.int64(ENDED)
    if BARE[group]:
        w.key = key_of(w.key, group, 0)
    return group


@kernel(once=True)
def proceed(w, keys, messages, headers, packet, step, answer):
    """The step that a key leads to, ENDED if the packet is done; the walk is then at its header."""
    more = w.promise > w.end
    if answer.space == Space.NOWHERE:
        cut = (answer.fault == SHORT_HEADER or answer.fault == BAD_OPTIONS) and more
        stop(packet, Stop.CUT if cut else Stop.MALFORMED, w.at)
        return np.int64(ENDED)
    is_ip = answer.space == Space.IP_PROTOCOL
    if answer.space == Space.DONE or (is_ip and answer.value == IpProtocol.NO_NEXT_HEADER and step != Step.IPV4):
        return np.int64(ENDED)
    if answer.at >= w.end:
        if more:
            stop(packet, Stop.CUT, answer.at)
        if more or not is_ip:
            return np.int64(ENDED)
    w.at = answer.at
    if answer.space == Space.LLC:
        return np.int64(Step.LLC)
    inner = np.int64(keys[answer.space, answer.value]) if 0 <= answer.value <= 0xFFFF else np.int64(ENDED)
    if inner < 0:
        stop(packet, unknown(answer.space), answer.at, answer.value)
    elif is_ip and not is_leaf(inner) and BARE[inner]:
        w.key = key_of(w.key, inner, 1)
        if w.header >= 0 and KIND[inner] == StepKind.NETWORK:
            emit(messages, w, Step.IP_IN_IP, 0, headers[w.header].version)
    return inner


@kernel(once=True)
def one_packet(data, keys, w, messages, headers, fragments, packet, stacks, step):
    """Follow one packet from its first header, whose group is `step`."""
    count = 0
    if step == Step.PPP and is_cisco_hdlc(data, w):
        step = np.int64(Step.CISCO_HDLC)
    while step >= 0:
        count += 1
        if count > MOST_HEADERS:
            stop(packet, Stop.TOO_DEEP, w.at)
            return
        kind = kind_of(step)
        if kind == StepKind.LEAF:
            emit_leaf(messages, w, step, max(w.hint, w.link_type))
            push(stacks, w, step)
            return
        if not w.datagram:
            push(stacks, w, step)
        if kind == StepKind.ICMP:
            icmp(data, w, keys, messages, headers, step)
            return
        if kind == StepKind.TRANSPORT:
            step = transport(data, keys, w, messages, headers, packet, stacks, step)
            continue
        if kind == StepKind.NETWORK:
            answer = network(data, keys, w, messages, headers, fragments, packet, step)
        elif kind == StepKind.EXTENSION:
            answer = extension(data, keys, w, messages, headers, fragments, packet, step)
        else:
            answer = header(data, keys, w, messages, packet, step)
        w.hint = answer.hint
        step = proceed(w, keys, messages, headers, packet, step, answer)


@kernel(once=True)
def follow_subframe(data, keys, w, messages, headers, fragments, packet, stacks):
    """Follow the payload of an aggregate whose own header is at `w.subframe`, and move that to the next one."""
    at = w.subframe
    if at + SUBFRAME > w.end:
        stop(packet, Stop.CUT, at)
        w.subframe = w.promise
        return
    last = at + SUBFRAME + u16(data, at + 12)
    if last > w.promise:
        stop(packet, Stop.MALFORMED, at)
    w.subframe = last + (-(last - at) & 3)
    w.mac = at + 6
    w.at = at + SUBFRAME
    narrow(w, last)
    if w.at < w.end:
        one_packet(data, keys, w, messages, headers, fragments, packet, stacks, np.int64(Step.LLC))
    elif w.at < w.promise:
        stop(packet, Stop.CUT, w.at)


@kernel(once=True)
def subframes(data, keys, w, messages, headers, fragments, packet, stacks):
    """Follow the payloads of an aggregate behind the first one."""
    stack, below, header = w.stack, w.below, packet.header
    count = 1
    while w.subframe + SUBFRAME <= w.aggregate_promise:  # fewer bytes are padding
        if count == MOST_SUBFRAMES:
            stop(packet, Stop.TOO_DEEP, w.subframe)
            break
        count += 1
        decoded = packet.stop == Stop.NONE
        w.end, w.promise = w.aggregate_end, w.aggregate_promise
        w.key, w.header, w.depth = w.aggregate_key, w.aggregate_header, w.aggregate_depth
        w.stack = w.below = w.aggregate_stack
        w.source_port = w.destination_port = w.link_type = -1
        w.hint = 0
        packet.header = w.header
        follow_subframe(data, keys, w, messages, headers, fragments, packet, stacks)
        if decoded and packet.stop != Stop.NONE:
            stack, below, header = w.stack, w.below, packet.header
    w.stack, w.below, packet.header = stack, below, header


@kernel()
def first_step(data, keys, w, packet):
    """The step of the header that a row begins with, ENDED if its link type is unknown."""
    if w.datagram:
        return np.int64(Step.IPV4 if data[w.at] >> 4 == 4 else Step.IPV6)
    step = np.int64(keys[Space.LINK_TYPE, w.link_type]) if 0 <= w.link_type <= 0xFFFF else np.int64(ENDED)
    if step < 0:
        stop(packet, Stop.UNKNOWN_LINK_TYPE, w.at, w.link_type)
    return step


@kernel(
    "int64(uint8[::1], PacketArrays, int64, int64, int16[:, ::1], MESSAGE[::1], HEADER[::1], FRAGMENT[::1],"
    " PACKET[::1], int16[:, ::1], ORIGIN[::1], WALK[::1])"
)
def walk(data, rows, first, last, keys, messages, headers, fragments, packets, stacks, origins, state):
    """Walk rows `first` to `last`; the next row: where an array may not have room for another packet, it ends early."""
    w = state[0]
    for row in range(first, last):
        if (
            w.message_count + MOST_MESSAGES > messages.size
            or w.header_count + MOST_NEW_HEADERS > headers.size
            or w.fragment_count + MOST_FRAGMENTS > fragments.size
        ):
            return row
        at, captured, origin, packet = rows.start[row], rows.captured[row], origins[row], packets[row]
        packet.stop = Stop.NONE
        packet.stop_offset = 0
        packet.stop_value = -1
        packet.header = -1
        w.row = row
        w.at = at
        w.end = at + captured
        w.promise = at + max(rows.length[row], captured)
        w.header = origin.header
        w.key = origin.key
        w.mac = origin.mac
        w.vlan = origin.vlan
        w.stack = w.below = origin.stack
        w.depth = rows.depth[row]
        w.link_type = rows.link_type[row]
        w.source_port = w.destination_port = -1
        w.hint = 0
        w.datagram = rows.link_type[row] == REASSEMBLED
        w.subframe = -1
        step = first_step(data, keys, w, packet)
        one_packet(data, keys, w, messages, headers, fragments, packet, stacks, step)
        if w.subframe >= 0:
            subframes(data, keys, w, messages, headers, fragments, packet, stacks)
        packet.stack = w.stack
        packet.below = w.below
    return last
