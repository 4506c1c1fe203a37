"""Where the questions, records and EDNS options of DNS messages lie.

Arrays of findings are int64 with one row a property and one column a finding, so that each property is contiguous; the
names of the rows stand below. Offsets are into the batch's buffer. Every loop advances by at least one byte of its
message, so the work and the findings are bounded by the bytes that were captured.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32
from netlake.schema.faults import BAD_LENGTH, BAD_NAME, SHORT_HEADER

HEADER = 12

# the sections, in wire order; the first holds questions and the others records
QUESTION, ANSWER, AUTHORITY, ADDITIONAL = range(4)

# rows of `questions`
Q_MESSAGE, Q_NAME, Q_TYPE, Q_CLASS = range(4)
# rows of `records`: R_DATA and R_END are the bounds of the record's data
R_MESSAGE, R_SECTION, R_NAME, R_TYPE, R_CLASS, R_TTL, R_DATA, R_END = range(8)
# rows of `options`
O_MESSAGE, O_CODE, O_DATA, O_END = range(4)

# what skip_name returns instead of an offset
ENDS_EARLY = -1
RESERVED_LABEL = -2


@kernel()
def skip_name(data, at, end):
    """The offset behind the name at `at` as it lies in place, pointers not followed; ENDS_EARLY or RESERVED_LABEL."""
    while at < end:
        size = np.int64(data[at])
        if size == 0:
            return at + 1
        if size >= 192:
            return at + 2 if at + 2 <= end else ENDS_EARLY
        if size >= 64:
            return RESERVED_LABEL
        at += 1 + size
    return ENDS_EARLY


@kernel("i8(u1[::1], i8[::1], i8[::1], i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[:, ::1])")
def find_records(data, start, end, counts, questions, records, found):
    """Find the questions and records that the header counts (4, messages) promise; stop a message where it breaks off.

    `found` (4, messages) becomes: number of questions, number of records, offset behind the last of them, fault code.
    Returns the number of records of all messages.
    """
    question = 0
    record = 0
    for message in range(len(start)):
        at = start[message] + HEADER
        stop = end[message]
        first_question = question
        first_record = record
        fault = 0
        for section in range(4):
            for _ in range(counts[section, message]):
                behind = skip_name(data, at, stop)
                fixed = 4 if section == QUESTION else 10
                if behind < 0 or behind + fixed > stop:
                    fault = BAD_NAME if behind == RESERVED_LABEL else SHORT_HEADER
                    break
                if section == QUESTION:
                    questions[Q_MESSAGE, question] = message
                    questions[Q_NAME, question] = at
                    questions[Q_TYPE, question] = u16(data, behind)
                    questions[Q_CLASS, question] = u16(data, behind + 2)
                    question += 1
                    at = behind + 4
                    continue
                size = u16(data, behind + 8)
                if behind + 10 + size > stop:
                    fault = BAD_LENGTH
                    break
                records[R_MESSAGE, record] = message
                records[R_SECTION, record] = section
                records[R_NAME, record] = at
                records[R_TYPE, record] = u16(data, behind)
                records[R_CLASS, record] = u16(data, behind + 2)
                records[R_TTL, record] = u32(data, behind + 4)
                records[R_DATA, record] = behind + 10
                records[R_END, record] = behind + 10 + size
                record += 1
                at = behind + 10 + size
            if fault != 0:
                break
        found[0, message] = question - first_question
        found[1, message] = record - first_record
        found[2, message] = at
        found[3, message] = fault
    return record


@kernel("i8(u1[::1], i8[::1], i8[::1], i8[:, ::1], b1[::1])")
def find_options(data, start, end, options, broken):
    """The EDNS options in the data of OPT records; `broken` marks data that does not end with one.

    `options` must have room for a quarter of the bytes. Returns how many there are; O_MESSAGE indexes `start`.
    """
    count = 0
    for position in range(len(start)):
        at = start[position]
        stop = end[position]
        while at < stop:
            if at + 4 > stop or at + 4 + u16(data, at + 2) > stop:
                broken[position] = True
                break
            options[O_MESSAGE, count] = position
            options[O_CODE, count] = u16(data, at)
            options[O_DATA, count] = at + 4
            at += 4 + u16(data, at + 2)
            options[O_END, count] = at
            count += 1
    return count


@kernel("void(u1[::1], i8[::1], i8[::1], i4[::1], u1[::1])")
def gather_spans(source, start, end, offsets, target):
    """Copy `source[start:end]` one behind the other into `target`; `offsets` become Arrow's. A start of -1 is null."""
    used = 0
    for position in range(len(start)):
        offsets[position] = used
        if start[position] >= 0:
            for at in range(start[position], end[position]):
                target[used] = source[at]
                used += 1
    offsets[len(start)] = used
