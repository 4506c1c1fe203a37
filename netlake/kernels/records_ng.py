"""Where each packet of a pcapng file lies: enhanced, simple and obsolete packet blocks, straight from the buffer.

Any other block is handed back to the caller, who knows what it changes. As in `records`, nothing is looked at before
it is whole in the buffer, and sizes that no block can have end the pass before anything is waited for.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.records import BLOCK, COMMENTS, FULL, MORE, word

SECTION = 0x0A0D0D0A
INTERFACE = 1
OBSOLETE = 2
SIMPLE = 3
NAMES = 4
STATISTICS = 5
ENHANCED = 6

# why a block cannot be one; as in `records`, the second value is the number that is wrong
SHORT_BLOCK = 16  # its length is below what its type needs
LONG_BLOCK = 17  # its length is above the limit
OTHER_LENGTH = 18  # the length at its end is not the one at its start
NO_INTERFACE = 19  # its interface was not described before
LONG_PACKET = 20  # its captured length is above what its link type can have
PAST_BLOCK = 21  # its captured bytes do not fit into it
BAD_OPTIONS = 22  # its options do not fit into it

# the limit that Wireshark has
LONGEST_BLOCK = 134348832

# what is known of an interface, a row of `interfaces`
LINK_TYPE, LIMIT, SNAPLEN, CLOCK, CLOCK_VALUE, SECONDS = range(6)
# how its ticks become ns: times a number, divided by a number, or shifted right by a number of bits after times 10^9
TIMES, DIVIDED, SHIFTED, NEVER = range(4)

NO_TIME = -9223372036854775808
LATEST = 9223372036854775807
NANO = 1000000000


@kernel()
def short(data, at, big):
    """16 bits at `at` in the byte order of the section."""
    first, second = np.int64(data[at]), np.int64(data[at + 1])
    return first << 8 | second if big else second << 8 | first


@kernel()
def shifted(ticks, bits):
    """floor(ticks * 10^9 / 2^bits), LATEST where that is above it; `ticks` is uint64."""
    nano = np.uint64(NANO)
    high = (ticks >> np.uint64(32)) * nano
    low = (ticks & np.uint64(0xFFFFFFFF)) * nano
    # the product is high * 2^32 + low; neither sum below passes 2^64
    top = high + (low >> np.uint64(32))
    if bits >= 32:
        result = top >> np.uint64(min(bits - 32, 63))
        return LATEST if result > np.uint64(LATEST) else np.int64(result)
    if top >> np.uint64(31 + bits) != np.uint64(0):
        return LATEST
    return np.int64(top << np.uint64(32 - bits) | (low & np.uint64(0xFFFFFFFF)) >> np.uint64(bits))


@kernel()
def nanoseconds(high, low, clock, value, seconds):
    """The ns since 1970 of a time of two 32-bit words, NO_TIME if they do not fit; truncated, in whole numbers only."""
    ticks = np.uint64(high) << np.uint64(32) | np.uint64(low)
    if clock == TIMES:
        if ticks > np.uint64(LATEST // value):
            return NO_TIME
        result = np.int64(ticks) * value
    elif clock == DIVIDED:
        quotient = ticks // np.uint64(value)
        if quotient > np.uint64(LATEST):
            return NO_TIME
        result = np.int64(quotient)
    elif clock == SHIFTED:
        result = shifted(ticks, value)
        if result == LATEST:
            return NO_TIME
    else:
        return NO_TIME
    moved = seconds * NANO
    if moved > LATEST - result:
        return NO_TIME
    return result + moved


@kernel("int64(int64, int64, int64, int64, int64)")
def time_of(high, low, clock, value, seconds):
    """As `nanoseconds`, for the times in other blocks."""
    return nanoseconds(high, low, clock, value, seconds)


@kernel()
def comments_of(data, at, end, big, row, state, comments):
    """Find the comments among the options between `at` and `end`; False if the options do not fit."""
    while at < end:
        if at + 4 > end:
            return False
        code = short(data, at, big)
        size = short(data, at + 2, big)
        if code == 0:
            return True
        at += 4
        if at + ((size + 3) & ~3) > end:
            return False
        if code == 1:
            found = state[4]
            if found < len(comments):
                comments[found, 0] = row
                comments[found, 1] = at
                comments[found, 2] = size
            state[4] = found + 1
        at += (size + 3) & ~3
    return True


@kernel()
def packet_fields(data, at, kind, big, interfaces, count):
    """(interface, captured, length, offset of the bytes in the block) of a packet block."""
    if kind == SIMPLE:
        sent = word(data, at + 8, big)
        kept = sent
        if count > 0 and interfaces[0, SNAPLEN] > 0 and interfaces[0, SNAPLEN] < sent:
            kept = interfaces[0, SNAPLEN]
        return np.int64(0), kept, sent, np.int64(12)
    number = short(data, at + 8, big) if kind == OBSOLETE else word(data, at + 8, big)
    return number, word(data, at + 20, big), word(data, at + 24, big), np.int64(28)


@kernel()
def judge(data, at, end, big, interfaces, count):
    """(why it cannot be a row, FULL if it can, value, its length, interface, captured, length, offset of its bytes).

    Of the packet block at `at`, as far as its head says; what stands behind the packet is not looked at.
    """
    none = np.int64(0)
    if at + 12 > end:
        return MORE, np.int64(12), none, none, none, none, none
    kind = word(data, at, big)
    total = word(data, at + 4, big)
    if kind == SECTION:
        return BLOCK, total, none, none, none, none, none
    if total < 12:
        return SHORT_BLOCK, total, none, none, none, none, none
    if not (kind == ENHANCED or kind == SIMPLE or kind == OBSOLETE):
        return BLOCK, total, none, none, none, none, none
    whole = (total + 3) & ~3
    least = 16 if kind == SIMPLE else 32
    if whole < least:
        return SHORT_BLOCK, total, none, none, none, none, none
    if at + least > end:
        return MORE, np.int64(least), none, none, none, none, none
    number, kept, sent, ahead = packet_fields(data, at, kind, big, interfaces, count)
    if number >= count:
        return NO_INTERFACE, number, none, none, none, none, none
    if kept > interfaces[number, LIMIT]:
        return LONG_PACKET, kept, none, none, none, none, none
    if ahead + ((kept + 3) & ~3) + 4 > whole:
        return PAST_BLOCK, kept, none, none, none, none, none
    if whole > LONGEST_BLOCK:
        return LONG_BLOCK, total, none, none, none, none, none
    if at + whole > end:
        return MORE, whole, none, none, none, none, none
    return FULL, none, whole, number, kept, sent, ahead


@kernel(
    "Tuple((int64, int64, int64, int64))(uint8[::1], int64, int64, int64[::1], int64[:, ::1], int64, int64, int64[::1],"
    " int64[::1], int64[::1], int64[::1], int64[::1], int32[::1], int32[::1], int64[:, ::1])"
)
def index_pcapng(
    data, at, end, state, interfaces, row, rows, start, captured, length, ts, offset, interface, link_type, comments
):
    """Index packet blocks from `at`, those whole before `end`, into rows `row` to `rows`: (row, at, why, value).

    `state`: file offset of data[0], 1 for big endian, interfaces of this section, number of its first interface,
    comments found; a row of `comments` is (row, offset in data, length).
    """
    base = state[0]
    big = state[1] == 1
    count = state[2]
    first = state[3]
    if at < 0 or end > len(data) or count > len(interfaces):
        return row, at, MORE, np.int64(12)
    while row < rows:
        why, value, whole, number, kept, sent, ahead = judge(data, at, end, big, interfaces, count)
        if why != FULL:
            return row, at, why, value
        kind, total = word(data, at, big), word(data, at + 4, big)
        options = ahead + ((kept + 3) & ~3)
        if kind != SIMPLE:
            before = state[4]
            if not comments_of(data, at + options, at + whole - 4, big, row, state, comments):
                state[4] = before
                return row, at, BAD_OPTIONS, total
            if state[4] > len(comments):
                found = state[4] - before
                state[4] = before
                return row, at, COMMENTS, found
        if word(data, at + whole - 4, big) != total:
            return row, at, OTHER_LENGTH, total
        start[row] = at + ahead
        captured[row] = kept
        length[row] = sent
        if kind == SIMPLE:
            ts[row] = NO_TIME
        else:
            ts[row] = nanoseconds(
                word(data, at + 12, big),
                word(data, at + 16, big),
                interfaces[number, CLOCK],
                interfaces[number, CLOCK_VALUE],
                interfaces[number, SECONDS],
            )
        offset[row] = base + at
        interface[row] = first + number
        link_type[row] = interfaces[number, LINK_TYPE]
        row += 1
        at += whole
    return row, at, FULL, np.int64(0)


@kernel()
def block_plausible(data, at, big, count):
    """Length of the block that may begin at `at`, 0 if none can; the caller has checked for 12 bytes."""
    kind = word(data, at, big)
    total = word(data, at + 4, big)
    if kind == SECTION:
        order = word(data, at + 8, True)
        if order != 0x1A2B3C4D and order != 0x4D3C2B1A:
            return np.int64(0)
        total = word(data, at + 4, order == 0x1A2B3C4D)
        return total if total >= 28 and total <= 1048576 and total & 3 == 0 else np.int64(0)
    if kind < 1 or kind > 6 or total & 3 != 0 or total < 16 or total > 1048576:
        return np.int64(0)
    if kind == ENHANCED and (total < 32 or word(data, at + 8, big) >= count):
        return np.int64(0)
    if kind == OBSOLETE and (total < 32 or short(data, at + 8, big) >= count):
        return np.int64(0)
    return total


@kernel("Tuple((int64, int64))(uint8[::1], int64, int64, boolean, boolean, int64)")
def search_pcapng(data, at, end, last, big, count):
    """The next place from `at` where a block may begin: its type is known and its two lengths agree.

    `last` says that nothing comes after `end`. Returns (place, 0), or (how far it is sure that there is none, bytes
    needed from there).
    """
    if at < 0 or end > len(data):
        return at, np.int64(12)
    while at + 12 <= end:
        total = block_plausible(data, at, big, count)
        if total > 0:
            if at + total > end:
                if not last:
                    return at, total
            else:
                # both lengths are in the same byte order, whichever that is
                same = True
                for i in range(4):
                    if data[at + 4 + i] != data[at + total - 4 + i]:
                        same = False
                if same:
                    return at, np.int64(0)
        at += 1
    return at, np.int64(12)
