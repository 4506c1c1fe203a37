"""Join what is said in the flows of a protocol into turns (netlake.layers.dialog).

A turn is all that one side says until the other one speaks, within a batch; a gap and an end are turns of their own,
without bytes. The turns of a flow follow each other in the order of the capture. Bytes that were kept until the
protocol was known (netlake.kernels.first_look) come first, those of the earlier packet before the others.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.flow_state import record
from netlake.kernels.stream_arena import copy, keep, resume
from netlake.kernels.stream_state import EVENT, STREAM, Arena, Kind  # noqa: F401 - signatures name the records

TURN = record(
    [
        ("start", np.int64),  # in the joined bytes
        ("end", np.int64),
        ("missing", np.int64),  # bytes of a gap
        ("at", np.int64),  # packet in which a gap or an end became due
        ("pieces", np.int32),  # first of its pieces, which end with those of the next turn
        ("stream", np.int32),
        ("event", np.int32),  # its first event, -1: bytes that were kept
        ("kind", np.uint8),  # Kind; DATA also for late bytes
    ],
    [],
)
# bytes of a turn that one packet carries
PIECE = record(
    [
        ("start", np.int64),  # in the joined bytes
        ("number", np.int64),  # packet that carries them
        ("ts", np.int64),
        ("at", np.int64),  # packet in which they became due
        ("event", np.int32),  # -1: bytes that were kept
    ],
    [],
)
# room that a batch needs, and what of it is in use
USED = record([("bytes", np.int64), ("turns", np.int64), ("pieces", np.int64)], [])


@kernel("void(int32[::1], STREAM[::1], Arena, int64, USED[::1])")
def measure(first, states, arena, protocol, need):
    """How many bytes, turns and pieces the streams of a protocol can have in this batch, at most."""
    need[0].bytes = need[0].turns = need[0].pieces = 0
    for index in range(first.size):
        i = np.int64(first[index])
        stream = arena.events[i].stream
        if states[stream].protocol != protocol:
            continue
        for side in range(2):
            kept = states[stream ^ side].kept
            if kept:
                need[0].bytes += arena.heads[kept].size
                need[0].turns += 1
        while i >= 0:
            if arena.events[i].kind <= Kind.LATE:
                need[0].bytes += arena.events[i].size
            need[0].turns += 1
            i = np.int64(arena.events[i].link)
    need[0].pieces = need[0].turns


@kernel()
def begin_turn(stream, kind, event, used, turns):
    """A turn without bytes so far."""
    turn = turns[used[0].turns]
    turn.start = turn.end = used[0].bytes
    turn.missing, turn.at, turn.pieces = 0, 0, used[0].pieces
    turn.stream, turn.kind, turn.event = stream, kind, event
    used[0].turns += 1
    return 0


@kernel()
def add_piece(number, ts, at, event, size, used, turns, pieces):
    """The last turn has `size` more bytes, which are in the joined bytes already."""
    piece = pieces[used[0].pieces]
    piece.start, piece.number, piece.ts, piece.at, piece.event = used[0].bytes, number, ts, at, event
    used[0].pieces += 1
    used[0].bytes += size
    turns[used[0].turns - 1].end = used[0].bytes
    return 0


@kernel()
def kept_turn(stream, states, arena, out, used, turns, pieces):
    """What was kept of a stream before its protocol was known, as a turn; the arena is given it back."""
    kept = states[stream].kept
    number, ts = arena.heads[kept].number, arena.heads[kept].ts
    begin_turn(stream, Kind.DATA, -1, used, turns)
    size = resume(states[stream], arena, out, used[0].bytes)
    add_piece(number, ts, number, -1, size, used, turns, pieces)
    return 0


@kernel()
def kept_turns(stream, protocol, states, arena, out, used, turns, pieces):
    """What was kept of both directions of the flow of `stream`; of the later one only if it is of the protocol too."""
    mine, other = states[stream], states[stream ^ 1]
    has_other = other.kept != 0 and other.flow == mine.flow and other.protocol == protocol
    other_first = has_other and (mine.kept == 0 or arena.heads[other.kept].number < arena.heads[mine.kept].number)
    if other_first:
        kept_turn(stream ^ 1, states, arena, out, used, turns, pieces)
    if mine.kept != 0:
        kept_turn(stream, states, arena, out, used, turns, pieces)
    if has_other and not other_first:
        kept_turn(stream ^ 1, states, arena, out, used, turns, pieces)
    return 0


@kernel(
    "void(int32[::1], STREAM[::1], uint8[::1], Arena, int64, int32[::1], uint8[::1], USED[::1], TURN[::1], PIECE[::1])"
)
def join(first, states, data, arena, protocol, heads, out, used, turns, pieces):
    """The turns of all flows of a protocol, flow by flow.

    `heads` has one number for each stream: all 0, and 0 again afterwards. `used` is what is in use of the others.
    """
    used[0].bytes = used[0].turns = used[0].pieces = 0
    for index in range(first.size):
        stream = arena.events[first[index]].stream
        if states[stream].protocol == protocol:
            heads[stream] = first[index] + 1
    for index in range(first.size):
        stream = np.int64(arena.events[first[index]].stream)
        if heads[stream] == 0:
            continue
        mine, theirs = np.int64(heads[stream]) - 1, np.int64(heads[stream ^ 1]) - 1
        heads[stream] = heads[stream ^ 1] = 0
        kept_turns(stream, protocol, states, arena, out, used, turns, pieces)
        speaking = np.int64(-1)
        while mine >= 0 or theirs >= 0:
            if theirs < 0 or 0 <= mine < theirs:
                i = mine
                mine = np.int64(arena.events[i].link)
            else:
                i = theirs
                theirs = np.int64(arena.events[i].link)
            event = arena.events[i]
            if event.kind > Kind.LATE:
                speaking = -1
                begin_turn(event.stream, event.kind, i, used, turns)
                turn = turns[used[0].turns - 1]
                turn.missing, turn.at = event.size, event.at
                continue
            if event.stream != speaking:
                speaking = np.int64(event.stream)
                begin_turn(event.stream, Kind.DATA, i, used, turns)
            copy(data if event.kind == Kind.DATA else arena.tail, event.start, event.size, out, used[0].bytes)
            add_piece(event.number, event.ts, event.at, i, event.size, used, turns, pieces)


@kernel("int64(int64, uint8[::1], int64, int64, STREAM[::1], Arena)")
def keep_unread(stream, data, number, ts, states, arena):
    """Keep bytes of a stream that were read too far, until its protocol is known; 0 if there is no room, else 1."""
    return keep(states[stream], data, 0, data.size, 0, number, ts, arena)
