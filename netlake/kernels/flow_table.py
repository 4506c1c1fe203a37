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
def hash_of(key, seeds):
    """The keyed hash of the words of a conversation's key.

    Sums of products of halves (NH, RFC 4418): two keys meet once in 2^32, whoever chose them; and no multiplication
    waits for another. Then the bits are spread.
    """
    total = EMPTY
    for word in range(s.KEY_WORDS):
        total += product(np.uint64(key[word]), seeds[word])
    total = (total ^ total >> HALF) * SPREAD
    return total ^ total >> HALF


@kernel()
def retire(octet, row, why, ended, control):
    """Put a conversation among those that have ended; a reason that it has stands."""
    if octet[s.ENDING] == 0:
        octet[s.ENDING] = why
    octet[s.RETIRED] = 1
    ended[(control[s.ENDED_AT] + control[s.ENDED]) % ended.size] = row
    control[s.ENDED] += 1
    control[s.LIVE] -= 1


@kernel(once=True)
def find(table, longs, key):
    """(row, place) of the conversation of `key`, or (-1, place where it may be entered)."""
    mask = table.size - 1
    code = np.uint64(key[s.K_CODE])
    at = key[s.K_CODE] & mask
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
            word = 0
            while word < s.KEY_WORDS and long[word] == key[word]:
                word += 1
            if word == s.KEY_WORDS:
                return row, at
        at = (at + 1) & mask


@kernel(once=True)
def take_row(long, integer, longs, integers, key, place, control):
    """Make a free row that of a conversation begun with `key`, whole and both directions."""
    for word in range(s.WORDS):
        long[word] = key[word] if word < s.KEY_WORDS else 0
    for side in range(2):
        for word in range(s.MY_WORDS):
            longs[side, word] = 0
        longs[side, s.MY_LAST_TS] = NO_TIME
        integers[side, s.MY_FIRST_WINDOW] = -1
        integers[side, s.MY_LEAST_WINDOW] = -1
        integers[side, s.MY_GREATEST_WINDOW] = -1
    control[s.LIVE] += 1
    control[s.FLOWS] += 1
    long[s.FLOW] = control[s.FLOWS]
    integer[s.PLACE] = place


@kernel(once=True)
def begin(key, row, place, why, longs, integers, octets, side_longs, side_integers, table, free, ended, control):
    """The row of a conversation begun now, -1 where the caller must do something first (WHY).

    `row` (-1: none) is the one whose place it takes, which ends because of `why`.
    """
    if control[s.FREE] == 0 and control[s.USED] == longs.shape[0]:
        control[s.WHY] = s.MAKE_ROOM
        return np.int64(-1)
    if row >= 0:
        retire(octets[row], row, why, ended, control)
    elif table[place] != EMPTY:
        control[s.TOMBSTONES] -= 1
    elif 2 * (control[s.LIVE] + control[s.TOMBSTONES] + 1) > table.size:
        control[s.WHY] = s.REBUILD
        return np.int64(-1)
    if control[s.FREE] > 0:
        control[s.FREE] -= 1
        row = np.int64(free[control[s.FREE]])
    else:
        row = control[s.USED]
        control[s.USED] += 1
    table[place] = (np.uint64(key[s.K_CODE]) & UPPER) | np.uint64(row + 1)
    take_row(longs[row], integers[row], side_longs[row], side_integers[row], key, place, control)
    return row


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
        code = hash_of(long, seeds)
        at = np.int64(code) & mask
        while table[at] != EMPTY:
            at = (at + 1) & mask
        table[at] = (code & UPPER) | np.uint64(row + 1)
        integers[row, s.PLACE] = at
