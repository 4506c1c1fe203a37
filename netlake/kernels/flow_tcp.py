"""What one TCP segment changes in its flow: flags, window, history, sequence numbers, states of the two ends.

The rules are at the head of netlake.flows.tracker; letters and states are looked up in the tables of
netlake.flows.tcp_tables. `side` is the record of the sender, `other` that of the other end, `upper` whether the sender
is the originator.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32
from netlake.kernels.flow_holes import (
    BELOW,
    INSIDE,
    OUTSIDE,
    acknowledge,
    add_hole,
    add_lowest,
    count_below,
    drop_far,
    ends_in_hole,
    fill,
    first_counted,
    lower_floor,
    seq_diff,
)
from netlake.kernels.flow_state import LONGEST_HISTORY, Begin, End, Ending, Letter, Scale

FIN = 1
SYN = 2
RST = 4
PSH = 8
ACK = 16
URG = 32
ECE = 64
CWR = 128
MOST = 0x7FFFFFFF
# bytes that were not seen, which an acknowledgement may skip whatever the window
LEAST_BELIEVED = 1 << 20
# bytes that a late segment may be below the first one to be of the same connection: the largest window without a scale
LATE = 1 << 16
# bytes of a TCP header up to the flags, and up to the window
THROUGH_FLAGS = 14
THROUGH_WINDOW = 16


@kernel()
def bumped(count):
    """`count` + 1, at most MOST."""
    return min(np.int64(count) + 1, MOST)


@kernel()
def write_letter(flow, letter, upper):
    """Add a letter to the history, upper case for the originator, while there is room."""
    size = np.int64(flow.history_size)
    if size < LONGEST_HISTORY:
        flow.history[size] = letter if upper else letter + 32
        flow.history_size = size + 1


@kernel()
def write_repeated(flow, letter, upper, count):
    """Add a letter where `count` is 1, 10, 100, ..."""
    while count >= 10 and count % 10 == 0:
        count //= 10
    if count == 1:
        write_letter(flow, letter, upper)


@kernel(once=True)
def count_flags(side, flags):
    """Count a segment for each of its flags."""
    if flags & ACK:
        side.ack = bumped(side.ack)
    if flags & PSH:
        side.psh = bumped(side.psh)
    if flags & (FIN | SYN | RST | URG | ECE | CWR) == 0:
        return
    if flags & FIN:
        side.fin = bumped(side.fin)
    if flags & SYN:
        side.syn = bumped(side.syn)
    if flags & RST:
        side.rst = bumped(side.rst)
    if flags & URG:
        side.urg = bumped(side.urg)
    if flags & ECE:
        side.ece = bumped(side.ece)
    if flags & CWR:
        side.cwr = bumped(side.cwr)


@kernel(once=True)
def write_history(rule, flow, side, seq, payload, upper):
    """The letter of a segment's flags, once for each direction, or again where its sequence number has moved."""
    if rule.letter == 0:
        return
    new = side.letters & rule.bit == 0
    if rule.bit == Letter.SYN:
        new = new or seq_diff(side.syn_seq, seq) != 0
        side.syn_seq = seq
    elif rule.bit == Letter.FIN:
        new = new or seq_diff(side.fin_seq, seq + payload) != 0
        side.fin_seq = seq + payload
    elif rule.bit == Letter.RST:
        new = new or seq_diff(side.rst_seq, seq) != 0
        side.rst_seq = seq
    side.letters |= rule.bit
    if new:
        write_letter(flow, np.int64(rule.letter), upper)


@kernel(once=True)
def see_window(flow, side, other, flags, window, upper):
    """The window as sent: the first, and the minimum and maximum of segments without SYN and RST."""
    if side.window_first < 0:
        side.window_first = window
    if flags & (SYN | RST) == 0:
        if side.window_min < 0 or window < side.window_min:
            side.window_min = window
        if window > side.window_max:
            side.window_max = window
    if window == 0 and flags & RST == 0 and other.state != End.CLOSED and side.state < End.RESET:
        side.zero_windows = bumped(side.zero_windows)
        write_repeated(flow, ord("W"), upper, np.int64(side.zero_windows))


