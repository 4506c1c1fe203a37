"""Write names and record data of DNS messages as text, in the presentation format of `dig`, for common record types.

- All text of a batch is written once to one buffer, the arena, and columns are spans of it: the target of a CNAME is
  its data without the final dot, and a name to which a message points again is not written again.
- Types of which the data is numbers and names (a row of LAYOUT) or character strings are written here. For others the
  state is RARE: addresses are written by the kernel of all addresses, the rest by Python.
- Arrays have one row for each property, as in `dns`; the constants T_, N_ and S_ number the rows.

Limits for hostile messages
- A pointer must point before every byte of the name read so far; at most MAX_POINTERS are followed in a name (a
  leading one is not counted).
- Text and fields of a message may take TEXT_BASE + TEXT_FACTOR times its length. A name that is used again counts
  again; a field counts FIELD_COST bytes and its text. Beyond the limit, records have numbers but no text.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32
from netlake.kernels.dns import (
    ENDS_EARLY,
    FOUND_QUESTIONS,
    FOUND_RECORDS,
    Q_NAME,
    R_CLASS,
    R_DATA,
    R_END,
    R_NAME,
    R_TYPE,
    skip_name,
)
from netlake.schema.faults import BAD_LENGTH, BAD_NAME, TOO_LARGE

MAX_NAME = 255
MAX_POINTERS = 127
# names in the cache, a power of two
CACHED = 64
TEXT_BASE = 4096
TEXT_FACTOR = 16
FIELD_COST = 64
# the longest text of a name: every byte as \DDD, and a dot for each label
NAME_TEXT = 4 * MAX_NAME
# the longest text and the fields of a record without its names: seven numbers, their spaces, seven fields
NUMBERS_TEXT = 80 + 7 * FIELD_COST

# rows of `texts`, initially -1: spans of the arena; numbers; RARE, 0 or the fault of the data; the fault of the name
(T_NAME, T_NAME_END, T_DATA, T_DATA_END, T_TARGET, T_TARGET_END, T_SECOND, T_SECOND_END, T_ADDRESS, T_ADDRESS_END,
 T_PREFERENCE, T_WEIGHT, T_PORT, T_STATE, T_NAME_FAULT) = range(15)  # fmt: skip
RARE = -1
# rows of `names`, the names of questions: span and fault
N_TEXT, N_TEXT_END, N_FAULT = range(3)
# rows of `strings`: the record and the span of one of its character strings
S_RECORD, S_TEXT, S_TEXT_END = range(3)

# a name that was written: where it is in which message, and its span
CACHE = np.dtype([("at", np.int64), ("message", np.int64), ("first", np.int64), ("last", np.int64)], align=True)

A, NS, MD, MF, CNAME, SOA, MB, MG, MR, PTR, MX, TXT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16
AFSDB, RT, AAAA, SRV, KX, DNAME, OPT, SPF = 18, 21, 28, 33, 36, 39, 41, 99
CHAOS, CLASS_NONE, CLASS_ANY = 3, 254, 255

# by type: how many 16-bit numbers, then names, then 32-bit numbers; no names for types of another layout
LAYOUT = np.zeros((64, 3), np.uint8)
LAYOUT[[NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME]] = 0, 1, 0
LAYOUT[[MX, AFSDB, RT, KX]] = 1, 1, 0
LAYOUT[SRV] = 3, 1, 0
LAYOUT[SOA] = 0, 2, 5

# how a byte is written: 0 unchanged, 1 after a backslash, 2 as \DDD
IN_NAME = np.full(256, 2, np.uint8)
IN_NAME[0x21:0x7F] = 0
IN_NAME[np.frombuffer(b'"().;\\@$', np.uint8)] = 1
IN_STRING = np.full(256, 2, np.uint8)
IN_STRING[0x20:0x7F] = 0
IN_STRING[np.frombuffer(b'"\\', np.uint8)] = 1


@kernel()
def put_escaped(data, at, end, escape, arena, used):
    """Write data[at:end] with the table `escape`; returns the new end of the arena."""
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
    """Write a number >= 0 in decimal; returns the new end of the arena."""
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
    """Write the name at `at` unless it is in the cache; returns (end of the arena or -1, start, end)."""
    if at + 2 <= end and data[at] >= 192:
        target = start + (u16(data, at) & 0x3FFF)
        if target >= at:
            return -1, -1, -1
        at = target
    slot = at & (CACHED - 1)
    known = cache[slot]
    if known.at == at and known.message == message:
        return used, known.first, known.last
    written = put_name(data, start, end, at, arena, used)
    if written < 0:
        return -1, -1, -1
    known.at = at
    known.message = message
    known.first = used
    known.last = max(written - 1, used + 1)
    return written, used, known.last


@kernel(once=True)
def put_strings(data, records, record, arena, used, strings, count, room):
    """Write the character strings of a TXT record, quoted; returns (end of the arena, strings) or (-fault, 0)."""
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
        after = put_escaped(data, at + 1, at + 1 + size, IN_STRING, arena, used + 1)
        arena[after] = 34
        strings[S_RECORD, count] = record
        strings[S_TEXT, count] = used + 1
        strings[S_TEXT_END, count] = after
        count += 1
        used = after + 1
        at += 1 + size
    return used, count


@kernel(once=True)
def put_layout(data, start, end, records, record, arena, used, texts):
    """Write data that is numbers and names, separated by spaces; returns the end of the arena or -fault."""
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
            after = skip_name(data, at, stop)
            if after < 0:
                return -BAD_LENGTH if after == ENDS_EARLY else -BAD_NAME
            written = put_name(data, start, end, at, arena, used)
            if written < 0:
                return -BAD_NAME
            row = T_TARGET if part == before else T_SECOND
            texts[row, record] = used
            texts[row + 1, record] = max(written - 1, used + 1)
            used = written
            at = after
            continue
        size = 2 if part < before else 4
        if at + size > stop:
            return -BAD_LENGTH
        used = put_number(u16(data, at) if size == 2 else u32(data, at), arena, used)
        at += size
    return used if at == stop else -BAD_LENGTH


@kernel(once=True)
def put_data(data, start, end, records, record, arena, used, texts, strings, count, room):
    """Write the data of one record; returns (end of the arena, strings, end of the room)."""
    kind = records[R_TYPE, record]
    klass = records[R_CLASS, record]
    is_strings = kind == TXT or kind == SPF
    empty = records[R_DATA, record] == records[R_END, record]
    texts[T_STATE, record] = 0
    if kind == OPT or (empty and (klass == CLASS_ANY or klass == CLASS_NONE)):
        # options are columns of the message; a prerequisite or deletion (RFC 2136) has no data
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
    "Tuple((i8, i8))(u1[::1], i8[::1], i8[::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], "
    "i8[:, ::1], CACHE[::1], u1[::1])"
)
def put_texts(data, starts, ends, found, questions, records, names, texts, strings, cache, arena):
    """Write every name and the data of every common record to `arena`; returns (bytes of the arena, strings).

    `names`, `texts` (initially -1) and `strings` are written. `cache` has CACHED entries, initially -1. The arena needs
    TEXT_BASE + TEXT_FACTOR times its length for each message, `strings` a column for each byte of TXT data.
    """
    # np.int64: with a literal every helper would be compiled twice, for the literal and for int64
    used = np.int64(0)
    count = np.int64(0)
    question = np.int64(0)
    record = np.int64(0)
    for message in range(len(starts)):
        start = starts[message]
        end = ends[message]
        # fields count toward the limit of the text, although they are stored elsewhere
        room = used + TEXT_BASE + TEXT_FACTOR * (end - start)
        for step in range(found[FOUND_QUESTIONS, message] + found[FOUND_RECORDS, message]):
            asks = step < found[FOUND_QUESTIONS, message]
            written, first, last = -1, -1, -1
            fits = used + NAME_TEXT <= room
            if fits:
                at = questions[Q_NAME, question] if asks else records[R_NAME, record]
                written, first, last = put_owner(data, start, end, message, at, arena, used, cache)
            fault = 0
            if written == used:
                # a name from the cache is not written again, but a column contains it again
                room -= last - first
            elif written > used:
                used = written
            else:
                fault = BAD_NAME if fits else TOO_LARGE
            if asks:
                names[N_TEXT, question] = first
                names[N_TEXT_END, question] = last
                names[N_FAULT, question] = fault
                question += 1
                continue
            texts[T_NAME, record] = first
            texts[T_NAME_END, record] = last
            texts[T_NAME_FAULT, record] = fault
            used, count, room = put_data(data, start, end, records, record, arena, used, texts, strings, count, room)
            record += 1
    return used, count
