"""Find the questions, records and EDNS options of DNS messages (RFC 1035 section 4, RFC 6891).

- Results are int64 arrays with one row for each property and one column for each question, record or option, so that a
  property is contiguous: it becomes a column of a table. The constants Q_, R_, O_ and FOUND_ number the rows.
- Offsets are those of the batch's buffer.
- Names are skipped here, not followed: a compressed name ends with its pointer. `dns_text` reads them.
- A message is read up to the first question or record that does not fit; its fault tells which rule it broke.
- Every iteration advances by at least one byte of its message, so that time and results are bounded by the captured
  bytes, whatever the header's counts.
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
# rows of `records`; R_DATA and R_END are the bounds of the record's data
R_MESSAGE, R_SECTION, R_NAME, R_TYPE, R_CLASS, R_TTL, R_DATA, R_END = range(8)
# rows of `found`, one column a message: numbers of both, offset after the last of them, fault code
FOUND_QUESTIONS, FOUND_RECORDS, FOUND_END, FOUND_FAULT = range(4)
# rows of `options`
O_MESSAGE, O_CODE, O_DATA, O_END = range(4)

# results of skip_name that are not offsets
ENDS_EARLY = -1
RESERVED_LABEL = -2


@kernel()
def skip_name(data, at, end):
    """The offset after the name at `at`, pointers not followed; ENDS_EARLY or RESERVED_LABEL if it is malformed."""
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
    """Find the questions and records of every message; returns the number of records.

    `counts` (4, messages) are the counts of the header; `found` (rows FOUND_) is written.
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
                after = skip_name(data, at, stop)
                fixed = 4 if section == QUESTION else 10
                if after < 0 or after + fixed > stop:
                    fault = BAD_NAME if after == RESERVED_LABEL else SHORT_HEADER
                    break
                if section == QUESTION:
                    questions[Q_MESSAGE, question] = message
                    questions[Q_NAME, question] = at
                    questions[Q_TYPE, question] = u16(data, after)
                    questions[Q_CLASS, question] = u16(data, after + 2)
                    question += 1
                    at = after + 4
                    continue
                size = u16(data, after + 8)
                if after + 10 + size > stop:
                    fault = BAD_LENGTH
                    break
                records[R_MESSAGE, record] = message
                records[R_SECTION, record] = section
                records[R_NAME, record] = at
                records[R_TYPE, record] = u16(data, after)
                records[R_CLASS, record] = u16(data, after + 2)
                records[R_TTL, record] = u32(data, after + 4)
                records[R_DATA, record] = after + 10
                records[R_END, record] = after + 10 + size
                record += 1
                at = after + 10 + size
            if fault != 0:
                break
        found[FOUND_QUESTIONS, message] = question - first_question
        found[FOUND_RECORDS, message] = record - first_record
        found[FOUND_END, message] = at
        found[FOUND_FAULT, message] = fault
    return record


@kernel("i8(u1[::1], i8[::1], i8[::1], i8[:, ::1], b1[::1])")
def find_options(data, start, end, options, broken):
    """Find the EDNS options in the data of OPT records; returns their number.

    `options` needs a column for every four bytes; O_MESSAGE is an index of `start`. `broken` marks data that does not
    end with an option.
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
    """Copy `source[start:end]` to `target`, in order; `offsets` become Arrow's. A start of -1 is null."""
    used = 0
    for position in range(len(start)):
        offsets[position] = used
        if start[position] >= 0:
            for at in range(start[position], end[position]):
                target[used] = source[at]
                used += 1
    offsets[len(start)] = used
