"""Find the questions, records and EDNS options of DNS messages (RFC 1035 section 4, RFC 6891).

- Results are arrays of records: QUESTION, RECORD and OPTION, one for each that was found, in wire order, and FOUND, one
  for each message. A SPAN is the start and end of some bytes.
- Offsets are those of the batch's buffer.
- Names are skipped here, not followed: a compressed name ends with its pointer. `dns_text` reads them.
- A message is read up to the first question or record that does not fit; its fault is the rule that it broke.
- Every iteration advances by at least one byte of its message, so that time and results are bounded by the captured
  bytes, whatever the header's counts.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32
from netlake.schema.faults import BAD_LENGTH, BAD_NAME, SHORT_HEADER

HEADER = 12


class DnsSection(IntEnum):
    """The sections of a message in wire order; the first contains questions, the others records."""

    QUESTION = 0
    ANSWER = 1
    AUTHORITY = 2
    ADDITIONAL = 3


# the bytes from `start` to `end`; a negative start is null
SPAN = np.dtype([("start", np.int64), ("end", np.int64)], align=True)

# `message` is an index of the batch, `name` the offset of the name
QUESTION = np.dtype(
    [("name", np.int64), ("message", np.int32), ("type", np.uint16), ("klass", np.uint16)],
    align=True,
)
RECORD = np.dtype(
    [
        ("name", np.int64),
        ("data", SPAN),
        ("ttl", np.uint32),
        ("message", np.int32),
        ("type", np.uint16),
        ("klass", np.uint16),
        ("section", np.uint8),  # DnsSection
    ],
    align=True,
)
# `record` is an index of the spans that find_options reads
OPTION = np.dtype([("data", SPAN), ("record", np.int32), ("code", np.uint16)], align=True)
# of one message: the offset after its last question or record, how many there are, and the fault code
FOUND = np.dtype(
    [("end", np.int64), ("questions", np.int32), ("records", np.int32), ("fault", np.int8)],
    align=True,
)

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


@kernel("int64(uint8[::1], int64[::1], int64[::1], int64[:, ::1], QUESTION[::1], RECORD[::1], FOUND[::1])")
def find_records(data, start, end, counts, questions, records, found):
    """Find the questions and records of every message; returns the number of records.

    `counts` (DnsSection, message) are the counts of the header; `questions`, `records` and `found` are written.
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
                fixed = 4 if section == DnsSection.QUESTION else 10
                if after < 0 or after + fixed > stop:
                    fault = BAD_NAME if after == RESERVED_LABEL else SHORT_HEADER
                    break
                if section == DnsSection.QUESTION:
                    put_question(data, message, at, after, questions[question])
                    question += 1
                    at = after + 4
                    continue
                size = u16(data, after + 8)
                if after + 10 + size > stop:
                    fault = BAD_LENGTH
                    break
                put_record(data, message, section, at, after, records[record])
                record += 1
                at = after + 10 + size
            if fault != 0:
                break
        found[message].questions = question - first_question
        found[message].records = record - first_record
        found[message].end = at
        found[message].fault = fault
    return record


@kernel(once=True)
def put_question(data, message, at, after, question):
    """Write a QUESTION whose name is data[at:after]."""
    question.name = at
    question.message = message
    question.type = u16(data, after)
    question.klass = u16(data, after + 2)


@kernel(once=True)
def put_record(data, message, section, at, after, record):
    """Write a RECORD whose name is data[at:after]."""
    record.name = at
    record.message = message
    record.section = section
    record.type = u16(data, after)
    record.klass = u16(data, after + 2)
    record.ttl = u32(data, after + 4)
    record.data.start = after + 10
    record.data.end = after + 10 + u16(data, after + 8)


@kernel("int64(uint8[::1], SPAN[:], OPTION[::1], boolean[::1])")
def find_options(data, spans, options, broken):
    """Find the EDNS options in the data of OPT records; returns their number.

    `options` needs one for every four bytes of `spans`. `broken` marks data that does not end with an option.
    """
    count = 0
    for record in range(len(spans)):
        at = spans[record].start
        stop = spans[record].end
        while at < stop:
            if at + 4 > stop or at + 4 + u16(data, at + 2) > stop:
                broken[record] = True
                break
            option = options[count]
            option.record = record
            option.code = u16(data, at)
            option.data.start = at + 4
            at += 4 + u16(data, at + 2)
            option.data.end = at
            count += 1
    return count


@kernel("Tuple((int64, int64))(SPAN[:])")
def measure_spans(spans):
    """(bytes, nulls): the bytes in `spans`, and how many of them are null."""
    size = 0
    nulls = 0
    for position in range(len(spans)):
        start = spans[position].start
        if start < 0:
            nulls += 1
        else:
            size += spans[position].end - start
    return size, nulls


@kernel("void(uint8[::1], SPAN[:], int32[::1], uint8[::1])")
def gather_spans(source, spans, offsets, target):
    """Copy the bytes of `spans` to `target`, in order; `offsets` become Arrow's. A negative start is null."""
    used = 0
    for position in range(len(spans)):
        offsets[position] = used
        start = spans[position].start
        if start >= 0:
            for at in range(start, spans[position].end):
                target[used] = source[at]
                used += 1
    offsets[len(spans)] = used
