"""What waits of a stream: segments that came early, in a list by sequence number, and the hole before them.

Rules
- Of bytes that were captured twice, those that were handed on stay. Of those that wait, the first or the last ones
  stay, as the caller chose; bytes that differ are counted, and the stream has Known.CONFLICT.
- A hole is given up when the caller says so, and before a stream keeps more than MOST_HELD bytes or MOST_SEGMENTS
  segments. If the arena is full, the hole of the stream that has waited longest is. What is given up is a GAP; what
  waits behind it becomes due. Nothing is dropped.
- A FIN waits too: END is handed on when the bytes before it were.
- What the capture cut from a segment is a GAP when the segment is due.

Events of a packet are at most: 3 for each segment that waits in its own stream, in that of the other end, and in the
streams whose holes are given up to free as many blocks as it needs (EVENTS_ROOM); the bytes in `tail` are bounded in
the same way (TAIL_ROOM).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.flow_holes import seq_diff
from netlake.kernels.stream_arena import copy, give_back, load, store, take_block
from netlake.kernels.stream_state import BLOCK, Kind, Known

# limits of one stream
MOST_HELD = 1 << 20
MOST_SEGMENTS = 1024
EVENTS_ROOM = 20 * MOST_SEGMENTS
TAIL_ROOM = 5 * MOST_HELD

FIN = Known.FIN.value
ENDED = Known.ENDED.value
CONFLICT = Known.CONFLICT.value


class Now(NamedTuple):
    """The packet that is processed: its number, its time, the number of the packet that completes it, its row."""

    number: int
    ts: int
    at: int
    row: int


@kernel()
def hand_on(stream, kind, start, size, number, ts, now, streams, arena):
    """Write an event, and count its bytes as handed on; `number` and `ts` are those of the packet that carries it."""
    state, control = streams.states[stream], arena.control[0]
    event = arena.events[control.events]
    event.stream, event.kind, event.start, event.size, event.offset = stream, kind, start, size, state.offset
    event.number, event.ts, event.at, event.row, event.link = number, ts, now.at, now.row, -1
    control.events += 1
    state.offset += size
    state.next = (np.int64(state.next) + size) & 0xFFFFFFFF
    state.acks = 0


@kernel()
def hand_on_gap(stream, size, number, ts, now, streams, arena):
    """A GAP of `size` bytes."""
    hand_on(stream, Kind.GAP, 0, size, number, ts, now, streams, arena)
    arena.control[0].gaps += 1
    arena.control[0].missed += size


@kernel()
def enter_queue(stream, queue):
    """The stream begins to wait."""
    youngest = queue[0].older
    queue[stream + 1].older, queue[stream + 1].younger = youngest, 0
    queue[youngest].younger = queue[0].older = stream + 1


@kernel()
def leave_queue(stream, queue):
    """The stream no longer waits."""
    older, younger = queue[stream + 1].older, queue[stream + 1].younger
    queue[older].younger, queue[younger].older = younger, older


@kernel()
def free_first(stream, streams, arena):
    """Free the first segment that waits."""
    state = streams.states[stream]
    first = np.int64(state.first)
    head = arena.heads[first]
    state.first = head.after
    state.held -= head.size - head.missing
    state.early -= 1
    give_back(first, arena)
    if state.first == 0:
        state.last = 0
        leave_queue(stream, streams.queue)


@kernel()
def forget(stream, streams, arena):
    """Free all that is kept of a stream."""
    state = streams.states[stream]
    while state.first != 0:
        free_first(stream, streams, arena)
    give_back(np.int64(state.kept), arena)
    state.kept = 0


@kernel()
def hole(stream, streams, arena):
    """Bytes between those that were handed on and what waits: a segment or the FIN; 0 if nothing waits."""
    state = streams.states[stream]
    if state.first != 0:
        return seq_diff(arena.heads[state.first].seq, state.next)
    if state.known & FIN:
        return seq_diff(state.fin, state.next)
    return np.int64(0)


@kernel()
def drain(stream, now, streams, arena):
    """Hand on the segments that wait and are due."""
    state, control = streams.states[stream], arena.control[0]
    while state.first != 0:
        head = arena.heads[state.first]
        skip = seq_diff(state.next, head.seq)
        if skip < 0:
            return
        stored = np.int64(head.size - head.missing)
        size, lost = stored - skip, min(np.int64(head.missing), head.size - skip)
        if size > 0:
            load(np.int64(state.first), skip, size, arena, arena.tail, control.tail)
            hand_on(stream, Kind.LATE, control.tail, size, head.number, head.ts, now, streams, arena)
            control.tail += size
        if lost > 0:
            hand_on_gap(stream, lost, head.number, head.ts, now, streams, arena)
        free_first(stream, streams, arena)


@kernel()
def end(stream, now, streams, arena):
    """END: what waits is handed on before it, behind gaps."""
    state = streams.states[stream]
    missing = hole(stream, streams, arena)
    while missing > 0:
        hand_on_gap(stream, missing, now.number, now.ts, now, streams, arena)
        drain(stream, now, streams, arena)
        missing = hole(stream, streams, arena)
    hand_on(stream, Kind.END, 0, 0, now.number, now.ts, now, streams, arena)
    state.known |= ENDED


@kernel()
def advance(stream, now, streams, arena):
    """Hand on all that is due, END included."""
    state = streams.states[stream]
    drain(stream, now, streams, arena)
    if state.known & (FIN | ENDED) == FIN and seq_diff(state.fin, state.next) <= 0:
        end(stream, now, streams, arena)


@kernel()
def give_up(stream, missing, now, streams, arena):
    """A hole of `missing` bytes will not be filled."""
    hand_on_gap(stream, missing, now.number, now.ts, now, streams, arena)
    advance(stream, now, streams, arena)


@kernel()
def give_up_before(stream, ahead, now, streams, arena):
    """Give up the first hole, but only up to the byte that is `ahead` of what was handed on."""
    missing = hole(stream, streams, arena) if streams.states[stream].first != 0 else ahead
    give_up(stream, min(missing, ahead), now, streams, arena)


@kernel()
def make_room(stream, ahead, blocks, now, streams, arena):
    """Give up holes, those of the streams that have waited longest first, until `blocks` blocks are free.

    It ends at the hole of `stream` itself, of which a segment `ahead` needs the room.
    """
    control = arena.control[0]
    while control.free + arena.heads.size - control.used < blocks:
        oldest = np.int64(streams.queue[0].younger) - 1
        control.given_up += 1
        if oldest < 0 or oldest == stream:
            give_up_before(stream, ahead, now, streams, arena)
            return
        give_up(oldest, hole(oldest, streams, arena), now, streams, arena)


@kernel()
def compare(first, skip, data, start, size, replace, arena):
    """How many of `size` bytes differ from those of a chain behind `skip`; `replace`: they are written over them."""
    while skip >= BLOCK:
        first, skip = np.int64(arena.heads[first].more), skip - BLOCK
    found = 0
    while size > 0:
        part = min(size, BLOCK - skip)
        waiting, new = arena.blocks[first][skip : skip + part], data[start : start + part]
        for i in range(part):
            found += waiting[i] != new[i]
        if replace:
            copy(data, start, part, arena.blocks[first], skip)
        first, start, size, skip = np.int64(arena.heads[first].more), start + part, size - part, 0
    return found


@kernel()
def overlap(stream, seq, data, start, size, replace, streams, arena):
    """Compare the `size` captured bytes of a segment with those that wait; the stream has some."""
    state, control = streams.states[stream], arena.control[0]
    if seq_diff(arena.heads[state.last].seq + arena.heads[state.last].size, seq) <= 0:
        return
    node, is_overlap = np.int64(state.first), False
    while node != 0:
        head = arena.heads[node]
        at = seq_diff(head.seq, seq)
        if at >= size:
            break
        begin, stop = max(at, 0), min(size, at + head.size - head.missing)
        if begin < stop:
            is_overlap = True
            found = compare(node, begin - at, data, start + begin, stop - begin, replace, arena)
            if found > 0:
                control.conflicts += found
                state.known |= CONFLICT
        node = np.int64(head.after)
    control.overlaps += is_overlap


@kernel()
def keep_between(stream, before, after, seq, data, start, size, missing, now, streams, arena):
    """Keep a segment of `size` bytes and `missing` more between two others; its block, 0 if no block is free."""
    state = streams.states[stream]
    node = store(data, start, size, arena) if size > 0 else max(np.int64(0), take_block(arena))
    if node == 0:
        return node
    head = arena.heads[node]
    if size == 0:
        head.more = 0
    head.seq, head.size, head.missing, head.after = seq & 0xFFFFFFFF, size + missing, missing, after
    head.number, head.ts = now.number, now.ts
    if before == 0:
        if state.first == 0:
            enter_queue(stream, streams.queue)
        state.first = node
    else:
        arena.heads[before].after = node
    if after == 0:
        state.last = node
    state.held += size
    state.early += 1
    return node


@kernel()
def keep_early(stream, seq, data, start, kept, size, now, streams, arena):
    """Keep what of an early segment does not wait yet; `kept` of its `size` bytes were captured.

    Returns the bytes that are done; less than `size` if the arena is full, or the stream has MOST_SEGMENTS.
    """
    state = streams.states[stream]
    before, node, done = np.int64(0), np.int64(state.first), np.int64(0)
    if state.last != 0 and seq_diff(seq, arena.heads[state.last].seq + arena.heads[state.last].size) >= 0:
        before, node = np.int64(state.last), np.int64(0)
    while done < size:
        while node != 0 and seq_diff(arena.heads[node].seq + arena.heads[node].size, seq + done) <= 0:
            before, node = node, np.int64(arena.heads[node].after)
        room = size - done
        if node != 0:
            room = min(room, seq_diff(arena.heads[node].seq, seq + done))
        if room <= 0:
            done += min(size - done, seq_diff(arena.heads[node].seq + arena.heads[node].size, seq + done))
            continue
        if state.early >= MOST_SEGMENTS:
            break
        stored = max(0, min(room, kept - done))
        made = keep_between(
            stream, before, node, seq + done, data, start + done, stored, room - stored, now, streams, arena
        )
        if made == 0:
            break
        before, done = made, done + room
    return done