@kernel()
def note_missed(flow, side, missed, upper):
    """Count an acknowledgement of missed bytes of a direction; its letter is written unless `upper` is negative."""
    if missed > 0:
        side.gaps = bumped(side.gaps)
        if upper >= 0:
            write_repeated(flow, ord("G"), upper, np.int64(side.gaps))


@kernel()
def is_believed(side, other, flags, ack, beyond):
    """Whether `side` may acknowledge bytes of `other` of which the last `beyond` were not seen."""
    if flags & SYN or (side.letters & Letter.SYN == 0 and other.ack == 0):
        return False
    most = np.int64(max(side.window_max, 0))
    if Scale.WITH_SCALE <= side.scale < Scale.OFFERED and other.scale != Scale.NO_SCALE:
        most <<= np.int64(side.scale) - Scale.WITH_SCALE
    most = max(most, LEAST_BELIEVED)
    if beyond <= most:
        return True
    onward = seq_diff(ack, other.pending)
    return other.has_pending != 0 and 0 < onward <= most


@kernel(once=True)
def see_acknowledgement(flow, side, other, flags, ack, upper, holes, control):
    """Count the bytes of `other` that `side` acknowledges and the capture lacks: those of holes, and those beyond."""
    if other.has_next == 0:
        other.pending, other.has_pending = ack, 1
        return
    beyond = seq_diff(ack, other.next)
    if beyond <= 0 and other.holes == 0:
        if other.letters & Letter.SYN == 0 and seq_diff(ack, other.acked) > 0:
            other.acked = ack  # it is needed if the SYN is late
        return
    if beyond > 0 and not is_believed(side, other, flags, ack, beyond):
        other.pending, other.has_pending = ack, 1
        return
    missed = acknowledge(holes, control, other, ack)
    note_missed(flow, other, missed, -1 if flags & FIN else np.int64(not upper))


@kernel()
def see_known_begin(flow, side, begin, end, upper, holes, control):
    """A SYN of a direction, or the SYN+ACK to it, is captured late; it shows that its bytes are those from `begin` on.

    It has sent those up to `end`. Holes below the first segment count now, and early segments are out of order. False
    if it is not of these bytes.
    """
    first, gap = first_counted(side), seq_diff(side.begin, end)
    if seq_diff(side.begin, begin) < 0 or gap > LATE:
        return False
    if gap > 0 and not add_lowest(holes, control, side, end, np.int64(side.begin)):
        return False
    side.begin = begin
    note_missed(flow, side, count_below(holes, side, first), upper)
    side.out_of_order = min(np.int64(side.out_of_order) + side.early, MOST)
    side.retransmitted -= side.early
    side.early = 0
    return True


@kernel()
def see_early(side, seq, end, where, holes, control):
    """A segment that begins below the first bytes: out of order if it ends there, else most likely sent again."""
    is_lowest = seq_diff(side.begin, seq) > 0
    is_seen = where != BELOW and not is_lowest
    first, gap = first_counted(side), seq_diff(side.begin, end)
    if seq_diff(end, first) >= 0:
        if is_lowest:
            side.begin = seq
        if side.under:
            lower_floor(holes, side)
        return not is_seen
    if side.letters & Letter.SYN or side.has_begin == Begin.ACKNOWLEDGED or is_seen or gap > LATE:
        return False
    if gap > 0:
        if not add_lowest(holes, control, side, end, np.int64(side.begin)):
            return False
        side.floor, side.under = first, 1
    if is_lowest:
        side.begin = seq
    if seq_diff(side.acked, seq) <= 0:
        side.early = bumped(side.early)
    return False


