"""Names and record data of DNS messages as text, as `dig` prints it, for the record types that are common.

All text of a batch is written once into one arena and columns hold spans of it: the target of a CNAME is its data less
the final dot, and a name that a message points to again is not expanded again. Types that are not handled here are left
to Python (state RARE).

Bounds on hostile messages: a pointer must point before every byte of the name read so far, at most MAX_POINTERS of them
are followed in a name (a leading one not counted), and a message's text and fields may take TEXT_BASE + TEXT_FACTOR times
its length (a field counted as FIELD_COST bytes beside its text); beyond that records keep their numbers but not their text.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.addresses import IPV4, IPV6, address_at, put_ipv4, put_ipv6
from netlake.kernels.bytes import u16, u32
from netlake.kernels.dns import (
    ENDS_EARLY,
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
# how many names are remembered, a power of two
CACHED = 64
TEXT_BASE = 4096
TEXT_FACTOR = 16
FIELD_COST = 64
# the most text that one name can become: every byte of it as \DDD, and a dot for each label
NAME_TEXT = 4 * MAX_NAME
# the most text around the names of a record: seven numbers and their spaces
NUMBERS_TEXT = 80

# rows of `texts`: spans of the arena (-1 for null), then numbers (-1 for null), then RARE, 0 or the fault of the data
(T_NAME, T_NAME_END, T_DATA, T_DATA_END, T_TARGET, T_TARGET_END, T_ADDRESS, T_ADDRESS_END,
 T_PREFERENCE, T_WEIGHT, T_PORT, T_STATE, T_NAME_FAULT) = range(13)  # fmt: skip
RARE = -1
# what put_data returns for a type that it leaves to Python; below every negated fault
LEFT = -128
# rows of `fields`: the record, the field's name as an index of FIELD_NAMES, its number or NO_NUMBER, its text or -1
F_RECORD, F_NAME, F_NUMBER, F_TEXT, F_TEXT_END = range(5)
NO_NUMBER = -(1 << 63)
FIELD_NAMES = ("text", "mname", "rname", "serial", "refresh", "retry", "expire", "minimum")

A, NS, MD, MF, CNAME, SOA, MB, MG, MR, PTR, MX, TXT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16
AFSDB, RT, AAAA, SRV, KX, DNAME, OPT, SPF = 18, 21, 28, 33, 36, 39, 41, 99
CHAOS, CLASS_NONE, CLASS_ANY = 3, 254, 255

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


@kernel()
def put_owner(data, start, end, message, at, arena, used, cache):
    """The name at `at`, from `cache` if the message points to it again; returns (end of the arena or -1, start, end)."""
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


@kernel()
def is_plain_name(kind):
    """Whether the record's data is one name."""
    return (
        kind == NS or kind == CNAME or kind == PTR or kind == DNAME
        or kind == MD or kind == MF or kind == MB or kind == MG or kind == MR
    )  # fmt: skip


@kernel()
def add_field(fields, count, record, name, number, text, text_end):
    """One more row of `fields`."""
    fields[F_RECORD, count] = record
    fields[F_NAME, count] = name
    fields[F_NUMBER, count] = number
    fields[F_TEXT, count] = text
    fields[F_TEXT_END, count] = text_end
    return count + 1


@kernel()
def put_strings(data, at, end, record, arena, used, fields, count, room):
    """The character strings of a TXT record, quoted; returns (end of the arena, number of fields), or (-fault, 0)."""
    first = at
    while at < end:
        size = np.int64(data[at])
        if at + 1 + size > end:
            return -BAD_LENGTH, 0
        room -= FIELD_COST
        if used + 4 * size + 3 > room:
            return -TOO_LARGE, 0
        if at > first:
            arena[used] = 32
            used += 1
        arena[used] = 34
        behind = put_escaped(data, at + 1, at + 1 + size, IN_STRING, arena, used + 1)
        arena[behind] = 34
        count = add_field(fields, count, record, 0, NO_NUMBER, used + 1, behind)
        used = behind + 1
        at += 1 + size
    return used, count


@kernel()
def put_whole_name(data, start, end, at, stop, arena, used):
    """A name within record data that ends at `stop`; returns (offset behind it, end of the arena or -fault)."""
    behind = skip_name(data, at, stop)
    if behind < 0:
        return behind, (-BAD_LENGTH if behind == ENDS_EARLY else -BAD_NAME)
    written = put_name(data, start, end, at, arena, used)
    return behind, (written if written >= 0 else -BAD_NAME)


