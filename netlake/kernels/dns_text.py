"""Names and record data of DNS messages as text, as `dig` prints it, for the record types that are common.

All text of a batch is written once into one arena and columns hold spans of it: the target of a CNAME is its data less
the final dot, and a name that a message points to again is not expanded again. Handled here are the types whose data is
numbers and names (a row of LAYOUT) and character strings; addresses are written by the kernel that writes all
addresses, and everything else by Python (state RARE for both).

Bounds on hostile messages: a pointer must point before every byte of the name read so far, at most MAX_POINTERS are
followed in a name (a leading one not counted), and a message's text and fields may take TEXT_BASE + TEXT_FACTOR times
its length (a name that is used again counts again, a field counts FIELD_COST bytes beside its text); beyond that
records keep numbers but not their text.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32
from netlake.kernels.dns import ENDS_EARLY, Q_NAME, R_CLASS, R_DATA, R_END, R_NAME, R_TYPE, skip_name
from netlake.schema.faults import BAD_LENGTH, BAD_NAME, TOO_LARGE

MAX_NAME = 255
MAX_POINTERS = 127
# how many names are remembered, a power of two
CACHED = 64
TEXT_BASE = 4096
TEXT_FACTOR = 16
FIELD_COST = 64
# the most text that one name can become: every byte of it as \DDD, and a dot for each label
NAME_TEXT = 4 * MAX_NAME
# the most text and fields beside the names of a record: seven numbers, their spaces, seven fields
NUMBERS_TEXT = 80 + 7 * FIELD_COST

# rows of `texts`, all -1 at first: spans of the arena, numbers; RARE, 0 or the fault of the data; the fault of the name
(T_NAME, T_NAME_END, T_DATA, T_DATA_END, T_TARGET, T_TARGET_END, T_SECOND, T_SECOND_END, T_ADDRESS, T_ADDRESS_END,
 T_PREFERENCE, T_WEIGHT, T_PORT, T_STATE, T_NAME_FAULT) = range(15)  # fmt: skip
RARE = -1
# rows of `strings`: the record and the span of one of its character strings
S_RECORD, S_TEXT, S_TEXT_END = range(3)

A, NS, MD, MF, CNAME, SOA, MB, MG, MR, PTR, MX, TXT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16
AFSDB, RT, AAAA, SRV, KX, DNAME, OPT, SPF = 18, 21, 28, 33, 36, 39, 41, 99
CHAOS, CLASS_NONE, CLASS_ANY = 3, 254, 255

# by type: 16-bit numbers before the names, names, 32-bit numbers behind them; no names where this does not hold
LAYOUT = np.zeros((64, 3), np.uint8)
LAYOUT[[NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME]] = 0, 1, 0
LAYOUT[[MX, AFSDB, RT, KX]] = 1, 1, 0
LAYOUT[SRV] = 3, 1, 0
LAYOUT[SOA] = 0, 2, 5

# how a byte is written: 0 as it is, 1 behind a backslash, 2 as \DDD
IN_NAME = np.full(256, 2, np.uint8)
IN_NAME[0x21:0x7F] = 0
IN_NAME[np.frombuffer(b'"().;\\@$', np.uint8)] = 1
IN_STRING = np.full(256, 2, np.uint8)
IN_STRING[0x20:0x7F] = 0
IN_STRING[np.frombuffer(b'"\\', np.uint8)] = 1


@kernel()
def put_escaped(data, at, end, escape, arena, used):
    """Write data[at:end] with the escapes of `escape`; returns the new end of the arena."""
    for position in range(at, end):
        byte = data[position]
        how = escape[byte]
        if how == 2:
            arena[used] = 92
            arena[used + 1] = 48 + byte // 100
            arena[used + 2] = 48 + byte // 10 % 10
            arena[used + 3] = 48 + byte % 10
            used += 4
            continue
        if how == 1:
            arena[used] = 92
            used += 1
        arena[used] = byte
        used += 1
    return used


@kernel()
def put_number(number, arena, used):
    """Write a number >= 0 in decimal."""
    digits = 1
    rest = number // 10
    while rest > 0:
        digits += 1
        rest //= 10
    for position in range(used + digits - 1, used - 1, -1):
        arena[position] = 48 + number % 10
        number //= 10
    return used + digits


@kernel()
def put_name(data, start, end, at, arena, used):
    """Write the name at `at` with its final dot (the root is "."); -1 if it is malformed."""
    first = used
    smallest = at
    length = 0
    pointers = 0
    while True:
        if at >= end:
            return -1
        size = np.int64(data[at])
        if size == 0:
            break
        if size >= 192:
            if at + 2 > end or pointers == MAX_POINTERS:
                return -1
            pointers += 1
            at = start + (u16(data, at) & 0x3FFF)
            if at >= smallest:
                return -1
            smallest = at
            continue
        length += size + 1
        if size >= 64 or length >= MAX_NAME or at + 1 + size > end:
            return -1
        used = put_escaped(data, at + 1, at + 1 + size, IN_NAME, arena, used)
        arena[used] = 46
        used += 1
        at += 1 + size
    if used == first:
        arena[used] = 46
        used += 1
    return used


@kernel(once=True)
def put_owner(data, start, end, message, at, arena, used, cache):
    """The name at `at`, from `cache` if it is pointed to again; returns (end of the arena or -1, start, end)."""
    if at + 2 <= end and data[at] >= 192:
        target = start + (u16(data, at) & 0x3FFF)
        if target >= at:
            return -1, -1, -1
        at = target
    slot = at & (CACHED - 1)
    if cache[0, slot] == at and cache[1, slot] == message:
        return used, cache[2, slot], cache[3, slot]
    written = put_name(data, start, end, at, arena, used)
    if written < 0:
        return -1, -1, -1
    cache[0, slot] = at
    cache[1, slot] = message
    cache[2, slot] = used
    cache[3, slot] = max(written - 1, used + 1)
    return written, used, cache[3, slot]


@kernel(once=True)
def put_strings(data, records, record, arena, used, strings, count, room):
    """The character strings of a TXT record, quoted; returns (end of the arena, number of strings), or (-fault, 0)."""
    at = records[R_DATA, record]
    end = records[R_END, record]
    while at < end:
        size = np.int64(data[at])
        if at + 1 + size > end:
            return -BAD_LENGTH, 0
        room -= FIELD_COST
        if used + 4 * size + 3 > room:
            return -TOO_LARGE, 0
        if at > records[R_DATA, record]:
            arena[used] = 32
            used += 1
        arena[used] = 34
        behind = put_escaped(data, at + 1, at + 1 + size, IN_STRING, arena, used + 1)
        arena[behind] = 34
        strings[S_RECORD, count] = record
        strings[S_TEXT, count] = used + 1
        strings[S_TEXT_END, count] = behind
        count += 1
        used = behind + 1
        at += 1 + size
    return used, count


@kernel(once=True)
def put_layout(data, start, end, records, record, arena, used, texts):
    """Data that is numbers and names, parted by spaces; returns the end of the arena or -fault."""
    kind = records[R_TYPE, record]
    at = records[R_DATA, record]
    stop = records[R_END, record]
    before = np.int64(LAYOUT[kind, 0])
    names = np.int64(LAYOUT[kind, 1])
    parts = before + names + np.int64(LAYOUT[kind, 2])
    for part in range(parts):
        if part > 0:
            arena[used] = 32
            used += 1
        if before <= part < before + names:
            behind = skip_name(data, at, stop)
            if behind < 0:
                return -BAD_LENGTH if behind == ENDS_EARLY else -BAD_NAME
            written = put_name(data, start, end, at, arena, used)
            if written < 0:
                return -BAD_NAME
            row = T_TARGET if part == before else T_SECOND
            texts[row, record] = used
            texts[row + 1, record] = max(written - 1, used + 1)
            used = written
            at = behind
            continue
        size = 2 if part < before else 4
        if at + size > stop:
            return -BAD_LENGTH
        used = put_number(u16(data, at) if size == 2 else u32(data, at), arena, used)
        at += size
    return used if at == stop else -BAD_LENGTH


@kernel(once=True)
def put_data(data, start, end, records, record, arena, used, texts, strings, count, room):
    """The data of one record; returns (end of the arena, number of strings, what is left of room)."""
    kind = records[R_TYPE, record]
    klass = records[R_CLASS, record]
    is_strings = kind == TXT or kind == SPF
    empty = records[R_DATA, record] == records[R_END, record]
    texts[T_STATE, record] = 0
    if kind == OPT or (empty and (klass == CLASS_ANY or klass == CLASS_NONE)):
        # its data is the message's, not the record's; and a prerequisite or deletion (RFC 2136) has none
        return used, count, room
    if not is_strings and (kind >= len(LAYOUT) or LAYOUT[kind, 1] == 0):
        texts[T_STATE, record] = RARE
        return used, count, room
    more = count
    written = np.int64(-TOO_LARGE)
    if used + 2 * NAME_TEXT + NUMBERS_TEXT <= room:
        if is_strings:
            written, more = put_strings(data, records, record, arena, used, strings, count, room)
        else:
            written = put_layout(data, start, end, records, record, arena, used, texts)
    if written < 0:
        texts[T_TARGET, record] = texts[T_SECOND, record] = -1
        texts[T_STATE, record] = -written
        return used, count, room
    texts[T_DATA, record] = used
    texts[T_DATA_END, record] = written
    return written, more, room - FIELD_COST * (7 if kind == SOA else more - count)


@kernel(
    "void(u1[::1], i8[::1], i8[::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], "
    "i8[:, ::1], u1[::1], i8[::1])"
)
def put_texts(data, starts, ends, found, questions, records, names, texts, strings, cache, arena, totals):
    """Every name and the data of every common record as text in `arena`.

    `names` (3, questions): span and fault of each question's name; `texts` (all -1) and `strings` as their rows are
    named above; `cache` (4, CACHED), all -1; `totals`: bytes used of the arena, number of strings. The arena must have
    TEXT_BASE + TEXT_FACTOR times the length of each message, `strings` the length of each TXT record.
    """
    # np.int64, because a literal would compile every helper twice, for the literal and for int64
    used = np.int64(0)
    count = np.int64(0)
    question = np.int64(0)
    record = np.int64(0)
    for message in range(len(starts)):
        start = starts[message]
        end = ends[message]
        # the fields of a message take room as its text does, though they lie elsewhere
        room = used + TEXT_BASE + TEXT_FACTOR * (end - start)
        for step in range(found[0, message] + found[1, message]):
            asks = step < found[0, message]
            written, first, last = -1, -1, -1
            fits = used + NAME_TEXT <= room
            if fits:
                at = questions[Q_NAME, question] if asks else records[R_NAME, record]
                written, first, last = put_owner(data, start, end, message, at, arena, used, cache)
            fault = 0
            if written == used:
                # a name that is remembered takes no arena, but a column holds it again
                room -= last - first
            elif written > used:
                used = written
            else:
                fault = BAD_NAME if fits else TOO_LARGE
            if asks:
                names[0, question] = first
                names[1, question] = last
                names[2, question] = fault
                question += 1
                continue
            texts[T_NAME, record] = first
            texts[T_NAME_END, record] = last
            texts[T_NAME_FAULT, record] = fault
            used, count, room = put_data(data, start, end, records, record, arena, used, texts, strings, count, room)
            record += 1
    totals[0] = used
    totals[1] = count
