"""The hash table of conversations, and the life of a row of state: taken, retired, freed.

An entry of `table` (uint64, a power of two of them) is the upper half of the key's hash and the row + 1; 0 is empty and
TOMBSTONE was removed. Keys are compared in full. The caller rebuilds the table before too few entries are empty.
A retired row waits in `ended`, a ring, until it was exported; then it is free again.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import flow_state as s
from netlake.kernels import kernel
from netlake.packets import NO_TIME

UPPER = np.uint64(0xFFFFFFFF00000000)
LOWER = np.uint64(0x00000000FFFFFFFF)
TOMBSTONE = np.uint64(0x00000000FFFFFFFF)
EMPTY = np.uint64(0)
HALF = np.uint64(32)
SPREAD = np.uint64(0x9E3779B97F4A7C15)
FOREVER = np.int64(0x7FFFFFFFFFFFFFFF)


@kernel()
def product(word, seed):
    """Its two halves, each moved by half of a secret, multiplied."""
    return ((word + seed) & LOWER) * (((word >> HALF) + (seed >> HALF)) & LOWER)


@kernel()
def hash_of(a_high, a_low, b_high, b_low, ports, key, seeds):
    """The keyed hash of a conversation's key.

    Sums of products of halves (NH, RFC 4418): two keys meet once in 2^32, whoever chose them; and no multiplication
    waits for another. Then the bits are spread.
    """
    total = product(a_high, seeds[0]) + product(a_low, seeds[1]) + product(b_high, seeds[2])
    total += product(b_low, seeds[3]) + product(np.uint64(ports), seeds[4]) + product(np.uint64(key), seeds[5])
    total = (total ^ total >> HALF) * SPREAD
    return total ^ total >> HALF


@kernel()
def find(table, longs, code, a_high, a_low, b_high, b_low, ports, key):
    """(row, place) of a conversation, or (-1, place where it may be entered); `code` is its hash."""
    mask = table.size - 1
    at = np.int64(code) & mask
    vacant = np.int64(-1)
    while True:
        entry = table[at]
        if entry == EMPTY:
            return np.int64(-1), at if vacant < 0 else vacant
        if entry == TOMBSTONE:
            if vacant < 0:
                vacant = at
        elif (entry ^ code) & UPPER == 0:
            row = np.int64(entry & LOWER) - 1
            long = longs[row]
            low = long[s.A_LOW] == np.int64(a_low) and long[s.B_LOW] == np.int64(b_low)
            high = long[s.A_HIGH] == np.int64(a_high) and long[s.B_HIGH] == np.int64(b_high)
            if low and high and long[s.PORTS] == ports and long[s.KEY] == key:
                return row, at
        at = (at + 1) & mask


@kernel()
def silence(long, octet):
    """The silence after which a conversation is over, ns."""
    if octet[s.ENDING]:
        return s.LINGER
    if long[s.PORTS] & 255 == s.TCP:
        return s.TCP_SILENCE if octet[s.HAS_DATA] else s.TCP_SILENCE_WITHOUT_DATA
    return s.SILENCE


@kernel()
def is_over(long, octet, now):
    """Whether it was silent for too long; without a time nothing is."""
    quiet = now - long[s.CLOCK]
    # the clock never runs backwards, so what is negative does not fit 64 bits
    return long[s.CLOCK] != NO_TIME and (quiet < 0 or quiet > silence(long, octet))


@kernel()
def retire(octet, row, why, ended, control):
    """Put a conversation among those that have ended; a reason that it has stands."""
    if octet[s.ENDING] == 0:
        octet[s.ENDING] = why
    octet[s.RETIRED] = 1
    ended[(control[s.ENDED_AT] + control[s.ENDED]) % ended.size] = row
    control[s.ENDED] += 1
    control[s.LIVE] -= 1


@kernel("int64(int64[:, ::1], uint8[:, ::1], int64[::1], int32[::1], int64[::1])")
def silent(longs, octets, control, rows, deadlines):
    """Rows that were silent for too long, with the end of their patience; returns how many.

    Conversations that have seen no time yet begin to age now.
    """
    count = 0
    now = control[s.NOW]
    for row in range(control[s.USED]):
        long, octet = longs[row], octets[row]
        if long[s.FLOW] == 0 or octet[s.RETIRED] or now == NO_TIME:
            continue
        if long[s.CLOCK] == NO_TIME:
            long[s.CLOCK] = now
        elif is_over(long, octet, now):
            rows[count] = row
            last, patience = long[s.CLOCK], silence(long, octet)
            deadlines[count] = last + patience if last < FOREVER - patience else FOREVER
            count += 1
    return count


@kernel("void(int32[::1], int64, uint64[::1], int32[:, ::1], uint8[:, ::1], int32[::1], int64[::1])")
def retire_rows(rows, why, table, integers, octets, ended, control):
    """Retire `rows` in their order, and take them out of the table."""
    mask = table.size - 1
    for i in range(rows.size):
        row = np.int64(rows[i])
        place = np.int64(integers[row, s.PLACE])
        if table[(place + 1) & mask] == EMPTY:
            table[place] = EMPTY
        else:
            table[place] = TOMBSTONE
            control[s.TOMBSTONES] += 1
        retire(octets[row], row, why, ended, control)


@kernel("void(int32[::1], int64[:, ::1], int32[::1], int64[::1])")
def free_rows(rows, longs, free, control):
    """Give `rows`, which were exported, free."""
    for i in range(rows.size):
        longs[np.int64(rows[i]), s.FLOW] = 0
        free[control[s.FREE]] = rows[i]
        control[s.FREE] += 1


@kernel("void(uint64[::1], int64[:, ::1], int32[:, ::1], uint8[:, ::1], uint64[::1], int64[::1])")
def rebuild(table, longs, integers, octets, seeds, control):
    """Enter every live conversation into the table anew."""
    mask = table.size - 1
    table[:] = EMPTY
    control[s.TOMBSTONES] = 0
    for row in range(control[s.USED]):
        long = longs[row]
        if long[s.FLOW] == 0 or octets[row, s.RETIRED]:
            continue
        code = hash_of(
            np.uint64(long[s.A_HIGH]), np.uint64(long[s.A_LOW]), np.uint64(long[s.B_HIGH]), np.uint64(long[s.B_LOW]),
            long[s.PORTS], long[s.KEY], seeds,
        )  # fmt: skip
        at = np.int64(code) & mask
        while table[at] != EMPTY:
            at = (at + 1) & mask
        table[at] = (code & UPPER) | np.uint64(row + 1)
        integers[row, s.PLACE] = at
