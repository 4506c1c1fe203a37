"""Split the heads of HTTP/1 messages that were located, and the pairs in URIs, forms and cookies, into spans.

A span is a start and an end (exclusive) in the given buffer; texts are made of spans by `gather` and `unescape`.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.flow_state import record
from netlake.kernels.http1_body import digit_of
from netlake.kernels.http1_head import alike, line_end
from netlake.kernels.stream_arena import copy

# headers with columns of their own, by number
KNOWN = (
    b"host", b"user-agent", b"referer", b"content-type", b"server", b"location", b"cookie", b"set-cookie",
    b"content-encoding", b"authorization", b"proxy-authorization", b"content-disposition", b"x-forwarded-for",
    b"transfer-encoding", b"upgrade", b"origin", b"www-authenticate",
)  # fmt: skip
NUMBER = {name.decode(): number for number, name in enumerate(KNOWN)}
NAMES = np.frombuffer(b"".join(KNOWN), np.uint8).copy()
NAMES_AT = np.cumsum([0, *map(len, KNOWN)]).astype(np.int64)

# the parts of a start line: method, URI, version; or version, status, reason. Without one, start and end are equal
START = record(
    [
        ("first", np.int64),
        ("first_end", np.int64),
        ("second", np.int64),
        ("second_end", np.int64),
        ("third", np.int64),
        ("third_end", np.int64),
        ("query", np.int64),  # behind the question mark of the URI
        ("query_end", np.int64),
    ],
    [],
)
# one header line, or one pair; `owner` is the index of its message. Without a value its start is -1
PAIR = record(
    [
        ("name", np.int64),
        ("name_end", np.int64),
        ("value", np.int64),
        ("value_end", np.int64),
        ("owner", np.int32),
        ("known", np.int32),  # index of KNOWN, -1 none
    ],
    [],
)


@kernel()
def known_name(pool, start, end):
    """The number of a header's name among KNOWN, -1 for none."""
    for k in range(NAMES_AT.size - 1):
        if alike(pool, start, end, NAMES[NAMES_AT[k] : NAMES_AT[k + 1]]):
            return k
    return -1


@kernel()
def split_start(pool, start, end, part):
    """The parts of the start line pool[start:end] of a request or response."""
    while end > start and (pool[end - 1] == 32 or pool[end - 1] == 9):
        end -= 1
    first = start
    while first < end and pool[first] != 32:
        first += 1
    part.first, part.first_end = start, first
    second = min(first + 1, end)
    is_response = first - start == 8 and pool[start + 4] == 47 and pool[start + 5] <= 57
    if is_response:
        while second < end and pool[second] == 32:
            second += 1
        third = second
        while third < end and pool[third] != 32:
            third += 1
        part.second, part.second_end = second, third
        part.third, part.third_end = min(third + 1, end), end
    elif end - 9 >= second - 1 and end - start >= 9 and pool[end - 9] == 32 and pool[end - 4] == 47:
        part.third, part.third_end = end - 8, end
        part.second, part.second_end = second, max(second, end - 9)
    else:  # HTTP/0.9
        part.third = part.third_end = end
        part.second, part.second_end = second, end
    part.query, part.query_end = part.second_end, part.second_end
    for at in range(part.second, part.second_end):
        if pool[at] == 35 and part.query == part.second_end:
            break
        if pool[at] == 35:
            part.query_end = at
            break
        if pool[at] == 63 and part.query == part.second_end:
            part.query = at + 1


@kernel()
def split_line(pool, at, end, line):
    """Name and value of the header line pool[at:end], without its end of line."""
    name = at
    while name < end and pool[name] != 58:
        name += 1
    value = min(name + 1, end)
    stop = name
    while stop > at and (pool[stop - 1] == 32 or pool[stop - 1] == 9):
        stop -= 1
    while value < end and (pool[value] == 32 or pool[value] == 9):
        value += 1
    while end > value and (pool[end - 1] == 32 or pool[end - 1] == 9):
        end -= 1
    line.name, line.name_end, line.value, line.value_end = at, stop, value, end
    line.known = known_name(pool, at, stop)


