"""Flows: the flow of each IP header, its direction, and what the header adds to the flow.

`locate` reads the keys of a batch. `track` goes through its headers in order and returns early where its caller must do
something first (control.why); called again from that header it continues. The rules are at the head of
netlake.flows.tracker.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.addresses import MAC, PoolArrays, address_at, interned  # noqa: F401 - PoolArrays is in signatures
from netlake.kernels.bytes import u16, u32, u64
from netlake.kernels.flow_begin import originator_of
from netlake.kernels.flow_state import (  # noqa: F401 - signatures name the records
    FLOW_OF_HEADER,
    KEY,
    Batch,
    Ending,
    Letter,
    Rules,
    Separate,
    State,
    Why,
)
from netlake.kernels.flow_table import begin, find, hash_of, is_over
from netlake.kernels.flow_tcp import (
    MOST,
    THROUGH_FLAGS,
    bumped,
    is_new_syn,
    see_scale,
    see_segment,
    write_letter,
)
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.times import elapsed
from netlake.packets import DATAGRAM, FRAGMENT, HEADER, NO_TIME, QUOTED  # noqa: F401 - as above

# SCTP: bytes up to the type of the first chunk, and types of chunks (RFC 9260)
THROUGH_CHUNK_TYPE = 13
SCTP_ABORT = 6
SHUTDOWN_COMPLETE = 14


@kernel()
def is_before(a_high, a_low, a_port, b_high, b_low, b_port):
    """Whether A is before B, by address, then port."""
    if a_high != b_high:
        return a_high < b_high
    if a_low != b_low:
        return a_low < b_low
    return a_port <= b_port


@kernel()
def space_of(header, interface, separate):
    """The number of the tunnel with the VLAN and the interface, as far as they separate flows (bits of Separate)."""
    space = np.int64(header.key)
    if separate & Separate.VLAN:
        space = space * 1_000_003 + header.vlan
    if separate & Separate.INTERFACE:
        space = space * 1_000_003 + interface
    return space


@kernel()
def ip_length(header, data):
    """Bytes of the IP packet by its length field; without one (segmentation offload), to the end of the frame."""
    if header.version == 4:
        return max(np.int64(header.ip_length), np.int64(u16(data, header.network + 2)))
    size = np.int64(u16(data, header.network + 4))
    return max(np.int64(header.ip_length), 40 + size if size else 0)


@kernel("void(HEADER[::1], uint8[::1], uint64[::1], int32[::1], int64, KEY[::1])")
def locate(headers, data, seeds, interfaces, separate, keys):
    """Write the key of each header; its side is -1 where the IP header is not in `data`.

    `interfaces` are those of the packets; `separate` has bits of Separate.
    """
    for i in range(headers.size):
        header, key = headers[i], keys[i]
        at = header.network
        key.side = -1
        if at < 0 or at + (20 if header.version == 4 else 40) > data.size:
            continue
        if header.version == 4:
            source_high = target_high = np.uint64(0)
            source, target = np.uint64(u32(data, at + 12)), np.uint64(u32(data, at + 16))
            key.ttl = data[at + 8]
        else:
            source_high, source = u64(data, at + 8), u64(data, at + 16)
            target_high, target = u64(data, at + 24), u64(data, at + 32)
            key.ttl = data[at + 7]
        if is_before(source_high, source, header.source_port, target_high, target, header.destination_port):
            key.a_high, key.a_low, key.b_high, key.b_low = source_high, source, target_high, target
            key.a_port, key.b_port, key.side = header.source_port, header.destination_port, 0
        else:
            key.a_high, key.a_low, key.b_high, key.b_low = target_high, target, source_high, source
            key.a_port, key.b_port, key.side = header.destination_port, header.source_port, 1
        key.space, key.protocol, key.version = header.key, header.protocol & 255, header.version
        if separate:
            key.space = space_of(header, interfaces[np.int64(header.row)], separate)
        key.code = hash_of(key, seeds)


@kernel(once=True)
def see_time(side, ts):
    """The times of one direction; for a time before the last one no time has passed."""
    if ts == NO_TIME:
        return
    last, passed = side.last_ts, np.int64(0)
    if ts > last:
        passed = elapsed(ts, last)
        side.last_ts = ts
    if last == NO_TIME:
        side.first_ts = ts
        return
    if ts < last and ts < side.first_ts:
        side.first_ts = ts
    count = bumped(side.intervals)
    side.intervals = count
    if count == 1 or passed < side.interarrival_min:
        side.interarrival_min = passed
    if passed > side.interarrival_max:
        side.interarrival_max = passed
    off = passed - side.interarrival_mean
    mean = side.interarrival_mean + off / count
    side.interarrival_mean = mean
    side.interarrival_squares += off * (passed - mean)


@kernel(once=True)
def see_packet(side, ts, wire, ip_length, ttl):
    """A packet of one direction: its time, its sizes and its TTL."""
    see_time(side, ts)
    count = side.packets + 1
    side.packets = count
    side.wire_bytes += wire
    side.ip_bytes += ip_length
    off = wire - side.length_mean
    mean = side.length_mean + off / count
    side.length_mean = mean
    side.length_squares += off * (wire - mean)
    shown = min(wire, MOST)
    if count == 1:
        side.length_min = shown
        side.ttl_first = side.ttl_min = ttl
    if shown < side.length_min:
        side.length_min = shown
    if shown > side.length_max:
        side.length_max = shown
    if ttl < side.ttl_min:
        side.ttl_min = ttl
    if ttl > side.ttl_max:
        side.ttl_max = ttl


@kernel(once=True)
def see_header(data, at, limit, flow, side, upper):
    """What the header of another transport than TCP adds to its flow."""
    protocol = flow.protocol
    if protocol == IpProtocol.UDP and side.letters == 0:
        side.letters = Letter.DATA
        write_letter(flow, ord("D"), upper)
    if protocol == IpProtocol.UDP or at < 0 or limit - at < 2:
        return
    if protocol == IpProtocol.SCTP and limit - at >= THROUGH_CHUNK_TYPE and flow.ending == Ending.OPEN:
        if data[at + 12] == SCTP_ABORT:
            flow.ending = Ending.ABORT
        elif data[at + 12] == SHUTDOWN_COMPLETE:
            flow.ending = Ending.SHUTDOWN
    if (protocol == IpProtocol.ICMPV4 or protocol == IpProtocol.ICMPV6) and flow.has_icmp == 0:
        flow.has_icmp, flow.icmp_type, flow.icmp_code = 1, data[at], data[at + 1]


@kernel(once=True)
def see_transport(data, at, limit, payload, ts, rules, flow, side, other, upper, holes, control):
    """What transport header and payload add; returns bits by which the window is to be shifted, -1 if not known."""
    side.payload_bytes += payload
    if payload > 0 and (flow.first_payload_ts == NO_TIME or NO_TIME < ts < flow.first_payload_ts):
        flow.has_data, flow.first_payload_ts = 1, ts
    if flow.protocol != IpProtocol.TCP:
        see_header(data, at, limit, flow, side, upper)
    elif at >= 0 and limit - at >= THROUGH_FLAGS:
        shift = see_scale(data, at, limit, side, other)
        see_segment(data, at, limit, payload, rules, flow, side, other, upper, holes, control)
        return shift
    return -1


@kernel(once=True)
def see_quote(state, found, outer, i, quoted):
    """Write to the flow of an ICMP error, of header `outer`, which flow it quotes: the first that was found."""
    if 0 <= outer < i and found[outer].slot >= 0:
        flow = state.flows[np.int64(found[outer].slot)]
        if flow.number == found[outer].flow and flow.quoted_flow == 0 and flow.retired == 0:
            flow.quoted_flow = quoted


@kernel(once=True)
def introduce(flow, data, limit, header, key, ts, number, outer, rules):
    """What is known of a flow from its first packet or fragment; `outer` is the flow of the tunnel around it."""
    flow.first_ts, flow.first_packet, flow.outer_flow, flow.tunnel_key = ts, number, outer, header.key
    flow.originator = originator_of(data, header.transport, limit, key, rules)
    if flow.originator != key.side and (key.protocol == IpProtocol.TCP or key.protocol == IpProtocol.UDP):
        write_letter(flow, ord("^"), True)


@kernel()
def see_vlan(flow, vlan, control):
    """The VLAN of a packet; packets without a tag are in none."""
    if flow.vlan == 0:
        flow.vlan = vlan
    elif flow.vlan > 0:
        flow.vlan = -1
        control.in_vlans += 1


@kernel()
def codes_of(ends, pool):
    """The codes of both addresses of a record KEY or FLOW."""
    version = np.int64(ends.version)
    a = interned(pool, ends.a_high, ends.a_low, version)
    b = interned(pool, ends.b_high, ends.b_low, version)
    return a, b


@kernel()
def renew_codes(flow, pool, generation):
    """Look up the addresses of a flow again if the pool was reset since."""
    if flow.generation != generation:
        flow.code_a, flow.code_b = codes_of(flow, pool)
        flow.generation = generation


@kernel(once=True)
def see_mac(side, data, at):
    """The source MAC address of the first packet of a direction, at `at` (-1: it has none)."""
    if side.packets == 1 and 0 <= at <= data.size - 6:
        side.mac = np.int64(address_at(data, at, MAC)[1])


@kernel("int64(int64, HEADER[::1], KEY[::1], Batch, State, Rules, PoolArrays, int64, FLOW_OF_HEADER[::1])")
def track(first, headers, keys, batch, state, rules, pool, generation, found):
    """Track headers `first` to the end, whose `keys` are those of `locate`; returns the header at which to continue.

    The pool, in its `generation`, has room for two addresses of each of these headers. `found` is written.
    """
    data, flows, sides, control = batch.data, state.flows, state.sides, state.control[0]
    for i in range(first, headers.size):
        header, key, one = headers[i], keys[i], found[i]
        packet, outer, kind, side = np.int64(header.row), np.int64(header.outer), header.kind, np.int64(key.side)
        control.why = Why.NOTHING
        one.flow, one.from_originator, one.src, one.dst, one.shift, one.slot = 0, -1, -1, -1, -1, -1
        if side < 0:
            continue
        ts = batch.ts[packet]
        control.now = max(control.now, ts)
        if control.now >= control.sweep_at:
            control.why = Why.SWEEP
            return i
        at, limit = header.transport if kind != FRAGMENT else np.int64(-1), min(header.end, data.size)
        row, place = find(state.table, flows, key)
        why = Ending.TIMEOUT.value
        known = row >= 0 and not is_over(flows[row], control.now)
        if known and key.protocol == IpProtocol.TCP and kind != QUOTED and is_new_syn(
            data, at, limit, np.int64(header.payload), flows[row], sides[row, side], sides[row, 1 - side]
        ):  # fmt: skip
            known, why = False, Ending.NEW_SYN.value
        if not known and kind == QUOTED:
            a, b = codes_of(key, pool)
            one.src, one.dst = (a, b) if side == 0 else (b, a)
            continue
        if not known:
            row = begin(key, row, place, why, state, control)
            if row < 0:
                return i
            around = found[outer].flow if 0 <= outer < i else 0
            introduce(flows[row], data, limit, header, key, ts, batch.number[packet], around, rules)
        flow, mine = flows[row], sides[row, side]
        renew_codes(flow, pool, generation)
        one.src, one.dst = (flow.code_a, flow.code_b) if side == 0 else (flow.code_b, flow.code_a)
        upper = flow.originator == side
        one.flow, one.from_originator, one.slot = flow.number, upper, row
        if kind == QUOTED:
            see_quote(state, found, outer, i, flow.number)
            continue
        flow.clock, flow.last_packet = control.now, batch.last[packet]
        if header.vlan != 0 and header.vlan != flow.vlan:
            see_vlan(flow, header.vlan, control)
        if kind != DATAGRAM:
            see_packet(mine, ts, batch.length[packet], ip_length(header, data), key.ttl)
            see_mac(mine, data, header.mac)
        if kind != FRAGMENT:
            payload = np.int64(header.payload)
            one.shift = see_transport(
                data, at, limit, payload, ts, rules, flow, mine, sides[row, 1 - side], upper, state.holes, control
            )
    return headers.size


@kernel("void(int32[::1], int8[::1], State, PoolArrays, int64, FLOW_OF_HEADER[::1], int32[:, ::1])")
def context(slots, from_originator, state, pool, generation, found, ports):
    """Write the flow, direction, addresses and ports (source, destination; -1 without) of messages of streams.

    Message i was sent by the originator of the flow in row `slots[i]` if `from_originator[i]`, else by the responder.
    IndexError for a row in which there is no flow.
    """
    for i in range(slots.size):
        slot = np.int64(slots[i])
        if slot < 0 or state.flows[slot].number == 0:
            raise IndexError("no flow in this row of the tracker's state")
        flow, one = state.flows[slot], found[i]
        renew_codes(flow, pool, generation)
        side = np.int64(flow.originator) if from_originator[i] else 1 - np.int64(flow.originator)
        one.src, one.dst = (flow.code_a, flow.code_b) if side == 0 else (flow.code_b, flow.code_a)
        one.flow, one.from_originator, one.slot, one.shift = flow.number, from_originator[i], slot, -1
        ports[i, 0], ports[i, 1] = (flow.a_port, flow.b_port) if side == 0 else (flow.b_port, flow.a_port)
        if flow.protocol == IpProtocol.ICMPV4 or flow.protocol == IpProtocol.ICMPV6:
            ports[i, 0] = ports[i, 1] = -1
