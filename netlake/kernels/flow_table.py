"""The hash table of flows, and the life of a row of state: taken, retired, freed.

An entry of `table` (uint64, a power of two of them) is the upper half of the key's hash and the row + 1; 0 is empty and
TOMBSTONE was removed. Keys are compared in full. The caller rebuilds the table before too few entries are empty.
A retired row waits in the ring `ended` until it was exported; then it is in the stack `free`.

Rows are freed between batches; in the midst of a batch only when a new flow needs a row and none is free or unused. So
a row that is freed in the midst of a batch gets another flow in that batch only because no other row is left.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.flow_holes import give_back
from netlake.kernels.flow_state import (  # noqa: F401 - signatures name the records
    BETWEEN_SWEEPS,
    CONTROL,
    FLOW,
    LINGER,
    SIDE,
    SILENCE,
    TCP_SILENCE,
    TCP_SILENCE_WITHOUT_DATA,
    Ending,
    State,
    Why,
)
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.times import after, elapsed
from netlake.packets import NO_TIME

UPPER = np.uint64(0xFFFFFFFF00000000)
LOWER = np.uint64(0x00000000FFFFFFFF)
TOMBSTONE = np.uint64(0x00000000FFFFFFFF)
EMPTY = np.uint64(0)
HALF = np.uint64(32)
SPREAD = np.uint64(0x9E3779B97F4A7C15)


@kernel()
def product(word, seed):
    """NH product of one 64-bit word with its key `seed`: both 32-bit halves added, then multiplied (RFC 4418)."""
    return ((word + seed) & LOWER) * (((word >> HALF) + (seed >> HALF)) & LOWER)


@kernel()
def hash_of(key, seeds):
    """The keyed hash of a flow's key, a record KEY or FLOW.

    Sums of products of halves (NH, RFC 4418): two keys have the same hash with a probability of 2^-32, also keys that
    an attacker chose; and no multiplication waits for another. Then the bits are spread.
    """
    ports = np.int64(key.a_port + 1) << 25 | np.int64(key.b_port + 1) << 8 | np.int64(key.protocol)
    ports |= np.int64(key.version == 6) << 42
    total = product(key.a_high, seeds[0]) + product(key.a_low, seeds[1])
    total += product(key.b_high, seeds[2]) + product(key.b_low, seeds[3])
    total += product(np.uint64(ports), seeds[4]) + product(np.uint64(key.space), seeds[5])
    total = (total ^ total >> HALF) * SPREAD
    return total ^ total >> HALF


@kernel()
def is_same(flow, key):
    """Whether a flow has `key`."""
    return (
        flow.a_low == key.a_low
        and flow.b_low == key.b_low
        and flow.a_port == key.a_port
        and flow.b_port == key.b_port
        and flow.a_high == key.a_high
        and flow.b_high == key.b_high
        and flow.protocol == key.protocol
        and flow.version == key.version
        and flow.space == key.space
    )


@kernel()
def retire(flow, row, why, ended, control):
    """Add a flow to those that have ended; a reason that it already has stays."""
    if flow.ending == Ending.OPEN:
        flow.ending = why
    flow.retired = 1
    ended[(control.ended_at + control.ended) % ended.size] = row
    control.ended += 1
    control.live -= 1


@kernel(once=True)
def find(table, flows, key):
    """(row, place) of the flow of `key`, or (-1, place where it may be entered)."""
    mask = np.uint64(table.size - 1)
    at = key.code & mask
    vacant = np.int64(-1)
    while True:
        entry = table[np.int64(at)]
        if entry == EMPTY:
            return np.int64(-1), np.int64(at) if vacant < 0 else vacant
        if entry == TOMBSTONE:
            if vacant < 0:
                vacant = np.int64(at)
        elif (entry ^ key.code) & UPPER == EMPTY:
            row = np.int64(entry & LOWER) - 1
            if is_same(flows[row], key):
                return row, np.int64(at)
        at = (at + np.uint64(1)) & mask


@kernel(once=True)
def begin(key, row, place, why, state, control):
    """The row of a new flow, -1 where the caller must do something first (control.why).

    `row` (-1: none) is the one whose place it takes, which ends because of `why`.
    """
    flows, table = state.flows, state.table
    if control.free == 0 and control.used == flows.size:
        control.why = Why.MAKE_ROOM
        return np.int64(-1)
    if row >= 0:
        retire(flows[row], row, why, state.ended, control)
    elif table[place] != EMPTY:
        control.tombstones -= 1
    elif 2 * (control.live + control.tombstones + 1) > table.size:
        control.why = Why.REBUILD
        return np.int64(-1)
    if control.free > 0:
        control.free -= 1
        row = np.int64(state.free[control.free])
    else:
        row = control.used
        control.used += 1
    table[place] = (key.code & UPPER) | np.uint64(row + 1)
    flows[row] = state.blank_flow[0]
    state.sides[row, 0] = state.blank_side[0]
    state.sides[row, 1] = state.blank_side[0]
    control.live += 1
    control.flows += 1
    flow = flows[row]
    flow.a_high, flow.a_low, flow.b_high, flow.b_low = key.a_high, key.a_low, key.b_high, key.b_low
    flow.a_port, flow.b_port, flow.protocol, flow.version = key.a_port, key.b_port, key.protocol, key.version
    flow.space, flow.number, flow.place = key.space, control.flows, place
    return row


@kernel()
def silence(flow):
    """The silence after which a flow is over, ns."""
    if flow.ending != Ending.OPEN:
        return LINGER
    if flow.protocol == IpProtocol.TCP:
        return TCP_SILENCE if flow.has_data else TCP_SILENCE_WITHOUT_DATA
    return SILENCE


@kernel()
def is_over(flow, now):
    """Whether a flow was silent for too long; without a time none is."""
    return flow.clock != NO_TIME and elapsed(now, flow.clock) > silence(flow)


@kernel("int64(State, int32[::1], int64[::1])")
def silent(state, rows, deadlines):
    """Rows of the flows that were silent for too long, with the time at which they were over; returns how many.

    The next time to look for them is set. The silence of a flow without any time begins now.
    """
    count = 0
    control = state.control[0]
    now = control.now
    control.sweep_at = after(now, BETWEEN_SWEEPS)
    for row in range(control.used):
        flow = state.flows[row]
        if flow.number == 0 or flow.retired or now == NO_TIME:
            continue
        if flow.clock == NO_TIME:
            flow.clock = now
        elif is_over(flow, now):
            rows[count] = row
            deadlines[count] = after(flow.clock, silence(flow))
            count += 1
    return count


@kernel("void(int32[::1], int64, State)")
def retire_rows(rows, why, state):
    """Retire `rows` in their order, and take them out of the hash table."""
    table, control = state.table, state.control[0]
    mask = table.size - 1
    for i in range(rows.size):
        row = np.int64(rows[i])
        flow = state.flows[row]
        place = np.int64(flow.place)
        if table[(place + 1) & mask] == EMPTY:
            table[place] = EMPTY
        else:
            table[place] = TOMBSTONE
            control.tombstones += 1
        retire(flow, row, why, state.ended, control)


@kernel("void(int32[::1], State)")
def free_rows(rows, state):
    """Free `rows`, which were exported."""
    free, control = state.free, state.control[0]
    for i in range(rows.size):
        row = np.int64(rows[i])
        state.flows[row].number = 0
        give_back(state.holes, control, state.sides[row, 0])
        give_back(state.holes, control, state.sides[row, 1])
        free[control.free] = rows[i]
        control.free += 1


@kernel("void(State, uint64[::1])")
def rebuild(state, seeds):
    """Enter every live flow into the hash table, which is emptied first."""
    table, control = state.table, state.control[0]
    mask = table.size - 1
    table[:] = EMPTY
    control.tombstones = 0
    for row in range(control.used):
        flow = state.flows[row]
        if flow.number == 0 or flow.retired:
            continue
        code = hash_of(flow, seeds)
        at = np.int64(code & np.uint64(mask))
        while table[at] != EMPTY:
            at = (at + 1) & mask
        table[at] = (code & UPPER) | np.uint64(row + 1)
        flow.place = at