@kernel()
def fold(pool, at, end, filled, line):
    """Add a folded line to the value of `line`; bytes from `filled` to it become spaces. Where they end."""
    for i in range(filled, at):
        pool[i] = 32
    begin = at
    while begin < end and (pool[begin] == 32 or pool[begin] == 9):
        begin += 1
    while end > begin and (pool[end - 1] == 32 or pool[end - 1] == 9):
        end -= 1
    if end > begin:
        if line.value == line.value_end:
            line.value = begin
        line.value_end = end
    return np.int64(max(end, at))


@kernel("int64(uint8[::1], int64[::1], int64[::1], START[::1], PAIR[::1], int32[:, ::1])")
def split_heads(pool, starts, ends, parts, lines, first):
    """Split heads into `parts`, one for each, and `lines`; returns the number of lines.

    `first` (heads, KNOWN) becomes the first line with each known name, -1 without one. Line feeds in folded lines
    become spaces in `pool` (RFC 9112 section 5.2). `lines` has room for one line in two bytes.
    """
    count = np.int64(0)
    for index in range(starts.size):
        at, end, begun = starts[index], ends[index], count
        filled = at
        for k in range(NAMES_AT.size - 1):
            first[index, k] = -1
        is_start = True
        while at < end:
            eol = at
            while eol < end and pool[eol] != 10:
                eol += 1
            if eol == end:
                break  # a line that is not complete
            stop = line_end(pool, at, eol)
            if is_start:
                split_start(pool, at, stop, parts[index])
            elif stop > at:
                if (pool[at] == 32 or pool[at] == 9) and count > begun:
                    filled = fold(pool, at, stop, filled, lines[count - 1])
                else:
                    lines[count].owner = index
                    split_line(pool, at, stop, lines[count])
                    filled = np.int64(lines[count].value_end)
                    count += 1
            is_start, at = False, eol + 1
        for k in range(begun, count):
            if lines[k].known >= 0 and first[index, lines[k].known] < 0:
                first[index, lines[k].known] = k
    return count


@kernel("int64(uint8[::1], int64[::1], int64[::1], int64, PAIR[::1])")
def split_pairs(data, starts, ends, separator, pairs):
    """Split spans at `separator` into pairs of a name and a value behind `=`; returns how many there are.

    Empty parts are left out. A span of n bytes has at most (n + 1) // 2 pairs.
    """
    count = np.int64(0)
    for index in range(starts.size):
        at, end = starts[index], ends[index]
        while at < end:
            stop = at
            while stop < end and data[stop] != separator:
                stop += 1
            begin, behind = at, stop
            while begin < behind and data[begin] == 32:
                begin += 1
            while behind > begin and data[behind - 1] == 32:
                behind -= 1
            if behind > begin:
                equal = begin
                while equal < behind and data[equal] != 61:
                    equal += 1
                pair = pairs[count]
                pair.owner, pair.known, pair.name, pair.name_end = index, -1, begin, equal
                pair.value, pair.value_end = (equal + 1, behind) if equal < behind else (-1, -1)
                count += 1
            at = stop + 1
    return count


@kernel("int64(uint8[::1], int64[::1], int64[::1], int32[::1], uint8[::1])")
def gather(data, starts, ends, offsets, out):
    """Copy spans one behind another to `out`, offsets as in Arrow; one with a negative start is empty. Bytes used."""
    at = np.int64(0)
    for i in range(starts.size):
        offsets[i] = at
        if starts[i] >= 0:
            size = ends[i] - starts[i]
            copy(data, starts[i], size, out, at)
            at += size
    offsets[starts.size] = at
    return at


@kernel("int64(uint8[::1], int64[::1], int64[::1], int64, int32[::1], uint8[::1])")
def unescape(data, starts, ends, plus, offsets, out):
    """As `gather`, with %XX decoded and, with `plus`, + as a space; what is no escape stays as it is."""
    used = np.int64(0)
    for i in range(starts.size):
        offsets[i] = used
        at, end = starts[i], ends[i]
        while 0 <= at < end:
            byte = np.int64(data[at])
            if byte == 37 and at + 2 < end:
                high, low = digit_of(data[at + 1]), digit_of(data[at + 2])
                if high >= 0 and low >= 0:
                    byte, at = high * 16 + low, at + 2
            elif byte == 43 and plus == 1:
                byte = np.int64(32)
            out[used] = byte
            used, at = used + 1, at + 1
    offsets[starts.size] = used
    return used
