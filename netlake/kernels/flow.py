"""Conversations: which one each IP header belongs to, in which direction, and what it adds to it.

`track` goes through the rows of a batch in order and stops where its caller must do something first (WHY); called again
from that row it goes on as if nothing had been. The rules stand at the head of netlake.flows.tracker.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import flow_state as s
from netlake.kernels import kernel
from netlake.kernels.addresses import interned
from netlake.kernels.bytes import u16, u32, u64
from netlake.kernels.flow_table import EMPTY, FOREVER, UPPER, find, hash_of, is_over, retire
from netlake.kernels.flow_tcp import bump, is_new_syn, scale_offered, see_segment, write_letter
from netlake.packets import DATAGRAM, FRAGMENT, NO_TIME, QUOTED

MOST = 0x7FFFFFFF

# SCTP chunks (RFC 9260)
INIT_ACK = 2
SCTP_ABORT = 6
SHUTDOWN_COMPLETE = 14


@kernel()
def addresses_of(data, network, version):
    """(source high, low, destination high, low, TTL) of the IP header at `network`."""
    none = np.uint64(0)
    if version == 4:
        source, destination = np.uint64(u32(data, network + 12)), np.uint64(u32(data, network + 16))
        return none, source, none, destination, data[network + 8]
    source, destination = u64(data, network + 16), u64(data, network + 32)
    return u64(data, network + 8), source, u64(data, network + 24), destination, data[network + 7]


@kernel()
def is_before(a_high, a_low, a_port, b_high, b_low, b_port):
    """Whether A stands before B, by address, then port."""
    if a_high != b_high:
        return a_high < b_high
    if a_low != b_low:
        return a_low < b_low
    return a_port <= b_port


@kernel()
def answers(data, at, limit, protocol):
    """Whether a conversation's first packet is an answer, so that the other end began: a SYN+ACK, an INIT ACK."""
    if protocol == s.TCP:
        return limit - at >= 14 and data[at + 13] & 0x16 == 0x12
    return protocol == s.SCTP and limit - at >= 13 and data[at + 12] == INIT_ACK


@kernel()
def take_row(free, control):
    """A free row for one more conversation; the caller has seen that there is one."""
    control[s.LIVE] += 1
    control[s.FLOWS] += 1
    if control[s.FREE] > 0:
        control[s.FREE] -= 1
        return np.int64(free[control[s.FREE]])
    control[s.USED] += 1
    return control[s.USED] - 1


@kernel()
def begin(long, integer, longs, integers, a_high, a_low, b_high, b_low, ports, key, place, generation):
    """An empty conversation, whole and both directions, with its key."""
    for word in range(s.WORDS):
        long[word] = 0
    long[s.A_HIGH], long[s.A_LOW] = np.int64(a_high), np.int64(a_low)
    long[s.B_HIGH], long[s.B_LOW] = np.int64(b_high), np.int64(b_low)
    long[s.PORTS], long[s.KEY] = ports, key
    integer[s.PLACE], integer[s.GENERATION] = place, generation - 1
    for side in range(2):
        for word in range(s.MY_WORDS):
            longs[side, word] = 0
        longs[side, s.MY_LAST_TS] = NO_TIME
        integers[side, s.MY_FIRST_WINDOW] = -1
        integers[side, s.MY_LEAST_WINDOW] = -1
        integers[side, s.MY_GREATEST_WINDOW] = -1


@kernel()
def see_time(long, real, integer, ts):
    """Inter-arrival times of one direction; a time that steps back counts as no time passed."""
    last, gap = long[s.MY_LAST_TS], np.int64(0)
    if ts == NO_TIME:
        return
    if ts > last:
        gap = ts - last if ts - last >= 0 else FOREVER
        long[s.MY_LAST_TS] = ts
    if last == NO_TIME:
        return
    count = bump(integer, s.MY_GAPS)
    if count == 1 or gap < long[s.MY_LEAST_GAP]:
        long[s.MY_LEAST_GAP] = gap
    if gap > long[s.MY_GREATEST_GAP]:
        long[s.MY_GREATEST_GAP] = gap
    off = gap - real[s.MY_MEAN_GAP]
    mean = real[s.MY_MEAN_GAP] + off / count
    real[s.MY_MEAN_GAP] = mean
    real[s.MY_SQUARED_GAP] += off * (gap - mean)


