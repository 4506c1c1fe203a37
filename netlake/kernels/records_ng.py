"""Index the packets of a pcapng file: enhanced, simple and obsolete packet blocks.

- Any other block ends the pass (BLOCK): it may change interfaces or byte order, which the caller reads.
- As in `records`, a block is read only if it is whole in the buffer. Lengths that no block can have end the pass first,
  so that the caller never waits for bytes that will not come.
- A block is judged by the fields in front of the packet, then its options, then the length at its end, in this order,
  so that the reason for an invalid block is always the same however the buffer is divided.
- Times are 64-bit ticks of any unit; they become nanoseconds in whole numbers, truncated.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.records import BLOCK, COMMENTS, FULL, MORE, NANO, RecordArrays, word  # noqa: F401 - in a signature

# block types
SECTION = 0x0A0D0D0A
DESCRIPTION = 1  # of an interface
OBSOLETE = 2
SIMPLE = 3
NAMES = 4
STATISTICS = 5
ENHANCED = 6

# why a block is invalid; as in `records`, the value is the number that is wrong
SHORT_BLOCK = 16  # its length is less than its type needs
LONG_BLOCK = 17  # its length is above the limit
OTHER_LENGTH = 18  # the length at its end is not the one at its start
NO_INTERFACE = 19  # its interface was not described
LONG_PACKET = 20  # its captured length is above the limit of its link type
PAST_BLOCK = 21  # its captured bytes do not fit into it
BAD_OPTIONS = 22  # its options do not fit into it

# Wireshark's limit
LONGEST_BLOCK = 134348832

# how ticks become ns: multiplied by a number, divided by a number, or times 10^9 and shifted right by a number of bits
TIMES, DIVIDED, SHIFTED, NEVER = range(4)

# a section, and where a call of the index begins in it
NG = np.dtype(
    [
        ("base", np.int64),  # offset in the file of data[0]
        ("big", np.int64),  # 1 for big-endian
        ("interfaces", np.int64),  # described so far in this section
        ("first", np.int64),  # number in the capture of the section's first interface
        ("comments", np.int64),  # found by this call
    ],
    align=True,
)
# an interface of the section; `clock` is TIMES to NEVER, `number` its operand, `seconds` are added to times
INTERFACE = np.dtype(
    [(name, np.int64) for name in ("link_type", "limit", "snaplen", "clock", "number", "seconds")], align=True
)
# a comment of a packet: row of the batch, offset in the buffer, length
COMMENT = np.dtype([("row", np.int64), ("at", np.int64), ("size", np.int64)], align=True)
# the packet block that the index reads: its length with padding, its interface in the section, the packet's lengths,
# the offset of its bytes in the block; `value` is the number that belongs to the reason why it is not a row
PACKET = np.dtype(
    [(name, np.int64) for name in ("whole", "interface", "captured", "length", "ahead", "value")], align=True
)

NO_TIME = -9223372036854775808
LATEST = 9223372036854775807


@kernel()
def short(data, at, big):
    """16 bits at `at` in the byte order of the section."""
    first, second = np.int64(data[at]), np.int64(data[at + 1])
    return first << 8 | second if big else second << 8 | first


@kernel()
def shifted(ticks, bits):
    """floor(ticks * 10^9 / 2^bits), at most LATEST; `ticks` is uint64."""
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
    """The ns since 1970 of a time in two 32-bit words, NO_TIME if they do not fit in 64 bits."""
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
    """`nanoseconds`, for the times in other blocks."""
    return nanoseconds(high, low, clock, value, seconds)


@kernel()
def find_comments(data, at, end, row, section, comments):
    """Find the comments among the options between `at` and `end`; False if the options do not fit."""
    big = section.big == 1
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
            found = section.comments
            if found < len(comments):
                comments[found].row = row
                comments[found].at = at
                comments[found].size = size
            section.comments = found + 1
        at += (size + 3) & ~3
    return True


@kernel()
def read_packet(data, at, kind, section, interfaces, block):
    """Read interface, lengths, and the offset of the packet's bytes in its block."""
    big = section.big == 1
    if kind == SIMPLE:
        sent = word(data, at + 8, big)
        block.interface, block.ahead = 0, 12
        block.captured = block.length = sent
        if section.interfaces > 0 and interfaces[0].snaplen > 0 and interfaces[0].snaplen < sent:
            block.captured = interfaces[0].snaplen
        return
    block.interface = short(data, at + 8, big) if kind == OBSOLETE else word(data, at + 8, big)
    block.captured, block.length, block.ahead = word(data, at + 20, big), word(data, at + 24, big), 28