@kernel()
def put_soa(data, start, end, at, stop, record, arena, used, fields, count):
    """The data of a SOA record; returns (end of the arena, number of fields), or (-fault, 0)."""
    for name in range(2):
        at, written = put_whole_name(data, start, end, at, stop, arena, used)
        if written < 0:
            return written, 0
        count = add_field(fields, count, record, 1 + name, NO_NUMBER, used, max(written - 1, used + 1))
        arena[written] = 32
        used = written + 1
    if at + 20 != stop:
        return -BAD_LENGTH, 0
    for number in range(5):
        value = u32(data, at + 4 * number)
        if number > 0:
            arena[used] = 32
            used += 1
        used = put_number(value, arena, used)
        count = add_field(fields, count, record, 3 + number, value, -1, -1)
    return used, count


@kernel()
def put_target(data, start, end, at, stop, record, arena, used, texts):
    """A name that must fill the rest of the data, which is also the record's target; -fault if it is malformed."""
    behind, written = put_whole_name(data, start, end, at, stop, arena, used)
    if written >= 0 and behind != stop:
        return -BAD_LENGTH
    if written < 0:
        return written
    texts[T_TARGET, record] = used
    texts[T_TARGET_END, record] = max(written - 1, used + 1)
    return written


@kernel()
def put_data(data, start, end, records, record, arena, used, texts, fields, count, room):
    """The data of one record as text; returns (end of the arena, number of fields), (-fault, 0) or (LEFT, 0)."""
    kind = records[R_TYPE, record]
    at = records[R_DATA, record]
    stop = records[R_END, record]
    size = stop - at
    first = used
    if (size == 0 and (records[R_CLASS, record] == CLASS_ANY or records[R_CLASS, record] == CLASS_NONE)) or kind == OPT:
        # RFC 2136: a prerequisite or deletion without data; and OPT, whose data is the message's, not the record's
        return used, count
    if used + 2 * NAME_TEXT + NUMBERS_TEXT + 7 * FIELD_COST > room:
        return -TOO_LARGE, 0
    if (kind == A and records[R_CLASS, record] != CHAOS) or kind == AAAA:
        if size != (4 if kind == A else 16):
            return -BAD_LENGTH, 0
        high, low = address_at(data, at, IPV4 if kind == A else IPV6)
        used = put_ipv4(low, arena, used) if kind == A else put_ipv6(high, low, arena, used)
        texts[T_ADDRESS, record] = first
        texts[T_ADDRESS_END, record] = used
    elif kind == TXT or kind == SPF:
        used, count = put_strings(data, at, stop, record, arena, used, fields, count, room)
    elif kind == SOA:
        used, count = put_soa(data, start, end, at, stop, record, arena, used, fields, count)
    elif is_plain_name(kind):
        used = put_target(data, start, end, at, stop, record, arena, used, texts)
    elif kind == MX or kind == SRV or kind == AFSDB or kind == RT or kind == KX:
        numbers = 3 if kind == SRV else 1
        if size < 2 * numbers:
            return -BAD_LENGTH, 0
        for number in range(numbers):
            value = u16(data, at + 2 * number)
            texts[T_PREFERENCE + number, record] = value
            used = put_number(value, arena, used)
            arena[used] = 32
            used += 1
        used = put_target(data, start, end, at + 2 * numbers, stop, record, arena, used, texts)
    else:
        return LEFT, 0
    if used >= 0:
        texts[T_DATA, record] = first
        texts[T_DATA_END, record] = used
    return used, count


@kernel(
    "void(u1[::1], i8[::1], i8[::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], "
    "u1[::1], i8[::1])"
)
def put_texts(data, starts, ends, found, questions, records, names, texts, fields, cache, arena, totals):
    """Every name and the data of every common record as text in `arena`.

    `names` (3, questions): span and fault of each question's name; `texts` and `fields` as their rows are named above;
    `cache` (4, CACHED) full of -1; `totals`: bytes used of the arena, number of fields. The arena must have TEXT_BASE +
    TEXT_FACTOR times the length of each message, `fields` 7 for each SOA and the length of each TXT record.
    """
    used = 0
    count = 0
    question = 0
    record = 0
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
            if written >= 0:
                used = written
            else:
                fault = BAD_NAME if fits else TOO_LARGE
            if asks:
                names[0, question] = first
                names[1, question] = last
                names[2, question] = fault
                question += 1
                continue
            texts[:, record] = -1
            texts[T_NAME, record] = first
            texts[T_NAME_END, record] = last
            texts[T_NAME_FAULT, record] = fault
            written, more = put_data(data, start, end, records, record, arena, used, texts, fields, count, room)
            if written >= 0:
                texts[T_STATE, record] = 0
                room -= FIELD_COST * (more - count)
                used = written
                count = more
            else:
                texts[T_TARGET : T_PORT + 1, record] = -1
                texts[T_STATE, record] = RARE if written == LEFT else -written
            record += 1
    totals[0] = used
    totals[1] = count