@kernel()
def see_packet(long, real, integer, octet, ts, wire, ip_length, ttl):
    """A packet of one direction: its time, its sizes and its TTL."""
    see_time(long, real, integer, ts)
    count = long[s.MY_PACKETS] + 1
    long[s.MY_PACKETS] = count
    long[s.MY_WIRE] += wire
    long[s.MY_IP] += ip_length
    off = wire - real[s.MY_MEAN_LENGTH]
    mean = real[s.MY_MEAN_LENGTH] + off / count
    real[s.MY_MEAN_LENGTH] = mean
    real[s.MY_SQUARED_LENGTH] += off * (wire - mean)
    shown = min(wire, MOST)
    if count == 1:
        octet[s.MY_FIRST_TTL] = ttl
    if count == 1 or shown < integer[s.MY_LEAST_LENGTH]:
        integer[s.MY_LEAST_LENGTH] = shown
    if shown > integer[s.MY_GREATEST_LENGTH]:
        integer[s.MY_GREATEST_LENGTH] = shown
    if count == 1 or ttl < octet[s.MY_LEAST_TTL]:
        octet[s.MY_LEAST_TTL] = ttl
    if ttl > octet[s.MY_GREATEST_TTL]:
        octet[s.MY_GREATEST_TTL] = ttl


@kernel()
def see_header(data, at, limit, protocol, octet, my, upper):
    """What the header of another transport than TCP says of its conversation."""
    if protocol == s.UDP and my[s.MY_LETTERS] == 0:
        my[s.MY_LETTERS] = s.LETTER_DATA
        write_letter(octet, ord("D"), upper)
    if protocol == s.UDP or at < 0 or limit - at < 2:
        return
    if protocol == s.SCTP and limit - at >= 13 and octet[s.ENDING] == 0:
        if data[at + 12] == SCTP_ABORT:
            octet[s.ENDING] = s.ABORT
        elif data[at + 12] == SHUTDOWN_COMPLETE:
            octet[s.ENDING] = s.SHUTDOWN
    if (protocol == s.ICMP or protocol == s.ICMPV6) and octet[s.HAS_ICMP] == 0:
        octet[s.HAS_ICMP], octet[s.ICMP_TYPE], octet[s.ICMP_CODE] = 1, data[at], data[at + 1]


@kernel()
def see_scale(data, at, limit, my, their):
    """How far to shift the window of a TCP segment; -1 where the handshake was not seen."""
    if data[at + 13] & 2:
        header = at + (np.int64(data[at + 12]) >> 4) * 4
        my[s.MY_SCALE] = scale_offered(data, at + 20, min(header, limit))
        return 0
    own, other = np.int64(my[s.MY_SCALE]), np.int64(their[s.MY_SCALE])
    if own == s.NO_SYN or other == s.NO_SYN:
        return -1
    return own - s.WITH_SCALE if own >= s.WITH_SCALE and other >= s.WITH_SCALE else 0


