"""Cut flows into segments by the rules of a policy (netlake.features.policy), one pass over packets by flow.

Packets are sorted by key, and packets of a key by number. A key is a flow, or all flows of the same endpoints. Its
state is a KEY record, kept while the key has further packets; a segment's is a SEGMENT record.

The clock of a key never runs backwards: a packet with an earlier time than the one before it counts as simultaneous,
and a packet without a time gets that of the one before it. So no gap is negative, and a segment's packets are a range
of the packets of its key.

States of TCP in a segment, which decide where `closing` says so:
    OPEN -> HALF (a FIN) -> BOTH (FINs of both sides) -> CLOSED (the next ACK);  RESET after a RST from any of them
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, NamedTuple

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.feature_records import ACK, FIN, NO_TIME, RST, SYN
from netlake.packets import Bytes, Ints, Shorts

RULES = np.dtype(
    [("idle_tcp", np.int64), ("idle_udp", np.int64), ("idle_other", np.int64), ("active", np.int64),
     ("inclusive", np.uint8), ("closing", np.uint8), ("orientation", np.uint8), ("split_icmp", np.uint8),
     ("swap_syn_ack", np.uint8), ("backward_after_split", np.uint8), ("milliseconds", np.uint8)],
    align=True)  # fmt: skip
KEY = np.dtype(
    [("clock", np.int64), ("row", np.int64), ("segment", np.int32), ("icmp", np.int32), ("state", np.uint8),
     ("fins", np.uint8)], align=True)  # fmt: skip
SEGMENT = np.dtype(
    [("flow", np.int64), ("last_flow", np.int64), ("first_packet", np.int64), ("last_packet", np.int64),
     ("first", np.int64), ("last", np.int64), ("forward_last", np.int64), ("backward_last", np.int64),
     ("forward_first", np.int64), ("backward_first", np.int64), ("forward_packets", np.int64),
     ("backward_packets", np.int64), ("dialogue", np.int64), ("segment", np.int32), ("icmp", np.int32),
     ("forward", np.uint8), ("reason", np.uint8), ("protocol", np.uint8), ("timed", np.uint8)], align=True)  # fmt: skip


class PacketArrays(NamedTuple):
    """Packets sorted by key.

    `slot` are rows of keys; `side` is 0 for the originator's; `flags` of TCP and `icmp` (type * 256 + code) are -1
    where there are none.
    """

    slot: Annotated[Ints, "int64[::1]"]
    packet: Annotated[Ints, "int64[::1]"]
    flow: Annotated[Ints, "int64[::1]"]
    time: Annotated[Ints, "int64[::1]"]
    side: Annotated[Bytes, "uint8[::1]"]
    protocol: Annotated[Bytes, "uint8[::1]"]
    flags: Annotated[Shorts, "int32[::1]"]
    icmp: Annotated[Shorts, "int32[::1]"]


class PlaceArrays(NamedTuple):
    """Where packets are.

    `row` is that of segments, `direction` 0 forward, `gap` the microseconds since the packet before in the segment and
    `side_gap` since that in the same direction, -1 without one.
    """

    row: Annotated[Ints, "int64[::1]"]
    direction: Annotated[Bytes, "uint8[::1]"]
    gap: Annotated[Ints, "int64[::1]"]
    side_gap: Annotated[Ints, "int64[::1]"]


class State(IntEnum):
    """What TCP's flags say about a segment."""

    OPEN = 0
    HALF = 1
    BOTH = 2
    CLOSED = 3
    RESET = 4


class Closing(IntEnum):
    """Which flags of TCP end a segment."""

    NEVER = 0
    FIRST_FIN = 1
    SYN_AFTER_CLOSE = 2
    AT_CLOSE = 3


class Orientation(IntEnum):
    """Which side is forward in a segment."""

    FIRST_PACKET = 0
    KEPT_IN_SPLITS = 1
    KEPT_IN_DIALOGUES = 2
    ORIGINATOR = 3


class Reason(IntEnum):
    """Why a segment ended; OPEN while it has not."""

    OPEN = 0
    IDLE = 1
    ACTIVE = 2
    FIN = 3
    RST = 4
    NEW_ICMP = 5
    END_OF_FLOW = 6


ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
OPEN, HALF, BOTH, CLOSED, RESET = State.OPEN, State.HALF, State.BOTH, State.CLOSED, State.RESET


@kernel()
def _exceeds(time, limit, inclusive):
    return limit > 0 and (time > limit or (inclusive == 1 and time == limit))


@kernel()
def _ends(rule, key, segment, now, flags, icmp):
    """The Reason for which the segment ended before a packet at `now`, 0 if it continues."""
    protocol = segment.protocol
    idle = rule.idle_tcp if protocol == TCP else (rule.idle_udp if protocol == UDP else rule.idle_other)
    closed = key.state == CLOSED or key.state == RESET
    if closed and (
        rule.closing == Closing.FIRST_FIN
        or rule.closing == Closing.AT_CLOSE
        or (rule.closing == Closing.SYN_AFTER_CLOSE and flags > 0 and flags & SYN)
    ):
        return Reason.FIN.value if key.state == CLOSED else Reason.RST.value
    if segment.timed:
        last, first = segment.last, segment.first
        if rule.milliseconds:
            now, last, first = now // 1000 * 1000, last // 1000 * 1000, first // 1000 * 1000
        if _exceeds(now - last, idle, rule.inclusive):
            return Reason.IDLE.value
        if _exceeds(now - first, rule.active, rule.inclusive):
            return Reason.ACTIVE.value
    if not rule.split_icmp or (protocol != ICMP and protocol != ICMPV6) or icmp < 0 or segment.icmp < 0:
        return 0
    other = icmp >> 8 != segment.icmp >> 8 and icmp & 255 != segment.icmp & 255
    return Reason.NEW_ICMP.value if other else 0


