"""The HTTP/1 streams of a batch, flow by flow; netlake.kernels.http1 has the rules.

`begin_batch` notes where the events of each stream begin; `walk` walks the flows, and returns early where its arrays
have no room for the next one.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.http1 import empty, end, end_early, finish, gap, read
from netlake.kernels.http1_body import DROPPED, end_body
from netlake.kernels.http1_state import (
    LEAST_MESSAGE,
    MOST_HEAD,
    Phase,
    State,  # noqa: F401 - in a signature
)
from netlake.kernels.stream_arena import keep, resume
from netlake.kernels.stream_state import STREAM, Arena, Kind  # noqa: F401 - as above
from netlake.schema.faults import TOO_LARGE


@kernel()
def begin(own, flow, state):
    """The state of a stream of a flow, unless it is that already; whether it is new."""
    if own.flow == flow:
        return False
    if own.flow != 0:
        end_body(own, state, DROPPED)  # its row was used again before its end
    own.flow, own.resumed, own.role, own.body, own.named = flow, 0, 0, -1, -1
    own.after = 0
    return True


@kernel("int64(int32[::1], STREAM[::1], Arena, State, int64)")
def begin_batch(first, states, arena, state, protocol):
    """Note where the events of each stream of the protocol begin; `first` are those of all streams.

    Returns the bytes of these events, -1 if there are none.
    """
    total = np.int64(-1)
    for h in range(first.size):
        i = np.int64(first[h])
        index = arena.events[i].stream
        if states[index].protocol != protocol:
            continue
        own = state.own[index]
        if not begin(own, states[index].flow, state) and states[index].count == 0:
            states[index].count = own.after  # HTTP in a tunnel of HTTP
        own.first, own.bytes, own.events = i + 1, 0, 0
        while i >= 0:
            event = arena.events[i]
            if event.kind <= Kind.LATE:
                own.bytes += event.size
            own.events += 1
            i = np.int64(event.link)
        total = max(total, 0) + own.bytes
    return total


@kernel()
def has_room(base, state):
    """Whether the arrays have room for what the events of a flow can become; notes what they need."""
    tally, control = state.tally[0], state.control[0]
    size, events = np.int64(0), np.int64(8)
    for index in range(base, base + 2):
        own = state.own[index]
        if own.first > 0:
            size += own.bytes
            events += own.events
    messages = size // LEAST_MESSAGE + 8
    tally.need_bytes, tally.need_events = size + 4 * MOST_HEAD, events + 2 * messages
    return (
        control.used + tally.need_bytes <= state.pool.size
        and control.messages + messages <= state.located.size
        and tally.runs + tally.need_events <= state.runs.size
        and tally.bytes + size <= state.bodies.size
        and tally.handed + 2 <= state.handed.size
    )


@kernel()
def strip(stage, row):
    """Leave out empty lines before a message, of bytes that were kept before the protocol was known."""
    skipped = 0
    while skipped < stage.size and (row[skipped] == 13 or row[skipped] == 10):
        skipped += 1
    if skipped > 0:
        stage.size -= skipped
        for i in range(stage.size):
            row[i] = row[i + skipped]
    stage.held = 1 if stage.size > 0 else 0


@kernel()
def load(side, stream, state, arena):
    """The beginning of a head that was kept, into the stage; the head of a body stays in the arena."""
    stage = state.stages[side]
    stage.held, stage.size, stage.searched = 0, 0, 0
    if stream.kept > 0 and stream.phase == Phase.HEAD:
        head = arena.heads[stream.kept]
        stage.held, stage.searched, stage.number, stage.ts = 1, head.seq, head.number, head.ts
        stage.size = resume(stream, arena, state.stage[side], 0)
        if stage.searched == 0:
            strip(stage, state.stage[side])


@kernel()
def store(side, event, stream, own, state, arena):
    """Keep what is in the stage. Without room the row of a whole head is written, and its body is passed over."""
    stage = state.stages[side]
    if stage.held == 0:
        return
    size, line = stage.size, stream.line
    if keep(stream, state.stage[side], 0, size, stage.searched, stage.number, stage.ts, arena) == 0:
        state.tally[0].lost += 1
        own.unseen = 1
        if stream.phase == Phase.HEAD:
            stream.undecoded += size
            empty(stage, stream)
            stream.phase = Phase.LOST.value
            return
        finish(side, event, stream, own, state, arena, TOO_LARGE)
        own.body = -1
        stream.line = line
    stage.held, stage.size = 0, 0


@kernel()
def hand_on(side, index, left, following, event, stream, own, state, arena):
    """The stream is no longer HTTP: `left` bytes of event `index` are the first ones that follow."""
    if stream.phase == Phase.HEAD:
        stage = state.stages[side]
        stream.undecoded += stage.size
        empty(stage, stream)
    elif stream.phase < Phase.LOST:
        end_early(side, event, stream, own, state, arena)
    stream.phase = Phase.TUNNEL.value
    handed = state.handed[state.tally[0].handed]
    handed.stream = event.stream & ~1 | side
    handed.event, handed.used = following, 0
    if left > 0:
        handed.event, handed.used = index, event.size - left
    state.tally[0].handed += 1


@kernel()
def follow_tunnel(index, first, stream, other, state):
    """A stream of which the other direction is a tunnel before it begins is one too; where its events begin."""
    if first < 0 or other.phase != Phase.TUNNEL or stream.phase == Phase.TUNNEL:
        return first
    stream.phase = Phase.TUNNEL.value
    handed = state.handed[state.tally[0].handed]
    handed.stream, handed.event, handed.used = index, first, 0
    state.tally[0].handed += 1
    return np.int64(-1)


@kernel()
def step(side, event, stream, other, own, state, arena, data):
    """Read one event; how many of its bytes are behind the end of HTTP."""
    if event.kind == Kind.GAP:
        gap(side, event, stream, own, state, arena)
    elif event.kind == Kind.END:
        end(side, event, stream, own, state, arena)
    elif event.kind == Kind.DATA:
        return read(side, data, event, stream, other, own, state, arena)
    else:
        return read(side, arena.tail, event, stream, other, own, state, arena)
    return np.int64(0)


@kernel()
def flow(base, states, data, arena, state, protocol):
    """Read the events of both streams of a flow, in the order in which they became due."""
    left_own, right_own = state.own[base], state.own[base + 1]
    left, right = states[base], states[base + 1]
    a, b = np.int64(left_own.first) - 1, np.int64(right_own.first) - 1
    left_own.first = right_own.first = 0
    ours, theirs = left.protocol == protocol and left.flow > 0, right.protocol == protocol and right.flow > 0
    if ours and theirs and left.flow == right.flow:
        a = follow_tunnel(base, a, left, right, state)
        b = follow_tunnel(base + 1, b, right, left, state)
    if ours:
        load(0, left, state, arena)
    if theirs:
        load(1, right, state, arena)
    last = max(np.int64(0), a, b)
    while a >= 0 or b >= 0:
        if b < 0 or 0 <= a < b:
            last, a = a, np.int64(arena.events[a].link)
            event, before = arena.events[last], left.phase
            unread = step(0, event, left, right, left_own, state, arena, data)
            changed = before != Phase.TUNNEL and left.phase == Phase.TUNNEL
            unread_left, unread_right = unread, np.int64(0)
        else:
            last, b = b, np.int64(arena.events[b].link)
            event, before = arena.events[last], right.phase
            unread = step(1, event, right, left, right_own, state, arena, data)
            changed = before != Phase.TUNNEL and right.phase == Phase.TUNNEL
            unread_left, unread_right = np.int64(0), unread
        if changed:
            # the other side may not have sent anything yet
            begin(left_own, states[event.stream].flow, state)
            begin(right_own, states[event.stream].flow, state)
            left_own.after = right_own.after = max(left.count, right.count)
            if ours:
                hand_on(0, last, unread_left, a, event, left, left_own, state, arena)
            if theirs:
                hand_on(1, last, unread_right, b, event, right, right_own, state, arena)
            break
        if unread > 0:  # behind the end of HTTP in an earlier batch
            (left if event.stream & 1 == 0 else right).undecoded += unread
    if ours:
        store(0, arena.events[last], left, left_own, state, arena)
    if theirs:
        store(1, arena.events[last], right, right_own, state, arena)


@kernel("int64(int32[::1], int64, STREAM[::1], uint8[::1], Arena, State, int64)")
def walk(first, begin, states, data, arena, state, protocol):
    """Walk the flows whose events begin with first[begin:]; where to go on, len(first) at the end.

    It ends early where the arrays of `state` have no room for the next flow: `need_bytes` and `need_events` of its
    tally are what that one can need.
    """
    for h in range(begin, first.size):
        index = np.int64(arena.events[first[h]].stream)
        if states[index].protocol != protocol or state.own[index].first == 0:
            continue
        base = index & ~1
        if not has_room(base, state):
            return np.int64(h)
        flow(base, states, data, arena, state, protocol)
    return np.int64(first.size)
