"""Index the packets of a pcapng file: enhanced, simple and obsolete packet blocks.

- Any other block ends the pass (BLOCK): it may change interfaces or byte order, which the caller reads.
- As in `records`, a block is read only if it is whole in the buffer. Lengths that no block can have end the pass first,
  so that the caller never waits for bytes that will not come.
- A block is judged by the fields in front of the packet, then its options, then the length at its end, in this order,
  so that the reason for an invalid block is always the same however the buffer is divided.
- Times are 64-bit ticks of any unit, with an offset of any number of seconds; they become numbers of `times` exactly,
  truncated to nanoseconds.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.records import BLOCK, FULL, MORE, OPTIONS, RecordArrays, word  # noqa: F401 - in a signature
from netlake.kernels.times import END_SECOND, FIRST_SECOND, NANO, time_of
from netlake.packets import NO_TIME

# block types
SECTION = 0x0A0D0D0A
DESCRIPTION = 1  # of an interface
OBSOLETE = 2
SIMPLE = 3
NAMES = 4
STATISTICS = 5
ENHANCED = 6
SECRETS = 10

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

# the unit of a clock: 10^-9 s or a greater power of ten, a smaller power of ten, a power of two
COARSE, FINE, BINARY = range(3)

# a section, and where a call of the index begins in it
NG = np.dtype(
    [
        ("base", np.int64),  # offset in the file of data[0]
        ("big", np.int64),  # 1 for big-endian
        ("interfaces", np.int64),  # described so far in this section
        ("first", np.int64),  # number in the capture of the section's first interface
        ("options", np.int64),  # found by this call
    ],
    align=True,
)
# an interface of the section
INTERFACE = np.dtype(
    [
        ("link_type", np.int64),
        ("limit", np.int64),  # greatest captured length
        ("snaplen", np.int64),
        # its clock: up to `most` ticks (-1: never), a time is `number` * ticks + `moved`; see `netlake.sources.blocks`
        ("most", np.int64),
        ("number", np.int64),
        ("moved", np.int64),
        # the same of any ticks: `second` is the ticks of a second, `scale` those of a ns or the ns of a tick, as
        # `clock` is FINE or COARSE; 0 for one that does not fit; `power` is the bits of BINARY; `seconds` are added
        ("clock", np.int64),
        ("second", np.uint64),
        ("scale", np.uint64),
        ("power", np.int64),
        ("seconds", np.int64),
    ],
    align=True,
)
# an option of a packet: row of the batch, code, offset in the buffer and length of its value, byte order
OPTION = np.dtype([(name, np.int64) for name in ("row", "code", "at", "size", "big")], align=True)
# codes of options of packets; LOST is the count in the header of obsolete packet blocks, if it is neither 0 nor unknown
COMMENT, HASH, VERDICT = 1, 3, 7
LOST = 0x10000
UNKNOWN_LOSS = 0xFFFF
# the packet block that the index reads: its length with padding, its interface in the section, the packet's lengths,
# the offset of its bytes in the block; `value` is the number that belongs to the reason why it is not a row
PACKET = np.dtype(
    [(name, np.int64) for name in ("whole", "interface", "captured", "length", "ahead", "value")], align=True
)


@kernel()
def short(data, at, big):
    """16 bits at `at` in the byte order of the section."""
    first, second = np.int64(data[at]), np.int64(data[at + 1])
    return first << 8 | second if big else second << 8 | first


@kernel()
def parts_of(ticks, described):
    """Whole seconds, as uint64, and nanoseconds of the second of `ticks` (uint64), truncated."""
    if described.clock == BINARY:
        bits = described.power
        whole = ticks >> np.uint64(bits) if bits < 64 else np.uint64(0)
        part = ticks & ((np.uint64(1) << np.uint64(bits)) - np.uint64(1)) if bits < 64 else ticks
        # part * 10^9 is top * 2^32 + the low 32 bits of `low`; neither sum passes 2^64
        low = (part & np.uint64(0xFFFFFFFF)) * np.uint64(NANO)
        top = (part >> np.uint64(32)) * np.uint64(NANO) + (low >> np.uint64(32))
        if bits < 32:
            return whole, np.int64(low >> np.uint64(bits))
        return whole, np.int64(top >> np.uint64(bits - 32)) if bits < 96 else np.int64(0)
    whole = ticks // described.second if described.second > 0 else np.uint64(0)
    part = ticks - whole * described.second
    if described.clock == COARSE:
        return whole, np.int64(part * described.scale)
    return whole, np.int64(part // described.scale) if described.scale > 0 else np.int64(0)


@kernel()
def exact_time(ticks, described):
    """(number of the time, nanoseconds below its microsecond) of any `ticks` (uint64); NO_TIME if it is none."""
    whole, nanos = parts_of(ticks, described)
    # above 2^62 s only an offset below -2^61 s can lead to a year that is a time; the sum then wraps to the right one
    if whole > np.uint64(1 << 62) and described.seconds > -(1 << 61):
        return NO_TIME, np.int64(0)
    if whole <= np.uint64(1 << 62) and described.seconds > 1 << 61:
        return NO_TIME, np.int64(0)
    seconds = np.int64(whole) + described.seconds
    if seconds < FIRST_SECOND or seconds >= END_SECOND:
        return NO_TIME, np.int64(0)
    return time_of(seconds, nanos), nanos % 1000


@kernel()
def put_time(high, low, described, row, out):
    """Write the time of a row, given in two 32-bit words."""
    ticks = high << 32 | low
    # of a usual clock, near times need no division
    if ticks >= 0 and ticks <= described.most:
        out.ts[row] = ticks * described.number + described.moved
    else:
        time, nanos = exact_time(np.uint64(ticks), described)
        out.ts[row], out.nanos[row] = time, nanos


@kernel()
def add_option(row, code, at, size, section, options):
    """Add an option to those found, which are counted beyond the end of `options`."""
    found = section.options
    if found < len(options):
        option = options[found]
        option.row, option.code, option.at, option.size, option.big = row, code, at, size, section.big
    section.options = found + 1


@kernel()
def find_options(data, at, end, row, section, options):
    """Find the options between `at` and `end`; False if they do not fit."""
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
        add_option(row, code, at, size, section, options)
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
        " RecordArrays, OPTION[::1], PACKET[::1])")  # fmt: skip
def index_pcapng(data, at, end, state, interfaces, row, rows, out, options, scratch):
    """Index the packet blocks that are whole between `at` and `end` into rows `row` to `rows`: (row, at, why, value).

    `state` is one NG, whose `options` becomes the number of `options` found; `scratch` is one PACKET.
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
        before = section.options
        if kind != SIMPLE:
            tail = at + ahead + ((block.captured + 3) & ~3)
            if kind == OBSOLETE:
                lost = short(data, at + 10, big)
                if lost > 0 and lost != UNKNOWN_LOSS:
                    add_option(row, LOST, at + 10, 2, section, options)
            if not find_options(data, tail, at + whole - 4, row, section, options):
                section.options = before
                return row, at, BAD_OPTIONS, total
            if section.options > len(options):
                found = section.options
                section.options = before
                return row, at, OPTIONS, found
        if word(data, at + whole - 4, big) != total:
            section.options = before
            return row, at, OTHER_LENGTH, total
        described = interfaces[block.interface]
        out.start[row] = at + ahead
        out.captured[row] = block.captured
        out.length[row] = block.length
        if kind == SIMPLE:
            out.ts[row] = NO_TIME
        else:
            put_time(word(data, at + 12, big), word(data, at + 16, big), described, row, out)
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
