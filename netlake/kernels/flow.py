"""Conversations: which one each IP header belongs to, in which direction, and what it adds to it.

`locate` reads the keys of a batch. `track` goes through its rows in order and stops where its caller must do something
first (WHY); called again from that row it goes on as if nothing had been. The rules stand at the head of
netlake.flows.tracker.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import flow_state as s
from netlake.kernels import kernel
from netlake.kernels.addresses import interned
from netlake.kernels.bytes import u16, u32, u64
from netlake.kernels.flow_table import FOREVER, begin, find, hash_of, is_over
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
        return none, source, none, destination, np.int64(data[network + 8])
    source, destination = u64(data, network + 16), u64(data, network + 32)
    return u64(data, network + 8), source, u64(data, network + 24), destination, np.int64(data[network + 7])


@kernel()
def is_before(a_high, a_low, a_port, b_high, b_low, b_port):
    """Whether A stands before B, by address, then port."""
    if a_high != b_high:
        return a_high < b_high
    if a_low != b_low:
        return a_low < b_low
    return a_port <= b_port


@kernel(
    "void(int64[::1], int8[::1], int16[::1], int32[::1], int32[::1], int64[::1], uint8[::1], uint64[::1],"
    " int64[:, ::1])"
)
def locate(networks, versions, protocols, src_ports, dst_ports, other_keys, data, seeds, keys):
    """The key of each row of Conversations, the lesser end first: words of the key, then K_CODE and K_SIDE."""
    for i in range(networks.size):
        key, network, version, side = keys[i], networks[i], np.int64(versions[i]), 0
        key[s.K_SIDE] = -1
        if network < 0 or network + (20 if version == 4 else 40) > data.size:
            continue
        a_high, a_low, b_high, b_low, ttl = addresses_of(data, network, version)
        a_port, b_port = np.int64(src_ports[i]) + 1, np.int64(dst_ports[i]) + 1
        if not is_before(a_high, a_low, a_port, b_high, b_low, b_port):
            a_high, a_low, a_port, b_high, b_low, b_port, side = b_high, b_low, b_port, a_high, a_low, a_port, 1
        key[s.A_HIGH], key[s.A_LOW] = np.int64(a_high), np.int64(a_low)
        key[s.B_HIGH], key[s.B_LOW] = np.int64(b_high), np.int64(b_low)
        key[s.PORTS] = np.int64(version == 6) << 42 | a_port << 25 | b_port << 8 | np.int64(protocols[i]) & 255
        key[s.KEY] = other_keys[i]
        key[s.K_CODE] = np.int64(hash_of(key, seeds))
        key[s.K_SIDE] = ttl << 1 | side


@kernel(once=True)
def answers(data, at, limit, protocol):
    """Whether a conversation's first packet is an answer, so that the other end began: a SYN+ACK, an INIT ACK."""
    if protocol == s.TCP:
        return at >= 0 and limit - at >= 14 and data[at + 13] & 0x16 == 0x12
    return protocol == s.SCTP and at >= 0 and limit - at >= 13 and data[at + 12] == INIT_ACK


@kernel(once=True)
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


@kernel(once=True)
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


@kernel(once=True)
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


@kernel(once=True)
def see_scale(data, at, limit, my, their):
    """How far to shift the window of a TCP segment; -1 where what was seen of the handshake does not say.

    One end that does not offer to scale settles it for both, and an answer offers only what it was offered (RFC 7323).
    """
    if data[at + 13] & 2:
        header = at + (np.int64(data[at + 12]) >> 4) * 4
        my[s.MY_SCALE] = scale_offered(data, at + 20, min(header, limit))
        if data[at + 13] & 16 and my[s.MY_SCALE] >= s.WITH_SCALE and their[s.MY_SCALE] == s.NO_SYN:
            their[s.MY_SCALE] = s.OFFERED
        return 0
    own, other = np.int64(my[s.MY_SCALE]), np.int64(their[s.MY_SCALE])
    if own == s.NO_SCALE or other == s.NO_SCALE:
        return 0
    if own == s.NO_SYN or own == s.OFFERED or other == s.NO_SYN:
        return -1
    return own - s.WITH_SCALE


@kernel(once=True)
def see_rest(data, at, limit, payload, protocol, letters, moves, octet, my_long, mine, my, their_long, theirs, their,
             upper):  # fmt: skip
    """What the transport header and payload add; how far the window is to be shifted, -1 where that is unknown."""
    my_long[s.MY_PAYLOAD] += payload
    if payload > 0:
        octet[s.HAS_DATA] = 1
    if protocol != s.TCP:
        see_header(data, at, limit, protocol, octet, my, upper)
    elif at >= 0 and limit - at >= 14:
        shift = see_scale(data, at, limit, my, their)
        window = u16(data, at + 14) if limit - at >= 16 else -1
        missed = see_segment(data, at, payload, window, letters, moves, octet, mine, my, theirs, their, upper)
        their_long[s.MY_MISSED] += missed
        return shift
    return -1


@kernel(once=True)
def see_quote(longs, octets, flows, states, outer, i, quoted):
    """Note in an ICMP error's conversation, that of row `outer`, which one it is about: the first stands."""
    if 0 <= outer < i and states[outer] >= 0:
        row = np.int64(states[outer])
        long = longs[row]
        if long[s.FLOW] == flows[outer] and long[s.QUOTES] == 0 and octets[row, s.RETIRED] == 0:
            long[s.QUOTES] = quoted


