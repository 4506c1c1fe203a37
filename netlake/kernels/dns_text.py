"""Write names and record data of DNS messages as text, in the presentation format of `dig`, for common record types.

- All text of a batch is written once to one buffer, the arena, and columns are spans of it: the target of a CNAME is
  its data without the final dot, and a name to which a message points again is not written again.
- Types of which the data is numbers and names (a row of LAYOUT) or character strings are written here. For others the
  state is RARE: addresses are written by the kernel of all addresses, the rest by Python.
- Results are arrays of records, as in `dns`: NAME, one for each question, TEXT, one for each record, and STRING, one
  for each character string. Their spans are those of the arena.

Limits for hostile messages
- A pointer must point before every byte of the name read so far; at most MAX_POINTERS are followed in a name (a
  leading one is not counted).
- Text and fields of a message may take TEXT_BASE + TEXT_FACTOR times its length. A name that is used again counts
  again; a field counts FIELD_COST bytes and its text. Beyond the limit, records have numbers but no text.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32
from netlake.kernels.dns import ENDS_EARLY, FOUND, QUESTION, RECORD, SPAN, skip_name  # noqa: F401 - in signatures
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

# a state of TEXT: the kernel did not write the data
RARE = -1


class Type(IntEnum):
    """Record types (IANA) whose data is written here or has a rule of its own."""

    A = 1
    NS = 2
    MD = 3
    MF = 4
    CNAME = 5
    SOA = 6
    MB = 7
    MG = 8
    MR = 9
    PTR = 12
    MX = 15
    TXT = 16
    AFSDB = 18
    RT = 21
    AAAA = 28
    SRV = 33
    KX = 36
    DNAME = 39
    OPT = 41
    SPF = 99


class Class(IntEnum):
    """Classes (IANA) with rules of their own; NONE and ANY are those of updates (RFC 2136)."""

    CHAOS = 3
    NONE = 254
    ANY = 255


# the text of one question's name, and its fault
NAME = np.dtype([("text", SPAN), ("fault", np.int8)], align=True)
# the text of one record; a span or number without a value is -1
TEXT = np.dtype(
    [
        ("name", SPAN),
        ("data", SPAN),
        ("target", SPAN),
        ("second", SPAN),  # of SOA: its second name
        ("address", SPAN),
        ("preference", np.int32),
        ("weight", np.int32),
        ("port", np.int32),
        ("state", np.int8),  # RARE, 0 or the fault of the data
        ("name_fault", np.int8),
    ],
    align=True,
)
# one character string of a record, an index of `records`
STRING = np.dtype([("text", SPAN), ("record", np.int64)], align=True)
# a name that was written: where it is in which message, and its text
CACHE = np.dtype([("at", np.int64), ("message", np.int64), ("text", SPAN)], align=True)

# by type: how many 16-bit numbers, then names, then 32-bit numbers; no names for types of another layout
LAYOUT = np.zeros(64, [("before", np.uint8), ("names", np.uint8), ("after", np.uint8)])
LAYOUT[[Type.NS, Type.MD, Type.MF, Type.CNAME, Type.MB, Type.MG, Type.MR, Type.PTR, Type.DNAME]] = (0, 1, 0)
LAYOUT[[Type.MX, Type.AFSDB, Type.RT, Type.KX]] = (1, 1, 0)
LAYOUT[Type.SRV] = (3, 1, 0)
LAYOUT[Type.SOA] = (0, 2, 5)

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


@kernel()
def set_span(span, start, end):
    """Set both fields of a SPAN."""
    span.start = start
    span.end = end


@kernel(once=True)
def put_owner(data, start, end, message, at, arena, used, cache, text):
    """Write the name at `at` unless it is in the cache, and its span to `text`; returns the end of the arena or -1."""
    set_span(text, -1, -1)
    if at + 2 <= end and data[at] >= 192:
        target = start + (u16(data, at) & 0x3FFF)
        if target >= at:
            return -1
        at = target
    known = cache[at & (CACHED - 1)]
    if known.at != at or known.message != message:
        written = put_name(data, start, end, at, arena, used)
        if written < 0:
            return -1
        known.at = at
        known.message = message
        set_span(known.text, used, max(written - 1, used + 1))
        used = written
    set_span(text, known.text.start, known.text.end)
    return used


@kernel(once=True)
def put_strings(data, record, index, arena, used, strings, count, room):
    """Write the character strings of a TXT record, quoted; returns (end of the arena, strings) or (-fault, 0)."""
    at = record.data.start
    end = record.data.end
    while at < end:
        size = np.int64(data[at])
        if at + 1 + size > end:
            return -BAD_LENGTH, 0
        room -= FIELD_COST
        if used + 4 * size + 3 > room:
            return -TOO_LARGE, 0
        if at > record.data.start:
            arena[used] = 32
            used += 1
        arena[used] = 34
        after = put_escaped(data, at + 1, at + 1 + size, IN_STRING, arena, used + 1)
        arena[after] = 34
        strings[count].record = index
        set_span(strings[count].text, used + 1, after)
        count += 1
        used = after + 1
        at += 1 + size
    return used, count


@kernel(once=True)
def put_layout(data, start, end, record, arena, used, text):
    """Write data that is numbers and names, separated by spaces; returns the end of the arena or -fault."""
    layout = LAYOUT[record.type]
    at = record.data.start
    stop = record.data.end
    before = np.int64(layout.before)
    names = np.int64(layout.names)
    for part in range(before + names + np.int64(layout.after)):
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
            set_span(text.target if part == before else text.second, used, max(written - 1, used + 1))
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
def put_data(data, start, end, record, index, arena, used, text, strings, count, room):
    """Write the data of the record `index`; returns (end of the arena, strings, end of the room)."""
    kind = record.type
    klass = record.klass
    is_strings = kind == Type.TXT or kind == Type.SPF
    empty = record.data.start == record.data.end
    if kind == Type.OPT or (empty and (klass == Class.ANY or klass == Class.NONE)):
        # options are columns of the message; a prerequisite or deletion (RFC 2136) has no data
        return used, count, room
    if not is_strings and (kind >= len(LAYOUT) or LAYOUT[kind].names == 0):
        text.state = RARE
        return used, count, room
    more = count
    written = np.int64(-TOO_LARGE)
    if used + 2 * NAME_TEXT + NUMBERS_TEXT <= room:
        if is_strings:
            written, more = put_strings(data, record, index, arena, used, strings, count, room)
        else:
            written = put_layout(data, start, end, record, arena, used, text)
    if written < 0:
        set_span(text.target, -1, -1)
        set_span(text.second, -1, -1)
        text.state = -written
        return used, count, room
    set_span(text.data, used, written)
    return written, more, room - FIELD_COST * (7 if kind == Type.SOA else more - count)


@kernel()
def clear(text):
    """Set a TEXT to no values and no fault."""
    set_span(text.data, -1, -1)
    set_span(text.target, -1, -1)
    set_span(text.second, -1, -1)
    set_span(text.address, -1, -1)
    text.preference = -1
    text.weight = -1
    text.port = -1
    text.state = 0


@kernel(
    "Tuple((int64, int64))(uint8[::1], int64[::1], int64[::1], FOUND[::1], QUESTION[::1], RECORD[::1], NAME[::1], "
    "TEXT[::1], STRING[::1], CACHE[::1], uint8[::1])"
)
def put_texts(data, starts, ends, found, questions, records, names, texts, strings, cache, arena):
    """Write every name and the data of every common record to `arena`; returns (bytes of the arena, strings).

    `names`, `texts`, `strings` and `cache`, which has CACHED entries, are written. The arena needs TEXT_BASE +
    TEXT_FACTOR times its length for each message, `strings` one for each byte of TXT data.
    """
    for slot in range(CACHED):
        cache[slot].message = -1
    used = 0
    count = 0
    question = 0
    record = 0
    for message in range(len(starts)):
        start = starts[message]
        end = ends[message]
        # fields count toward the limit of the text, although they are stored elsewhere
        room = used + TEXT_BASE + TEXT_FACTOR * (end - start)
        asked = np.int64(found[message].questions)
        for step in range(asked + found[message].records):
            asks = step < asked
            at = questions[question].name if asks else records[record].name
            name = names[question].text if asks else texts[record].name
            fault = 0
            if used + NAME_TEXT > room:
                set_span(name, -1, -1)
                fault = TOO_LARGE
            else:
                written = put_owner(data, start, end, message, at, arena, used, cache, name)
                if written < 0:
                    fault = BAD_NAME
                elif written == used:
                    # a name from the cache is not written again, but a column contains it again
                    room -= name.end - name.start
                else:
                    used = written
            if asks:
                names[question].fault = fault
                question += 1
                continue
            text = texts[record]
            text.name_fault = fault
            clear(text)
            used, count, room = put_data(
                data, start, end, records[record], record, arena, used, text, strings, count, room
            )
            record += 1
    return used, count