@kernel(once=True)
def see_late(flow, side, seq, end, payload, flags, upper, holes, control):
    """A segment that begins below the highest sequence number: retransmitted or out of order."""
    beyond = seq_diff(end, side.next)
    if payload > 0 and beyond <= 0:
        side.late = bumped(side.late)
        write_repeated(flow, ord("T"), upper, np.int64(side.late))
    where = fill(holes, control, side, seq, end)
    in_order = where != INSIDE
    # no number is compared with that of the first bytes when it may have wrapped
    if (where == OUTSIDE or where == BELOW) and side.payload_bytes < MOST and seq_diff(first_counted(side), seq) > 0:
        in_order = not (flags & SYN and side.syn == 1 and see_known_begin(flow, side, seq, end, upper, holes, control))
        if in_order:
            in_order = not see_early(side, seq, end, where, holes, control)
    if in_order:
        side.retransmitted = bumped(side.retransmitted)
    else:
        side.out_of_order = bumped(side.out_of_order)
    if beyond > 0:
        side.next = end


@kernel()
def see_first(side, seq, end, holes, control):
    """The first bytes of a direction; there is a hole before them if a SYN+ACK has shown where they begin."""
    gap = seq_diff(seq, side.begin)
    if side.has_begin != Begin.ACKNOWLEDGED or not 0 <= gap <= LATE:
        side.begin, gap = seq, np.int64(0)
    side.has_next, side.next, side.acked = 1, end, seq - LATE
    if gap > 0:
        add_hole(holes, control, side, np.int64(side.begin), seq)


@kernel(once=True)
def see_sequence(flow, side, seq, payload, size, flags, upper, holes, control):
    """Whether what is sent was sent before, is late or leaves a hole; `size` counts SYN and FIN too."""
    end = seq + size
    ahead = seq_diff(seq, side.next)
    if side.has_next == 0:
        see_first(side, seq, end, holes, control)
    elif ahead >= 0:
        if ahead > 0:
            add_hole(holes, control, side, np.int64(side.next), seq)
        side.next = end
        if side.holes:
            drop_far(holes, control, side)
    elif ahead != -1 or size != payload or payload != 1 or ends_in_hole(holes, side):
        # the last byte again is a keep-alive: not counted
        see_late(flow, side, seq, end, payload, flags, upper, holes, control)
    if side.has_pending and seq_diff(side.next, side.pending) >= 0:
        side.has_pending = 0
        note_missed(flow, side, acknowledge(holes, control, side, np.int64(side.pending)), np.int64(upper))


@kernel()
def scale_offered(data, at, end):
    """The Scale of a SYN whose options are between `at` and `end`."""
    while at + 2 <= end and data[at] != 0:
        size = np.int64(data[at + 1])
        if data[at] == 1:
            size = 1
        elif size < 2 or at + size > end:
            break
        elif data[at] == 3 and size == 3:
            return Scale.WITH_SCALE + min(np.int64(data[at + 2]), 14)
        at += size
    return np.int64(Scale.NO_SCALE)


@kernel(once=True)
def see_scale(data, at, limit, side, other):
    """Bits by which the window of a segment is to be shifted; -1 where what was seen of the handshake is not enough.

    If one end does not offer to scale, neither does; and an answer offers only what it was offered (RFC 7323).
    """
    if data[at + 13] & SYN:
        header = at + (np.int64(data[at + 12]) >> 4) * 4
        if not Scale.WITH_SCALE <= side.scale < Scale.OFFERED:  # the first offer stays: a repeated SYN may lack it
            side.scale = scale_offered(data, at + 20, min(header, limit))
        if data[at + 13] & ACK and side.scale >= Scale.WITH_SCALE and other.scale == Scale.NO_SYN:
            other.scale = Scale.OFFERED
        return 0
    own, theirs = np.int64(side.scale), np.int64(other.scale)
    if own == Scale.NO_SCALE or theirs == Scale.NO_SCALE:
        return 0
    if own == Scale.NO_SYN or own == Scale.OFFERED or theirs == Scale.NO_SYN:
        return -1
    return own - Scale.WITH_SCALE