@kernel(
    "int64(int64, int32[::1], int64[::1], int8[::1], int16[::1], int64[::1], int64[::1], int32[::1], int32[::1],"
    " int32[::1], int32[::1], int64[::1], int32[::1], int8[::1],"
    " uint8[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[:, ::1], int32[:, ::1], uint8[:, ::1],"
    " int64[:, :, ::1], float64[:, :, ::1], int32[:, :, ::1], uint8[:, :, ::1],"
    " uint64[::1], int32[::1], int32[::1], int64[::1], int32[::1], uint8[::1],"
    " int64, int32[::1], uint64[:, ::1], int64[::1], uint64[::1],"
    " int64[::1], int8[::1], int32[::1], int32[::1], int8[::1], int32[::1])"
)
def track(
    first, rows, networks, versions, protocols, transports, ends, src_ports, dst_ports,
    payloads, ip_lengths, other_keys, outers, kinds,
    data, lengths, times, numbers, lasts,
    longs, integers, octets, side_longs, side_reals, side_integers, side_octets,
    table, free, ended, control, letters, moves,
    generation, pool_table, pool_keys, pool_count, seeds,
    flows, from_originator, src, dst, shifts, states,
):  # fmt: skip
    """Track rows `first` to the end of the columns of Conversations; returns the row at which to go on.

    By line: those columns; the bytes and columns of Packets; the state of conversations and of their directions
    (netlake.kernels.flow_state); the hash table and what belongs to it, and the tables of TCP; the pool of addresses,
    with room for two a row; and what is written for each row: number, direction, codes, window shift, row of the state.
    """
    for i in range(first, rows.size):
        packet, network, version, protocol = (
            np.int64(rows[i]),
            networks[i],
            np.int64(versions[i]),
            np.int64(protocols[i]),
        )
        kind, outer, at, limit = kinds[i], np.int64(outers[i]), transports[i], min(ends[i], data.size)
        control[s.WHY] = 0
        flows[i], from_originator[i], src[i], dst[i], shifts[i], states[i] = 0, -1, -1, -1, -1, -1
        if network < 0 or network + (20 if version == 4 else 40) > data.size:
            continue
        ts = times[packet]
        if ts > control[s.NOW]:
            control[s.NOW] = ts
        now = control[s.NOW]
        if now >= control[s.SWEEP_AT]:
            control[s.WHY] = s.SWEEP
            return i
        a_high, a_low, b_high, b_low, ttl = addresses_of(data, network, version)
        a_port, b_port, side = np.int64(src_ports[i]), np.int64(dst_ports[i]), 0
        if not is_before(a_high, a_low, a_port, b_high, b_low, b_port):
            a_high, a_low, a_port, b_high, b_low, b_port, side = b_high, b_low, b_port, a_high, a_low, a_port, 1
        ports, key = version >> 1 << 42 | (a_port + 1) << 25 | (b_port + 1) << 8 | protocol & 255, other_keys[i]
        code = hash_of(a_high, a_low, b_high, b_low, ports, key, seeds)
        row, place = find(table, longs, code, a_high, a_low, b_high, b_low, ports, key)
        has_header = at >= 0 and kind != FRAGMENT
        known = row >= 0 and not is_over(longs[row], octets[row], now)
        is_new = False
        if known and protocol == s.TCP and has_header and kind != QUOTED:
            mine, my = side_integers[row, side], side_octets[row, side]
            unheard = side_longs[row, side, s.MY_PACKETS] == 0
            is_new = is_new_syn(data, at, limit, octets[row], mine, my, side_octets[row, 1 - side], unheard)
        if not known or is_new:
            if kind == QUOTED:
                a = interned(a_high, a_low, version, pool_table, pool_keys, pool_count, seeds)
                b = interned(b_high, b_low, version, pool_table, pool_keys, pool_count, seeds)
                src[i], dst[i] = (a, b) if side == 0 else (b, a)
                continue
            if control[s.FREE] == 0 and control[s.USED] == longs.shape[0]:
                control[s.WHY] = s.MAKE_ROOM
                return i
            if row >= 0:
                retire(octets[row], row, s.NEW_SYN if is_new else s.TIMEOUT, ended, control)
            elif table[place] != EMPTY:
                control[s.TOMBSTONES] -= 1
            elif 2 * (control[s.LIVE] + control[s.TOMBSTONES] + 1) > table.size:
                control[s.WHY] = s.REBUILD
                return i
            row = take_row(free, control)
            table[place] = (code & UPPER) | np.uint64(row + 1)
            begin(longs[row], integers[row], side_longs[row], side_integers[row],
                  a_high, a_low, b_high, b_low, ports, key, place, generation)  # fmt: skip
            long = longs[row]
            long[s.FLOW], long[s.FIRST_TS], long[s.FIRST_PACKET] = control[s.FLOWS], ts, numbers[packet]
            if 0 <= outer < i:
                long[s.OUTER] = flows[outer]
            flip = has_header and answers(data, at, limit, protocol)
            octets[row, s.ORIGINATOR] = 1 - side if flip else side
            if flip and protocol == s.TCP:
                write_letter(octets[row], ord("^"), flip)
        long, integer, octet = longs[row], integers[row], octets[row]
        if integer[s.GENERATION] != generation:
            integer[s.CODE_A] = interned(a_high, a_low, version, pool_table, pool_keys, pool_count, seeds)
            integer[s.CODE_B] = interned(b_high, b_low, version, pool_table, pool_keys, pool_count, seeds)
            integer[s.GENERATION] = generation
        upper = octet[s.ORIGINATOR] == side
        flows[i], from_originator[i], states[i] = long[s.FLOW], upper, row
        src[i], dst[i] = integer[s.CODE_A + side], integer[s.CODE_B - side]
        if kind == QUOTED:
            other = np.int64(states[outer]) if 0 <= outer < i else np.int64(-1)
            if other >= 0 and longs[other, s.FLOW] == flows[outer] and longs[other, s.QUOTES] == 0:
                longs[other, s.QUOTES] = long[s.FLOW]
            continue
        long[s.CLOCK] = now
        long[s.LAST_PACKET] = lasts[packet]
        my_long, mine, my = side_longs[row, side], side_integers[row, side], side_octets[row, side]
        if kind != DATAGRAM:
            see_packet(my_long, side_reals[row, side], mine, my, ts, lengths[packet], np.int64(ip_lengths[i]), ttl)
        if kind == FRAGMENT:
            continue
        payload = np.int64(payloads[i])
        my_long[s.MY_PAYLOAD] += payload
        if payload > 0:
            octet[s.HAS_DATA] = 1
        if protocol == s.TCP:
            if at >= 0 and limit - at >= 14:
                theirs, their = side_integers[row, 1 - side], side_octets[row, 1 - side]
                shifts[i] = see_scale(data, at, limit, my, their)
                window = u16(data, at + 14) if limit - at >= 16 else -1
                missed = see_segment(data, at, payload, window, letters, moves, octet, mine, my, theirs, their, upper)
                side_longs[row, 1 - side, s.MY_MISSED] += missed
        else:
            see_header(data, at, limit, protocol, octet, my, upper)
    return rows.size
