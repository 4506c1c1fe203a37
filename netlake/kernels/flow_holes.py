"""Holes: the sequence numbers of a direction below its highest that were not seen. One list of intervals a direction.

Rules
- A hole begins where a segment is ahead, or where the other end acknowledges what was not seen. A late segment removes
  what it sends from every hole; a hole with a rest on both sides becomes two.
- `missed_bytes` of the direction is, at any time, the bytes of its holes below the highest acknowledgement (`acked`).
  So bytes that were acknowledged before they were captured (two cards, several queues) are missed only until then.
- A direction has MOST_OF_SIDE holes at most, all flows together as many as the array. Beyond that the lowest hole of
  the direction makes room, or the new one is not kept if there is none: what was missed of it stays missed, the rest is
  `forgotten` (counted in CONTROL) and counts neither as missed nor, when it is sent, as out of order.
- A capture can begin within a connection. Then a segment below the first one is an early one: it may be a repeat of
  bytes sent before the capture began. The bytes between it and those above are a hole too, but below `floor`, where
  the bytes begin that are contiguous with the first segment. Holes below `floor` count as missed only if the SYN, or
  its SYN+ACK, is captured late and shows that these bytes are of the capture. `under` is 1 while there are such holes;
  without them `floor` is `begin`, the lowest number that was seen.
- Acknowledged holes are kept for data up to KEPT bytes behind the acknowledgement, any hole while it is less than FAR
  behind the highest number: numbers farther apart than 2^31 cannot be compared.

Data structures
- The holes are records of one array, linked by row + 1 in the order of sequence numbers; a direction has `first_hole`,
  `last_hole` and their number. Only flows with holes take records, and give them back when their row is freed.
- Sequence numbers are compared by `seq_diff`, so that they may wrap. They are passed unwrapped (as they are in the
  header, plus a size) and wrap when they are stored in 32 bits.

Reassembly of streams needs the same list: the bytes between two holes are those that wait.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel

MOST_OF_SIDE = 200
KEPT = 1 << 24
FAR = 1 << 30
# where a late segment begins: not in a hole; in one; in one, but its first byte was acknowledged; in one below `floor`
OUTSIDE, INSIDE, ACKNOWLEDGED, BELOW = 0, 1, 2, 3


@kernel()
def seq_diff(a, b):
    """`a` - `b`, two 32-bit sequence numbers, as a signed distance: the shorter way round."""
    return ((np.int64(a) - np.int64(b) + 0x80000000) & 0xFFFFFFFF) - 0x80000000


@kernel()
def give_back(holes, control, side):
    """Free all holes of a direction."""
    if side.first_hole:
        holes[side.last_hole - 1].next = control.free_hole
        control.free_hole = side.first_hole
    side.first_hole = side.last_hole = side.holes = 0


@kernel()
def note_under(holes, side):
    """Set `under` to 0 if no hole is below `floor` any more."""
    if side.under and (side.holes == 0 or seq_diff(holes[side.first_hole - 1].start, side.floor) >= 0):
        side.under = 0


@kernel()
def drop_first(holes, control, side):
    """Free the lowest hole of a direction."""
    row = np.int64(side.first_hole)
    hole = holes[row - 1]
    if seq_diff(hole.end, side.acked) > 0:
        control.forgotten += 1
    side.first_hole = hole.next
    side.holes -= 1
    if side.holes == 0:
        side.last_hole = 0
    hole.next = control.free_hole
    control.free_hole = row
    note_under(holes, side)


@kernel()
def new_hole(holes, control, start, end):
    """A record for a hole, as row + 1; 0 if there is none."""
    row = control.free_hole
    if row:
        control.free_hole = holes[row - 1].next
    elif control.holes_used < holes.size:
        control.holes_used += 1
        row = control.holes_used
    else:
        return np.int64(0)
    hole = holes[row - 1]
    hole.start, hole.end, hole.next = start, end, 0
    return np.int64(row)


@kernel()
def add_hole(holes, control, side, start, end):
    """Add a hole above all others of a direction."""
    if side.holes:
        last = holes[side.last_hole - 1]
        if last.end == start:
            last.end = end
            return
        if side.holes == MOST_OF_SIDE or (control.free_hole == 0 and control.holes_used == holes.size):
            drop_first(holes, control, side)
    if side.holes == 0 and not 0 <= seq_diff(start, side.acked) <= FAR:
        side.acked = start
    row = new_hole(holes, control, start, end)
    if row == 0:
        control.forgotten += 1
        return
    if side.holes:
        holes[side.last_hole - 1].next = row
    else:
        side.first_hole = row
    side.last_hole = row
    side.holes += 1


@kernel()
def add_lowest(holes, control, side, start, end):
    """Add a hole below all others of a direction; returns whether there was room."""
    made = np.int64(0) if side.holes == MOST_OF_SIDE else new_hole(holes, control, start, end)
    if made == 0:
        return False
    holes[made - 1].next = side.first_hole
    if side.holes == 0:
        side.last_hole = made
    side.first_hole = made
    side.holes += 1
    return True


@kernel()
def first_counted(side):
    """Where the bytes of a direction begin whose holes count."""
    return np.int64(side.floor) if side.under else np.int64(side.begin)


@kernel()
def lower_floor(holes, side):
    """Let `floor` be where the bytes begin that are contiguous with those above it."""
    floor, row = np.int64(side.begin), np.int64(side.first_hole)
    while row and seq_diff(holes[row - 1].start, side.floor) < 0:
        floor, row = np.int64(holes[row - 1].end), np.int64(holes[row - 1].next)
    side.floor = floor
    note_under(holes, side)


@kernel()
def count_below(holes, side, first):
    """Count the holes below `first`, which did not count so far, as missed; returns their acknowledged bytes."""
    missed, row = np.int64(0), np.int64(side.first_hole)
    while row:
        hole = holes[row - 1]
        if seq_diff(hole.start, first) >= 0:
            break
        end = first if seq_diff(hole.end, first) > 0 else np.int64(hole.end)
        end = np.int64(side.acked) if seq_diff(end, side.acked) > 0 else end
        missed += max(np.int64(0), seq_diff(end, hole.start))
        row = np.int64(hole.next)
    side.under = 0
    side.missed_bytes += missed
    return missed


@kernel()
def ends_in_hole(holes, side):
    """Whether the byte below the highest number was not seen."""
    return side.holes > 0 and holes[side.last_hole - 1].end == side.next


@kernel()
def drop_far(holes, control, side):
    """Free the holes too far behind the highest number, or the acknowledgement, to be filled."""
    while side.holes:
        end = holes[side.first_hole - 1].end
        if seq_diff(side.acked, end) <= KEPT and seq_diff(side.next, end) <= FAR:
            break
        drop_first(holes, control, side)


@kernel()
def acknowledge(holes, control, side, ack):
    """Acknowledge the bytes of a direction below `ack`; returns how many of them were not seen, nor acknowledged."""
    missed = np.int64(0)
    if side.holes:
        begin = np.int64(side.acked)
        if seq_diff(ack, begin) > 0:
            if side.under and seq_diff(side.floor, begin) > 0:
                begin = np.int64(side.floor)
            row = np.int64(side.first_hole)
            while row:
                hole = holes[row - 1]
                if seq_diff(ack, hole.start) <= 0:
                    break
                start = begin if seq_diff(begin, hole.start) > 0 else np.int64(hole.start)
                end = ack if seq_diff(hole.end, ack) > 0 else np.int64(hole.end)
                missed += max(np.int64(0), seq_diff(end, start))
                row = np.int64(hole.next)
            side.acked = ack
    elif seq_diff(ack, side.acked) > 0:
        side.acked = ack
    beyond = seq_diff(ack, side.next)
    if beyond > 0:
        add_hole(holes, control, side, np.int64(side.next), ack)
        missed += beyond
        side.next = side.acked = ack
    drop_far(holes, control, side)
    side.missed_bytes += missed
    return missed


@kernel()
def unlink(holes, control, side, before, row):
    """Free the hole at `row`, behind the one at `before` (0: it is the lowest); both are rows + 1."""
    after = holes[row - 1].next
    if before:
        holes[before - 1].next = after
    else:
        side.first_hole = after
    if after == 0:
        side.last_hole = before
    side.holes -= 1
    holes[row - 1].next = control.free_hole
    control.free_hole = row


@kernel()
def split(holes, control, side, row, end):
    """Make the part of the hole at `row` behind `end` a hole of its own; it is forgotten if there is no room."""
    hole = holes[row - 1]
    made = np.int64(0) if side.holes == MOST_OF_SIDE else new_hole(holes, control, end, hole.end)
    if made == 0:
        control.forgotten += 1
        return
    holes[made - 1].next = hole.next
    hole.next = made
    if side.last_hole == row:
        side.last_hole = made
    side.holes += 1


@kernel()
def fill(holes, control, side, seq, end):
    """Remove `seq` to `end` from the holes of a direction; returns where `seq` is (OUTSIDE to BELOW)."""
    where, before, row = OUTSIDE, np.int64(0), np.int64(side.first_hole)
    while row:
        hole = holes[row - 1]
        start, stop, after = np.int64(hole.start), np.int64(hole.end), np.int64(hole.next)
        if seq_diff(end, start) <= 0:
            break
        if seq_diff(stop, seq) <= 0:
            before, row = row, after
            continue
        left, right = seq_diff(seq, start), seq_diff(stop, end)
        if left >= 0:
            where = ACKNOWLEDGED if seq_diff(side.acked, seq) > 0 else INSIDE
            if side.under and seq_diff(side.floor, seq) > 0:
                where = BELOW
        if side.under == 0 or seq_diff(start, side.floor) >= 0:
            size = seq_diff(stop, start) - max(np.int64(0), left) - max(np.int64(0), right)
            known = seq_diff(side.acked, start) - max(np.int64(0), left)
            side.missed_bytes -= max(np.int64(0), min(size, known))
        if left > 0:
            if right > 0:
                split(holes, control, side, row, end)
            hole.end = seq
            before = row
        elif right > 0:
            hole.start = end
            before = row
        else:
            unlink(holes, control, side, before, row)
        row = after
    return where
