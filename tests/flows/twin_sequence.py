"""Sequence numbers in the twin: what is sent again, late, or missed. Numbers do not wrap, and holes are lists."""

from __future__ import annotations

from tests.flows.twin_state import Flow, Side

LATE = 1 << 16


def seq_diff(a: int, b: int) -> int:
    """`a` - `b`, two sequence numbers, the shorter way round."""
    difference = (a - b) % 2**32
    return difference - 2**32 if difference >= 2**31 else difference


def note_missed(flow: Flow, side: Side, missed: int, *, letter: bool, upper: bool) -> None:
    if missed:
        side.gaps += 1
        if letter:
            flow.repeat("G", side.gaps, upper=upper)


def see_acknowledgement(flow: Flow, mine: Side, other: Side, ack: int, *, flags: int, upper: bool) -> None:
    if other.next is None:
        other.pending = ack
        return
    beyond = seq_diff(ack, other.next)
    if beyond > 0:
        most = max(mine.windows, default=0)
        if mine.scale is not None and not (other.saw_syn and other.scale is None):
            most <<= mine.scale
        most = max(most, 1 << 20)
        is_answered = "S" in mine.letters or other.flags[4] > 0
        onward = 0 if other.pending is None else seq_diff(ack, other.pending)
        if flags & 2 or not is_answered or (beyond > most and not 0 < onward <= most):
            other.pending = ack
            return
    missed = other.acknowledge(other.next + beyond)
    note_missed(flow, other, missed, letter=not flags & 1, upper=not upper)


def see_answer(flow: Flow, mine: Side, ack: int, *, upper: bool) -> None:
    """A SYN+ACK of the other end."""
    if "S" in mine.letters or mine.answered_begin:
        return
    if mine.next is None:
        mine.begin, mine.answered_begin = ack, True
    else:
        begin = mine.unwrapped(ack)
        mine.answered_begin = see_known_begin(flow, mine, begin, begin, upper=upper)


def see_sequence(flow: Flow, mine: Side, seq: int, payload: int, size: int, *, first_syn: bool, upper: bool) -> None:
    if mine.next is None:
        gap = seq_diff(seq, mine.begin) if mine.answered_begin else 0
        gap = gap if 0 <= gap <= LATE else 0
        mine.begin, mine.next = seq - gap, seq + size
        mine.add_hole(mine.begin, seq)
    else:
        ahead = seq_diff(seq, mine.next)
        begin = mine.next + ahead
        if ahead == -1 and size == payload == 1 and not any(stop == mine.next for _, stop in mine.holes):
            pass
        elif ahead >= 0:
            mine.add_hole(mine.next, begin)
            mine.next = begin + size
        else:
            see_late(flow, mine, begin, begin + size, payload, first_syn=first_syn, upper=upper)
    if mine.pending is not None and seq_diff(mine.next, mine.pending) >= 0:
        missed = mine.acknowledge(mine.next + seq_diff(mine.pending, mine.next))
        mine.pending = None
        note_missed(flow, mine, missed, letter=True, upper=upper)


def see_known_begin(flow: Flow, mine: Side, begin: int, end: int, *, upper: bool) -> bool:
    if begin > mine.begin or mine.begin - end > LATE:
        return False
    first = mine.begin if mine.floor is None else mine.floor
    mine.holes = [[end, mine.begin]] * (mine.begin > end) + mine.holes
    missed = sum(max(0, min(stop, first, mine.acked) - start) for start, stop in mine.holes)
    mine.missed += missed
    mine.begin, mine.floor = begin, None
    note_missed(flow, mine, missed, letter=True, upper=upper)
    mine.out_of_order, mine.retransmitted = mine.out_of_order + mine.early, mine.retransmitted - mine.early
    mine.early = 0
    return True


def see_late(flow: Flow, mine: Side, begin: int, end: int, payload: int, *, first_syn: bool, upper: bool) -> None:
    assert mine.next is not None
    if payload and end <= mine.next:
        mine.late += 1
        flow.repeat("T", mine.late, upper=upper)
    first = mine.begin if mine.floor is None else mine.floor
    is_new = begin < mine.begin or any(start <= begin < stop for start, stop in mine.holes)
    mine.fill(begin, end)
    if begin >= first:
        is_late = is_new and begin >= mine.acked
    elif first_syn and begin < mine.begin and see_known_begin(flow, mine, begin, end, upper=upper):
        is_late = True
    else:
        is_late = see_early(mine, begin, end, is_new=is_new)
    if is_late:
        mine.out_of_order += 1
    else:
        mine.retransmitted += 1
    mine.next = max(mine.next, end)


def see_early(mine: Side, begin: int, end: int, *, is_new: bool) -> bool:
    first = mine.begin if mine.floor is None else mine.floor
    if end >= first:
        mine.begin = min(begin, mine.begin)
        below = [stop for _, stop in mine.holes if stop <= first]
        mine.floor = max(below, default=None) if mine.floor is not None else None
        return is_new
    if not is_new or "S" in mine.letters or mine.answered_begin or mine.begin - end > LATE:
        return False
    if mine.begin > end:
        mine.holes.insert(0, [end, mine.begin])
        mine.floor = first
    mine.begin = min(begin, mine.begin)
    mine.early += begin >= mine.acked
    return False
