"""What one TCP segment does to its conversation: flags, window, history, sequence numbers, states of the two ends.

The rules stand at the head of netlake.flows.tracker; which letter and which states follow is looked up in the tables of
netlake.flows.tcp_tables, whose indices are made here. `octet` is the whole conversation's; `mine` and `my` are the
sender's ints and bytes, `theirs` and `their` those of the other end.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import flow_state as s
from netlake.kernels import kernel
from netlake.kernels.bytes import u32

FIN = 1
SYN = 2
RST = 4
ACK = 16
MOST = 0x7FFFFFFF


@kernel()
def less(a, b):
    """How far `a` lies behind `b`, two 32-bit sequence numbers, the shorter way round."""
    return ((np.int64(a) - np.int64(b) + 0x80000000) & 0xFFFFFFFF) - 0x80000000


@kernel()
def bump(integer, at):
    """Count, and stop at the top."""
    if integer[at] < MOST:
        integer[at] += 1
    return integer[at]


@kernel()
def write_letter(octet, letter, upper):
    """Add a letter to the history, upper case for the originator, while there is room."""
    size = np.int64(octet[s.HISTORY_SIZE])
    if size < s.LONGEST_HISTORY:
        octet[s.HISTORY + size] = letter if upper else letter + 32
        octet[s.HISTORY_SIZE] = size + 1


@kernel()
def write_repeated(octet, letter, upper, count):
    """Add a letter where `count` is 1, 10, 100, ..."""
    while count >= 10 and count % 10 == 0:
        count //= 10
    if count == 1:
        write_letter(octet, letter, upper)


@kernel(once=True)
def write_history(letters, octet, mine, my, segment, seq, payload, upper):
    """The letter of a segment's flags, once for each direction, or where its sequence number has moved."""
    chosen = np.int64(letters[segment])
    letter, bit, place = chosen & 255, chosen >> 8 & 255, chosen >> 16
    if letter == 0:
        return
    new = my[s.MY_LETTERS] & bit == 0
    if place:
        moved = seq + payload if bit == s.LETTER_FIN else seq
        new = new or less(mine[place], moved) != 0
        mine[place] = moved
    my[s.MY_LETTERS] |= bit
    if new:
        write_letter(octet, letter, upper)


@kernel(once=True)
def see_window(octet, mine, my, their, flags, window, upper):
    """The window as sent: the first, and the least and greatest of segments without SYN and RST."""
    if mine[s.MY_FIRST_WINDOW] < 0:
        mine[s.MY_FIRST_WINDOW] = window
    if flags & (SYN | RST) == 0:
        if mine[s.MY_LEAST_WINDOW] < 0 or window < mine[s.MY_LEAST_WINDOW]:
            mine[s.MY_LEAST_WINDOW] = window
        if window > mine[s.MY_GREATEST_WINDOW]:
            mine[s.MY_GREATEST_WINDOW] = window
    if window == 0 and flags & RST == 0 and their[s.MY_STATE] != s.CLOSED and my[s.MY_STATE] < s.RESET:
        write_repeated(octet, ord("W"), upper, bump(mine, s.MY_ZERO_WINDOWS))


@kernel(once=True)
def see_acknowledgement(octet, theirs, their, flags, ack, upper):
    """The sender has what it acknowledges: what the capture lacks of that was missed. Returns how many bytes."""
    missed = np.int64(0)
    if their[s.MY_HAS_HOLE]:
        reached = less(ack, theirs[s.MY_HOLE_START])
        if reached > 0:
            size = less(theirs[s.MY_HOLE_END], theirs[s.MY_HOLE_START])
            if reached >= size:
                reached = size
                their[s.MY_HAS_HOLE] = 0
            missed += reached
            theirs[s.MY_HOLE_START] += reached
    beyond = less(ack, theirs[s.MY_NEXT])
    if beyond > 0:
        missed += beyond
        theirs[s.MY_NEXT] = ack
    if missed > 0:
        count = bump(theirs, s.MY_HOLES)
        if flags & FIN == 0:
            write_repeated(octet, ord("G"), not upper, count)
    return missed


