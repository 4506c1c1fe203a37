"""TCP reassembly: the segments of a batch in, events of streams out (EVENT), in the order in which they are due.

The rules are at the head of netlake.flows.reassembly, those of segments that wait in netlake.kernels.stream_waiting.
State is found by slot; segments are not sorted. Bytes in order are not copied: their event refers to the buffer of the
batch.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.flow_holes import seq_diff
from netlake.kernels.flow_state import SEGMENT, Batch  # noqa: F401 - signatures name the records
from netlake.kernels.flow_tcp import ACK, RST, SYN
from netlake.kernels.flow_tcp import FIN as FIN_FLAG
from netlake.kernels.stream_state import BLOCK, EVENT, Arena, Kind, Known, Streams  # noqa: F401 - as above
from netlake.kernels.stream_waiting import (
    ENDED,
    EVENTS_ROOM,
    FIN,
    MOST_HELD,
    MOST_SEGMENTS,
    TAIL_ROOM,
    Now,
    advance,
    end,
    forget,
    give_up,
    give_up_before,
    hand_on,
    hand_on_gap,
    hole,
    keep_early,
    make_room,
    overlap,
)

NEXT = Known.NEXT.value
SAW_SYN = Known.SYN.value
MUTE = Known.MUTE.value
MIDSTREAM = Known.MIDSTREAM.value
# acknowledgements beyond a hole after which it is given up
ACKS = 3
# a sequence number that is farther from the next byte is not one of the stream
FARTHEST = 1 << 30
# the same for a RST, which ends the stream
RST_WITHIN = 1 << 20


@kernel()
def has_room(arena):
    """Whether the events of one more packet have room."""
    control = arena.control[0]
    return control.events + EVENTS_ROOM <= arena.events.size and control.tail + TAIL_ROOM <= arena.tail.size


@kernel()
def begin(stream, flow, streams, arena):
    """The row of a stream begins to hold another flow."""
    for row in range(stream & ~1, (stream & ~1) + 2):
        if streams.states[row].flow != 0 and streams.states[row].flow != flow:
            forget(row, streams, arena)
            streams.states[row] = streams.blank[0]
    streams.states[stream] = streams.blank[0]
    streams.states[stream].flow = flow


@kernel(once=True)
def is_open(stream, segment, seq, streams, arena):
    """Whether the stream has a state. It begins with the first payload, or with a FIN behind bytes that are missing."""
    state, syn, flags = streams.states[stream], streams.syns[stream], segment.flags
    if state.flow == segment.flow:
        return True
    if segment.payload <= 0 and flags & (SYN | FIN_FLAG) == 0:
        return False
    has_syn = syn.flow != 0 and syn.flow == segment.flow & 0xFFFFFFFF
    if flags & SYN:
        syn.flow, syn.next, has_syn = segment.flow & 0xFFFFFFFF, seq, True
    is_early = has_syn and flags & FIN_FLAG and 0 < seq_diff(seq, syn.next) <= FARTHEST
    if segment.payload <= 0 and not is_early:
        return False
    begin(stream, segment.flow, streams, arena)
    state.known = NEXT | SAW_SYN if has_syn else NEXT | MIDSTREAM
    state.next = syn.next if has_syn else seq
    return True


@kernel(once=True)
def deliver(stream, start, kept, size, now, streams, arena):
    """Hand on the next `size` bytes of a stream, of which the capture has the first `kept`, and what they make due."""
    if kept > 0:
        hand_on(stream, Kind.DATA, start, kept, now.number, now.ts, now, streams, arena)
    if size > kept:
        hand_on_gap(stream, size - kept, now.number, now.ts, now, streams, arena)
    state = streams.states[stream]
    if state.first != 0 or state.known & FIN:
        advance(stream, now, streams, arena)


@kernel(once=True)
def offer(stream, segment, seq, data, now, replace, streams, arena):
    """Hand on the payload of a segment, or keep it until it is due."""
    state, control = streams.states[stream], arena.control[0]
    start, size = segment.start, np.int64(segment.payload)
    kept = min(max(np.int64(0), segment.end - start), size)
    ahead = seq_diff(seq, state.next)
    if ahead > FARTHEST or (state.known & MIDSTREAM and ahead < -state.offset):
        control.dropped += 1
    else:
        control.retransmitted += ahead < 0
        control.early += ahead > 0
    if ahead > FARTHEST:
        return
    if state.first != 0:
        overlap(stream, seq, data, start, kept, replace, streams, arena)
    done = np.int64(0)
    while done < size and state.known & ENDED == 0:
        ahead = seq_diff(seq + done, state.next)
        if ahead < 0:
            done = min(size, done - ahead)
            continue
        left = max(np.int64(0), kept - done)
        if ahead == 0:
            part = size - done
            if state.first != 0:
                part = min(part, hole(stream, streams, arena))
            deliver(stream, start + done, min(left, part), part, now, streams, arena)
            done += part
        elif state.held + left > MOST_HELD or state.early >= MOST_SEGMENTS:
            give_up_before(stream, ahead, now, streams, arena)
        else:
            done += keep_early(stream, seq + done, data, start + done, left, size - done, now, streams, arena)
            if done < size and state.early < MOST_SEGMENTS:
                blocks = max(np.int64(1), (kept - done + BLOCK - 1) // BLOCK)
                make_room(stream, seq_diff(seq + done, state.next), blocks, now, streams, arena)


@kernel(once=True)
def acknowledge(stream, segment, now, streams, arena):
    """The other end acknowledges: the hole is given up if it has done so beyond it ACKS times."""
    state = streams.states[stream]
    if state.flow != segment.flow or state.known & (ENDED | MUTE):
        return
    missing = hole(stream, streams, arena)
    if missing > 0 and missing <= seq_diff(segment.ack, state.next) <= FARTHEST:
        state.acks += 1
        if state.acks >= ACKS:
            give_up(stream, missing, now, streams, arena)


@kernel(once=True)
def take(stream, segment, seq, data, now, replace, streams, arena):
    """Take one segment of a stream that has a state."""
    state, flags = streams.states[stream], segment.flags
    if state.known & (ENDED | MUTE):
        if state.known & MUTE == 0 and segment.payload > 0:
            is_known = seq_diff(seq, state.next) + segment.payload <= 0
            arena.control[0].retransmitted += is_known
            arena.control[0].dropped += not is_known
        return
    if flags & SYN and state.offset == 0 and state.first == 0:
        state.next, state.known = seq, (state.known | SAW_SYN) & ~MIDSTREAM
    if segment.payload > 0:
        offer(stream, segment, seq, data, now, replace, streams, arena)
    if state.known & ENDED:
        return
    if flags & FIN_FLAG and 0 <= seq_diff(seq, state.next) + segment.payload <= FARTHEST:
        state.fin, state.known = (seq + segment.payload) & 0xFFFFFFFF, state.known | FIN
        advance(stream, now, streams, arena)
    if flags & RST and state.known & ENDED == 0 and abs(seq_diff(seq, state.next)) <= RST_WITHIN:
        end(stream, now, streams, arena)


@kernel("int64(int64, SEGMENT[::1], Batch, int64, Streams, Arena)")
def segments(first, found, batch, replace, streams, arena):
    """Take the segments `found` from row `first` on; returns the row at which to go on, with the events read.

    `replace`: of bytes that wait and differ, the last ones stay.
    """
    for i in range(first, found.size):
        segment = found[i]
        if segment.slot < 0:
            arena.control[0].cut_off += segment.payload > 0
            continue
        if not has_room(arena):
            return i
        row, flags = np.int64(segment.row), segment.flags
        stream = 2 * np.int64(segment.slot) + 1 - segment.from_originator
        now = Now(batch.number[row], batch.ts[row], batch.last[row], row)
        if flags & ACK:
            acknowledge(stream ^ 1, segment, now, streams, arena)
        seq = (np.int64(segment.seq) + (1 if flags & SYN else 0)) & 0xFFFFFFFF
        if is_open(stream, segment, seq, streams, arena):
            take(stream, segment, seq, batch.data, now, replace, streams, arena)
    return found.size


@kernel("int64(int64, int32[::1], Streams, Arena)")
def finish(first, slots, streams, arena):
    """End the streams of `slots` from `first` on; returns the place at which to go on, with the events read."""
    none = np.int64(0)
    now = Now(none, none, none, np.int64(-1))
    for i in range(first, slots.size):
        if not has_room(arena):
            return i
        for stream in range(2 * np.int64(slots[i]), 2 * np.int64(slots[i]) + 2):
            state = streams.states[stream]
            if state.flow != 0 and state.known & NEXT and state.known & (ENDED | MUTE) == 0:
                end(stream, now, streams, arena)
    return slots.size


@kernel("void(int32[::1], Streams, Arena)")
def clear(slots, streams, arena):
    """Free the rows of `slots` and all that is kept of their streams; to be called when the events were read."""
    for i in range(slots.size):
        for stream in range(2 * np.int64(slots[i]), 2 * np.int64(slots[i]) + 2):
            # rows that were never used stay unwritten, so that they take no memory
            if streams.states[stream].flow != 0:
                forget(stream, streams, arena)
                streams.states[stream] = streams.blank[0]
            if streams.syns[stream].flow != 0:
                streams.syns[stream].flow = 0


@kernel()
def mute_stream(stream, streams, arena):
    """Hand on nothing more of a stream, also if only the other direction of its flow has begun."""
    state, other = streams.states[stream], streams.states[stream ^ 1]
    if state.flow == 0:
        if other.flow == 0:
            return
        begin(stream, other.flow, streams, arena)
    forget(stream, streams, arena)
    state.known |= MUTE


@kernel("void(int32[::1], Streams, Arena)")
def mute(muted, streams, arena):
    """Mute the streams `muted`."""
    for i in range(muted.size):
        mute_stream(np.int64(muted[i]), streams, arena)


@kernel("int64(EVENT[::1], int64, int32[::1], int32[::1])")
def chain(events, count, last, heads):
    """Link the first `count` events of each stream; returns how many `heads` there are, the first event of each.

    `last` has one number for each stream: all 0, and 0 again afterwards.
    """
    found = 0
    for i in range(count):
        stream = events[i].stream
        before = last[stream]
        if before == 0:
            heads[found] = i
            found += 1
        else:
            events[before - 1].link = i
        last[stream] = i + 1
    for i in range(found):
        last[events[heads[i]].stream] = 0
    return found