@kernel()
def _continues(rule, before, reason, now):
    """Whether a new segment continues the dialogue of the previous one, which a timeout ended."""
    if reason != Reason.ACTIVE and reason != Reason.IDLE:
        return False
    return before.protocol == TCP or (before.protocol == UDP and now - before.last <= rule.active)


@kernel()
def _forward(rule, before, reason, now, side, flags):
    """The side that is forward in a new segment; `before` is the previous segment of the key if reason is not 0."""
    if rule.orientation == Orientation.ORIGINATOR:
        return 0
    if reason == Reason.ACTIVE or reason == Reason.IDLE:
        if rule.orientation == Orientation.KEPT_IN_SPLITS:
            return before.forward
        if rule.orientation == Orientation.KEPT_IN_DIALOGUES and _continues(rule, before, reason, now):
            return before.forward
    if rule.swap_syn_ack and flags > 0 and flags & SYN and flags & ACK:
        return 1 - side
    return side


@kernel()
def _follow(rule, key, flags, side):
    """Change the state of TCP by a packet that is not the first of its segment."""
    if rule.closing == Closing.FIRST_FIN:
        if flags & FIN:
            key.state = CLOSED
        return 0
    if flags & FIN:
        key.fins |= 1 << side
    if rule.closing == Closing.AT_CLOSE:
        if flags & FIN and key.fins == 3:
            key.state = CLOSED
        elif flags & RST:
            key.state = RESET
        return 0
    if flags & FIN:
        if key.state == OPEN:
            key.state = HALF
        elif key.state == HALF and key.fins == 3:
            key.state = BOTH
    elif flags & RST:
        key.state = RESET
    elif flags & ACK and key.state == BOTH:
        key.state = CLOSED
    return 0


@kernel()
def _clear(s, key, now):
    """Make `s` a new segment of the key; addresses of packets are written by the caller."""
    s.first = s.last = s.dialogue = now
    s.forward_packets = s.backward_packets = 0
    s.forward_first = s.forward_last = s.backward_first = s.backward_last = NO_TIME
    s.timed = now != NO_TIME
    s.reason = 0
    s.segment = key.segment
    key.segment += 1
    key.state = OPEN
    key.fins = 0
    return 0


@kernel()
def _gap(s, now, fresh):
    """Microseconds since the last packet, which becomes the one at `now`; -1 without one."""
    gap = -1 if fresh or not s.timed else now - s.last
    if not s.timed and now != NO_TIME:
        s.first = s.dialogue = now
        s.timed = 1
    s.last = now
    return gap


@kernel()
def _side_gap(s, direction, now):
    """Count a packet of a direction; microseconds since its last packet, -1 without one."""
    gap = -1
    if direction == 0:
        if s.forward_packets == 0:
            s.forward_first = now
        elif s.forward_last != NO_TIME:
            gap = now - s.forward_last
        s.forward_last = now
        s.forward_packets += 1
    else:
        if s.backward_packets == 0:
            s.backward_first = now
        elif s.backward_last != NO_TIME:
            gap = now - s.backward_last
        s.backward_last = now
        s.backward_packets += 1
    return gap


@kernel("int64(RULES[::1], PacketArrays, KEY[::1], SEGMENT[::1], int64, PlaceArrays)")
def segment(rules, packets, keys, segments, count, places):
    """Assign each packet to a segment; the number of segments, of which `count` were there before.

    `packets.time` becomes that of the key's clock. `segments` has a row for each packet beyond `count`.
    """
    rule = rules[0]
    for i in range(packets.slot.shape[0]):
        key = keys[packets.slot[i]]
        now = packets.time[i] if packets.time[i] > key.clock else key.clock
        key.clock = packets.time[i] = now
        side, f = int(packets.side[i]), packets.flags[i]
        reason = _ends(rule, key, segments[key.row], now, f, packets.icmp[i]) if key.row >= 0 else 0
        fresh = key.row < 0 or reason > 0
        if fresh:
            s = segments[count]
            _clear(s, key, now)
            s.flow, s.first_packet = packets.flow[i], packets.packet[i]
            s.icmp, s.protocol = packets.icmp[i], packets.protocol[i]
            if key.row >= 0:
                before = segments[key.row]
                before.reason = reason
                s.forward = _forward(rule, before, reason, now, side, f)
                if _continues(rule, before, reason, now):
                    s.dialogue = before.dialogue
            else:
                # a first segment has none before it: reason is 0 and the record is not read
                s.forward = _forward(rule, s, 0, now, side, f)
            key.row = count
            count += 1
            if f > 0 and rule.closing == Closing.AT_CLOSE:
                _follow(rule, key, f, side)
            elif f > 0 and f & FIN:
                key.fins = 1 << side
        else:
            s = segments[key.row]
            if f >= 0:
                _follow(rule, key, f, side)
        d = 0 if side == s.forward else 1
        if rule.backward_after_split and (reason == Reason.ACTIVE or reason == Reason.IDLE):
            d = 1
        s.last_packet = packets.packet[i]
        s.last_flow = packets.flow[i]
        places.row[i] = key.row
        places.direction[i] = d
        places.gap[i] = _gap(s, now, fresh)
        places.side_gap[i] = _side_gap(s, d, now)
    return count