@kernel()
def fill_hole(mine, my, seq, end):
    """A late segment takes what it fills away from the hole; whether it begins inside it."""
    start, stop = mine[s.MY_HOLE_START], mine[s.MY_HOLE_END]
    if my[s.MY_HAS_HOLE] == 0 or less(end, start) <= 0 or less(stop, seq) <= 0:
        return False
    before = less(seq, start)
    if before <= 0:
        mine[s.MY_HOLE_START] = end
    if less(end, stop) >= 0:
        if before <= 0:
            my[s.MY_HAS_HOLE] = 0
        mine[s.MY_HOLE_END] = seq
    return before >= 0


@kernel(once=True)
def see_sequence(octet, mine, my, seq, payload, size, upper):
    """Whether what is sent was sent before, is late or leaves a hole; `size` counts SYN and FIN too."""
    end = seq + size
    ahead = less(seq, mine[s.MY_NEXT])
    if my[s.MY_HAS_NEXT] == 0:
        my[s.MY_HAS_NEXT] = 1
        mine[s.MY_NEXT] = end
    elif ahead >= 0:
        if ahead > 0:
            if my[s.MY_HAS_HOLE] == 0:
                my[s.MY_HAS_HOLE] = 1
                mine[s.MY_HOLE_START] = mine[s.MY_NEXT]
            mine[s.MY_HOLE_END] = seq
        mine[s.MY_NEXT] = end
    elif ahead != -1 or size != payload or payload != 1:  # one byte again keeps a connection alive, and says nothing
        beyond = less(end, mine[s.MY_NEXT])
        if payload > 0 and beyond <= 0:
            write_repeated(octet, ord("T"), upper, bump(mine, s.MY_LATE))
        bump(mine, s.MY_OUT_OF_ORDER if fill_hole(mine, my, seq, end) else s.MY_RETRANSMITTED)
        if beyond > 0:
            mine[s.MY_NEXT] = end


@kernel()
def scale_offered(data, at, end):
    """MY_SCALE of a SYN whose options lie between `at` and `end`."""
    while at + 2 <= end and data[at] != 0:
        size = np.int64(data[at + 1])
        if data[at] == 1:
            size = 1
        elif size < 2 or at + size > end:
            break
        elif data[at] == 3 and size == 3:
            return s.WITH_SCALE + min(np.int64(data[at + 2]), 14)
        at += size
    return s.NO_SCALE


@kernel(once=True)
def is_new_syn(data, at, limit, octet, mine, my, their):
    """Whether a segment opens another connection on ports in use."""
    if at < 0 or limit - at < 14 or data[at + 13] & (SYN | ACK | RST) != SYN:
        return False
    if my[s.MY_LETTERS] & s.LETTER_SYN:
        return less(u32(data, at + 4), mine[s.MY_SEQS]) != 0
    # the first word of this end: a simultaneous open, a SYN behind its answer, or one behind its fragments
    awaited = their[s.MY_LETTERS] == 0 or their[s.MY_LETTERS] & s.LETTER_SYN != 0
    return octet[s.ENDING] != 0 or my[s.MY_LETTERS] != 0 or not awaited


@kernel(once=True)
def see_segment(data, at, payload, window, letters, moves, octet, mine, my, theirs, their, upper):
    """Everything that a TCP segment does; its window is -1 where it was cut. Returns bytes that the capture missed."""
    flags, seq = np.int64(data[at + 13]), u32(data, at + 4)
    segment = flags & 7 | flags >> 1 & 8 | np.int64(payload > 0) << 4
    left = flags
    bit = s.MY_FLAGS
    while left:
        if left & 1:
            bump(mine, bit)
        left >>= 1
        bit += 1
    write_history(letters, octet, mine, my, segment, seq, payload, upper)
    if window >= 0:
        see_window(octet, mine, my, their, flags, window, upper)
    missed = np.int64(0)
    if flags & RST == 0:
        if flags & ACK and their[s.MY_HAS_NEXT]:
            missed = see_acknowledgement(octet, theirs, their, flags, u32(data, at + 8), upper)
        size = payload + (flags & FIN) + (flags >> 1 & 1)
        if size > 0:
            see_sequence(octet, mine, my, seq, payload, size, upper)
    state, other = np.int64(my[s.MY_STATE]), np.int64(their[s.MY_STATE])
    states = moves[((state * s.STATES + other) * 32 + segment) * 2 + upper]
    my[s.MY_STATE], their[s.MY_STATE] = states & 15, states >> 4
    if octet[s.ENDING] == 0:
        if flags & RST:
            octet[s.ENDING] = s.RST
        elif flags & FIN and theirs[s.MY_FLAGS]:
            octet[s.ENDING] = s.FIN
    return missed