@kernel(once=True)
def introduce(long, octet, data, at, limit, key, ts, number, outer):
    """What is known of a conversation by its first packet."""
    long[s.FIRST_TS], long[s.FIRST_PACKET], long[s.OUTER] = ts, number, outer
    protocol, side = key[s.PORTS] & 255, key[s.K_SIDE] & 1
    flip = answers(data, at, limit, protocol)
    octet[s.ORIGINATOR] = 1 - side if flip else side
    if flip and protocol == s.TCP:
        write_letter(octet, ord("^"), flip)


@kernel()
def codes_of(key, table, keys, count, seeds):
    """The codes of both addresses of a key."""
    version = 6 if key[s.PORTS] >> 42 else 4
    a = interned(np.uint64(key[s.A_HIGH]), np.uint64(key[s.A_LOW]), version, table, keys, count, seeds)
    b = interned(np.uint64(key[s.B_HIGH]), np.uint64(key[s.B_LOW]), version, table, keys, count, seeds)
    return a, b


@kernel(
    "int64(int64, int64[:, ::1], int32[::1], int64[::1], int64[::1], int32[::1], int32[::1], int32[::1], int8[::1],"
    " uint8[::1], int64[::1], int64[::1], int64[::1], int64[::1],"
    " int64[:, ::1], int32[:, ::1], uint8[:, ::1],"
    " int64[:, :, ::1], float64[:, :, ::1], int32[:, :, ::1], uint8[:, :, ::1],"
    " uint64[::1], int32[::1], int32[::1], int64[::1], int32[::1], uint8[::1],"
    " int64, int32[::1], uint64[:, ::1], int64[::1], uint64[::1],"
    " int64[::1], int8[::1], int32[::1], int32[::1], int8[::1], int32[::1])"
)
def track(first, keys, rows, transports, ends, payloads, ip_lengths, outers, kinds,
          data, lengths, times, numbers, lasts,
          longs, integers, octets, side_longs, side_reals, side_integers, side_octets,
          table, free, ended, control, letters, moves, generation, pool_table, pool_keys, pool_count, seeds,
          flows, from_originator, src, dst, shifts, states):  # fmt: skip
    """Track rows `first` to the end of the columns of Conversations; returns the row at which to go on.

    By line: keys as from `locate`, and those columns; Packets; state of conversations and of their directions; hash
    table, tables of TCP, pool of addresses with room for two a row; what is written: number, direction, codes, shift.
    """
    for i in range(first, rows.size):
        key, packet, kind, outer = keys[i], np.int64(rows[i]), kinds[i], np.int64(outers[i])
        control[s.WHY] = 0
        flows[i], from_originator[i], src[i], dst[i], shifts[i], states[i] = 0, -1, -1, -1, -1, -1
        if key[s.K_SIDE] < 0:
            continue
        side, protocol, ts = key[s.K_SIDE] & 1, key[s.PORTS] & 255, times[packet]
        control[s.NOW] = max(control[s.NOW], ts)
        if control[s.NOW] >= control[s.SWEEP_AT]:
            control[s.WHY] = s.SWEEP
            return i
        at, limit = transports[i] if kind != FRAGMENT else -1, min(ends[i], data.size)
        row, place = find(table, longs, key)
        why = s.TIMEOUT
        known = row >= 0 and not is_over(longs[row], octets[row], control[s.NOW])
        if known and protocol == s.TCP and kind != QUOTED and is_new_syn(
            data, at, limit, octets[row], side_integers[row, side], side_octets[row, side], side_octets[row, 1 - side]
        ):  # fmt: skip
            known, why = False, s.NEW_SYN
        if not known and kind == QUOTED:
            a, b = codes_of(key, pool_table, pool_keys, pool_count, seeds)
            src[i], dst[i] = (a, b) if side == 0 else (b, a)
            continue
        if not known:
            row = begin(key, row, place, why, longs, integers, octets, side_longs, side_integers,
                        table, free, ended, control)  # fmt: skip
            if row < 0:
                return i
            around = flows[outer] if 0 <= outer < i else 0
            introduce(longs[row], octets[row], data, at, limit, key, ts, numbers[packet], around)
        long, integer, octet = longs[row], integers[row], octets[row]
        if integer[s.GENERATION] != generation:
            integer[s.CODE_A], integer[s.CODE_B] = codes_of(key, pool_table, pool_keys, pool_count, seeds)
            integer[s.GENERATION] = generation
        src[i], dst[i] = integer[s.CODE_A + side], integer[s.CODE_B - side]
        flows[i], from_originator[i], states[i] = long[s.FLOW], octet[s.ORIGINATOR] == side, row
        if kind == QUOTED:
            see_quote(longs, octets, flows, states, outer, i, long[s.FLOW])
            continue
        long[s.CLOCK], long[s.LAST_PACKET] = control[s.NOW], lasts[packet]
        my_long, mine, my = side_longs[row, side], side_integers[row, side], side_octets[row, side]
        if kind != DATAGRAM:
            see_packet(my_long, side_reals[row, side], mine, my, ts, lengths[packet], ip_lengths[i], key[s.K_SIDE] >> 1)
        if kind != FRAGMENT:
            shifts[i] = see_rest(
                data, at, limit, np.int64(payloads[i]), protocol, letters, moves, octet, my_long, mine, my,
                side_longs[row, 1 - side], side_integers[row, 1 - side], side_octets[row, 1 - side],
                from_originator[i] == 1,
            )  # fmt: skip
    return rows.size