@kernel()
def judge(data, at, end, section, interfaces, block):
    """Why the packet block at `at` cannot be a row, FULL if it can; its fields and the reason's value go to `block`.

    Only the fields in front of the packet's bytes are checked, and that the block is whole.
    """
    big = section.big == 1
    block.value = 12
    if at + 12 > end:
        return MORE
    kind = word(data, at, big)
    total = word(data, at + 4, big)
    block.value = total
    if kind == SECTION:
        return BLOCK
    if total < 12:
        return SHORT_BLOCK
    if not (kind == ENHANCED or kind == SIMPLE or kind == OBSOLETE):
        return BLOCK
    whole = (total + 3) & ~3
    least = 16 if kind == SIMPLE else 32
    if whole < least:
        return SHORT_BLOCK
    if at + least > end:
        block.value = least
        return MORE
    read_packet(data, at, kind, section, interfaces, block)
    if block.interface >= section.interfaces:
        block.value = block.interface
        return NO_INTERFACE
    block.value = block.captured
    if block.captured > interfaces[block.interface].limit:
        return LONG_PACKET
    if block.ahead + ((block.captured + 3) & ~3) + 4 > whole:
        return PAST_BLOCK
    if whole > LONGEST_BLOCK:
        block.value = total
        return LONG_BLOCK
    block.value = block.whole = whole
    return MORE if at + whole > end else FULL


@kernel("Tuple((int64, int64, int64, int64))(uint8[::1], int64, int64, NG[::1], INTERFACE[::1], int64, int64,"
        " RecordArrays, COMMENT[::1], PACKET[::1])")  # fmt: skip
def index_pcapng(data, at, end, state, interfaces, row, rows, out, comments, scratch):
    """Index the packet blocks that are whole between `at` and `end` into rows `row` to `rows`: (row, at, why, value).

    `state` is one NG, whose `comments` becomes the number of `comments` found; `scratch` is one PACKET.
    """
    section, block = state[0], scratch[0]
    big = section.big == 1
    if at < 0 or end > len(data) or section.interfaces > len(interfaces):
        return row, at, MORE, np.int64(12)
    while row < rows:
        why = judge(data, at, end, section, interfaces, block)
        if why != FULL:
            return row, at, why, block.value
        kind, total, whole, ahead = word(data, at, big), word(data, at + 4, big), block.whole, block.ahead
        if kind != SIMPLE:
            before = section.comments
            options = at + ahead + ((block.captured + 3) & ~3)
            if not find_comments(data, options, at + whole - 4, row, section, comments):
                section.comments = before
                return row, at, BAD_OPTIONS, total
            if section.comments > len(comments):
                found = section.comments - before
                section.comments = before
                return row, at, COMMENTS, found
        if word(data, at + whole - 4, big) != total:
            return row, at, OTHER_LENGTH, total
        described = interfaces[block.interface]
        out.start[row] = at + ahead
        out.captured[row] = block.captured
        out.length[row] = block.length
        if kind == SIMPLE:
            out.ts[row] = NO_TIME
        else:
            out.ts[row] = nanoseconds(
                word(data, at + 12, big),
                word(data, at + 16, big),
                described.clock,
                described.number,
                described.seconds,
            )
        out.offset[row] = section.base + at
        out.interface[row] = section.first + block.interface
        out.link_type[row] = described.link_type
        row += 1
        at += whole
    return row, at, FULL, np.int64(0)


@kernel()
def block_plausible(data, at, big, count):
    """Length of the block that may begin at `at`, 0 if none can; 12 bytes are in memory."""
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
    """The next place from `at` where a block may begin: its type is known and its two lengths are equal.

    `last`: nothing follows `end`. Returns (place, 0), or if more bytes are needed (place up to which there is none,
    bytes needed from there).
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
                # both lengths have the same byte order
                same = True
                for i in range(4):
                    if data[at + 4 + i] != data[at + total - 4 + i]:
                        same = False
                if same:
                    return at, np.int64(0)
        at += 1
    return at, np.int64(12)