@kernel()
def is_late_syn(seq, payload, side, other, has_ended):
    """Whether a SYN of a direction that has sent none belongs to it: its bytes are those before the first ones."""
    if side.has_begin:
        before = seq_diff(side.begin, seq + 1)
        if before == 0 or (side.has_begin == Begin.ACKNOWLEDGED and before == payload):
            return True
        return (
            side.has_begin == Begin.SENT
            and not has_ended
            and 0 < before <= LATE
            and side.payload_bytes <= LATE
            and (other.ack == 0 or side.has_pending or seq_diff(side.acked, seq) > 0)
        )
    if has_ended or side.letters != 0:
        return False
    # the first segment of this end: a simultaneous open, a SYN behind its fragments, or behind its acknowledgement
    if other.letters == 0 or other.letters & Letter.SYN:
        return True
    return side.has_pending != 0 and 0 <= seq_diff(side.pending, seq + 1) <= LATE


@kernel(once=True)
def is_new_syn(data, at, limit, payload, flow, side, other):
    """Whether a segment begins another connection on ports in use."""
    if at < 0 or limit - at < THROUGH_FLAGS or data[at + 13] & (SYN | RST) != SYN:
        return False
    seq, has_ended = u32(data, at + 4), flow.ending != Ending.OPEN
    if data[at + 13] & ACK:
        # the answer to a SYN that the capture lacks
        if not has_ended or side.letters & Letter.SYN == 0 or seq_diff(seq, side.syn_seq) == 0:
            return False
        return other.letters & Letter.SYN == 0 or seq_diff(u32(data, at + 8), other.syn_seq + 1) != 0
    if side.letters & Letter.SYN:
        return has_ended or seq_diff(seq, side.syn_seq) != 0
    return not is_late_syn(seq, payload, side, other, has_ended)


@kernel()
def see_begin(flow, side, other, flags, seq, ack, upper, holes, control):
    """Where the bytes of the sender begin; and by the acknowledgement in a SYN, those of the other end."""
    if side.has_begin == 0:
        side.has_begin, side.begin = Begin.SENT, seq
    if flags & (SYN | ACK) != SYN | ACK or other.letters & Letter.SYN or other.has_begin == Begin.ACKNOWLEDGED:
        return
    if other.has_next == 0:
        other.has_begin, other.begin = Begin.ACKNOWLEDGED, ack
    elif see_known_begin(flow, other, ack, ack, np.int64(not upper), holes, control):
        other.has_begin = Begin.ACKNOWLEDGED


@kernel(once=True)
def see_segment(data, at, limit, payload, rules, flow, side, other, upper, holes, control):
    """Everything that a TCP segment changes but its scale; its window is left out where the capture cut it."""
    flags, seq = np.int64(data[at + 13]), u32(data, at + 4)
    segment = flags & 7 | flags >> 1 & 8 | np.int64(payload > 0) << 4
    count_flags(side, flags)
    write_history(rules.letters[segment], flow, side, seq, payload, upper)
    if limit - at >= THROUGH_WINDOW:
        see_window(flow, side, other, flags, u16(data, at + 14), upper)
    if flags & RST == 0:
        if side.has_begin == 0 or flags & SYN:
            see_begin(flow, side, other, flags, seq, u32(data, at + 8), upper, holes, control)
        if flags & ACK:
            see_acknowledgement(flow, side, other, flags, u32(data, at + 8), upper, holes, control)
        size = payload + (flags & FIN) + (flags >> 1 & 1)
        if size > 0:
            see_sequence(flow, side, seq, payload, size, flags, upper, holes, control)
    move = rules.moves[side.state, other.state, segment, np.int64(upper)]
    side.state, other.state = move.sender, move.other
    if flow.ending == Ending.OPEN:
        if flags & RST:
            flow.ending = Ending.RST
        elif flags & FIN and other.fin:
            flow.ending = Ending.FIN
