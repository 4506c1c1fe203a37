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

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.feature_records import ACK, FIN, NO_TIME, RST, SYN

RULES = np.dtype(
    [("idle_tcp", np.int64), ("idle_udp", np.int64), ("idle_other", np.int64), ("active", np.int64),
     ("inclusive", np.uint8), ("closing", np.uint8), ("orientation", np.uint8), ("split_icmp", np.uint8),
     ("swap_syn_ack", np.uint8), ("backward_after_split", np.uint8)], align=True)  # fmt: skip
KEY = np.dtype(
    [("clock", np.int64), ("row", np.int64), ("segment", np.int32), ("icmp", np.int32), ("state", np.uint8),
     ("fins", np.uint8)], align=True)  # fmt: skip
SEGMENT = np.dtype(
    [("flow", np.int64), ("last_flow", np.int64), ("first_packet", np.int64), ("last_packet", np.int64),
     ("first", np.int64), ("last", np.int64), ("forward_last", np.int64), ("backward_last", np.int64),
     ("forward_first", np.int64), ("backward_first", np.int64), ("forward_packets", np.int64),
     ("backward_packets", np.int64), ("dialogue", np.int64), ("segment", np.int32), ("icmp", np.int32),
     ("forward", np.uint8), ("reason", np.uint8), ("protocol", np.uint8), ("timed", np.uint8)], align=True)  # fmt: skip


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
    """The Reason for which the segment ended before a packet at `now`, 0 if it goes on."""
    protocol = segment.protocol
    idle = rule.idle_tcp if protocol == TCP else (rule.idle_udp if protocol == UDP else rule.idle_other)
    closed = key.state == CLOSED or key.state == RESET
    if closed and (
        rule.closing == Closing.FIRST_FIN or (rule.closing == Closing.SYN_AFTER_CLOSE and flags > 0 and flags & SYN)
    ):
        return Reason.FIN.value if key.state == CLOSED else Reason.RST.value
    if segment.timed:
        if _exceeds(now - segment.last, idle, rule.inclusive):
            return Reason.IDLE.value
        if _exceeds(now - segment.first, rule.active, rule.inclusive):
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
        if key.state == OPEN:
            key.state = HALF
        elif key.state == HALF and key.fins == 3:
            key.state = BOTH
    elif flags & RST:
        key.state = RESET
    elif flags & ACK and key.state == BOTH:
        key.state = CLOSED
    return 0


@kernel(
    "int64(RULES[::1], int64[::1], int64[::1], int64[::1], int64[::1], uint8[::1], uint8[::1], int32[::1], int32[::1],"
    " KEY[::1], SEGMENT[::1], int64, int64[::1], uint8[::1], int64[::1], int64[::1])"
)
def segment(
    rules, slots, packets, flows, times, sides, protocols, flags, icmp, keys, segments, count, rows, directions, gaps,
    side_gaps,
):  # fmt: skip
    """Assign each packet to a segment; the number of segments, of which `count` were there before.

    Input, one element a packet: `slots` are rows of `keys`, `sides` 0 for the originator's, `flags` and `icmp` (type *
    256 + code) -1 where there are none. Output: `times` become those of the key's clock, `rows` are rows of `segments`,
    `directions` 0 forward, `gaps` the microseconds since the packet before in the segment and `side_gaps` since that in
    the same direction, -1 without one. `segments` has a row for each packet beyond `count`.
    """
    rule = rules[0]
    for i in range(slots.shape[0]):
        key = keys[slots[i]]
        now = times[i] if times[i] > key.clock else key.clock
        key.clock = now
        times[i] = now
        side = int(sides[i])
        reason = 0
        if key.row >= 0:
            reason = _ends(rule, key, segments[key.row], now, flags[i], icmp[i])
        fresh = key.row < 0 or reason > 0
        if fresh:
            s = segments[count]
            s.forward = side if rule.orientation != Orientation.ORIGINATOR else 0
            s.dialogue = now
            if key.row >= 0:
                if _continues(rule, segments[key.row], reason, now):
                    s.dialogue = segments[key.row].dialogue
                segments[key.row].reason = reason
                s.forward = _forward(rule, segments[key.row], reason, now, side, flags[i])
            elif rule.swap_syn_ack and flags[i] > 0 and flags[i] & SYN and flags[i] & ACK:
                s.forward = 1 - side
            s.flow, s.first_packet, s.first = flows[i], packets[i], now
            s.segment, s.icmp, s.protocol, s.reason = key.segment, icmp[i], protocols[i], 0
            s.last, s.forward_packets, s.backward_packets = now, 0, 0
            s.forward_first = s.forward_last = s.backward_first = s.backward_last = NO_TIME
            s.timed = now != NO_TIME
            key.segment += 1
            key.row = count
            key.state = OPEN
            key.fins = 0
            count += 1
            if flags[i] > 0 and flags[i] & FIN:
                key.fins = 1 << side
        else:
            s = segments[key.row]
            if flags[i] >= 0:
                _follow(rule, key, flags[i], side)
        d = 0 if side == s.forward else 1
        if rule.backward_after_split and fresh and (reason == Reason.ACTIVE or reason == Reason.IDLE):
            d = 1
        gaps[i] = -1 if fresh or not s.timed else now - s.last
        if not s.timed and now != NO_TIME:
            s.first = s.dialogue = now
            s.timed = 1
        s.last = now
        s.last_packet = packets[i]
        s.last_flow = flows[i]
        if d == 0:
            side_gaps[i] = now - s.forward_last if s.forward_packets and s.forward_last != NO_TIME else -1
            if s.forward_packets == 0:
                s.forward_first = now
            s.forward_last = now
            s.forward_packets += 1
        else:
            side_gaps[i] = now - s.backward_last if s.backward_packets and s.backward_last != NO_TIME else -1
            if s.backward_packets == 0:
                s.backward_first = now
            s.backward_last = now
            s.backward_packets += 1
        rows[i] = key.row
        directions[i] = d
    return count
