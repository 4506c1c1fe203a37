"""Finds the questions and records of a batch of messages and writes their data to arrays.

The kernel writes names, numbers and strings. This module writes addresses for a whole batch at once and gathers the
fields of common types; rare.py reads the other types.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netlake.kernels import dns as k
from netlake.kernels import dns_text as t
from netlake.layers.pools import ipv4_text, ipv6_text
from netlake.layers.read import gather
from netlake.packets import Messages
from netlake.protocols.dns.found import (
    F_NAME,
    F_NUMBER,
    F_RECORD,
    F_TEXT,
    NO_NUMBER,
    WORDS,
    Records,
    Rows,
    Writer,
)  # fmt: skip
from netlake.protocols.dns.rare import write_rare
from netlake.schema import faults

# size of the smallest question and record: a root name and the fixed part
SMALLEST_QUESTION = 5
SMALLEST_RECORD = 11

SOA_NUMBERS = np.dtype([(word, ">u4") for word in WORDS[3:]])


def find(messages: Messages, counts: Rows) -> Records:
    """Questions and records that `counts` (4, messages; 0 where the header is short) announce and the bytes contain."""
    size = np.maximum(messages.end - messages.start - k.HEADER, 0)
    found = np.zeros((4, len(messages)), np.int64)
    # a header may announce 65535 records: the size of the message limits the arrays
    most = np.minimum(counts[1:].sum(axis=0), size // SMALLEST_RECORD)
    questions = np.empty((4, int(np.minimum(counts[0], size // SMALLEST_QUESTION).sum())), np.int64)
    records = np.empty((8, int(most.sum())), np.int64)
    count = k.find_records(messages.data, messages.start, messages.end, counts, questions, records, found)
    questions = np.ascontiguousarray(questions[:, : int(found[k.FOUND_QUESTIONS].sum())])
    return _texts(messages, questions, np.ascontiguousarray(records[:, :count]), found)


def _texts(messages: Messages, questions: Rows, records: Rows, found: Rows) -> Records:
    kind, length = records[k.R_TYPE], records[k.R_END] - records[k.R_DATA]
    size = messages.end - messages.start
    names = np.empty((3, questions.shape[1]), np.int64)
    texts = np.full((t.T_NAME_FAULT + 1, records.shape[1]), -1, np.int64)
    strings = np.empty((3, int(length[(kind == t.TXT) | (kind == t.SPF)].sum())), np.int64)
    # pages that are not written are not allocated: the size costs address space only
    arena = np.empty(int(t.TEXT_BASE * len(size) + t.TEXT_FACTOR * size.sum()), np.uint8)
    cache = np.full(t.CACHED, -1, t.CACHE)
    used, count = t.put_texts(
        messages.data, messages.start, messages.end, found, questions, records, names, texts, strings, cache, arena
    )
    fields = _string_fields(strings[:, :count])
    result = Records(questions, records, found, names, texts, fields, arena[:used], list(WORDS))
    _numbers(messages, result)
    _start_of_authority(messages, result)
    writer = Writer(result)
    _addresses(messages, result, writer)
    write_rare(messages, result, writer)
    writer.finish()
    return result


def _string_fields(strings: Rows) -> Rows:
    fields = np.zeros((5, strings.shape[1]), np.int64)
    fields[F_RECORD], fields[F_NUMBER] = strings[t.S_RECORD], NO_NUMBER
    fields[F_TEXT:] = strings[t.S_TEXT :]
    return fields


def _numbers(messages: Messages, result: Records) -> None:
    """Set preference, weight and port of the records whose data the kernel found complete."""
    kind, state = result.records[k.R_TYPE], result.texts[t.T_STATE]
    before = np.where(kind < len(t.LAYOUT), t.LAYOUT[np.minimum(kind, len(t.LAYOUT) - 1), 0], 0)
    for number, row in enumerate((t.T_PREFERENCE, t.T_WEIGHT, t.T_PORT)):
        index = np.flatnonzero((before > number) & (state == 0) & (result.texts[t.T_DATA] >= 0))
        if len(index):
            at = result.records[k.R_DATA][index] + 2 * number
            result.texts[row, index] = gather(messages.data, at, np.dtype(">u2"))


def _start_of_authority(messages: Messages, result: Records) -> None:
    """Add the fields of SOA records: two names, five numbers."""
    texts = result.texts
    index = np.flatnonzero((result.records[k.R_TYPE] == t.SOA) & (texts[t.T_DATA] >= 0))
    if not len(index):
        return
    fields = np.full((5, len(index), 7), -1, np.int64)
    fields[F_RECORD], fields[F_NAME], fields[F_NUMBER] = index[:, None], np.arange(1, 8), NO_NUMBER
    fields[F_TEXT:, :, 0] = texts[t.T_TARGET : t.T_TARGET_END + 1, index]
    fields[F_TEXT:, :, 1] = texts[t.T_SECOND : t.T_SECOND_END + 1, index]
    numbers = gather(messages.data, result.records[k.R_END][index] - SOA_NUMBERS.itemsize, SOA_NUMBERS)
    for column, word in enumerate(WORDS[3:], 2):
        fields[F_NUMBER, :, column] = numbers[word]
    texts[t.T_TARGET, index] = -1
    result.fields = np.concatenate([result.fields, fields.reshape(5, -1)], axis=1)


def _addresses(messages: Messages, result: Records, writer: Writer) -> None:
    """Write the data of A and AAAA records."""
    records, texts = result.records, result.texts
    for kind, size, write in ((t.A, 4, ipv4_text), (t.AAAA, 16, ipv6_text)):
        chosen = (records[k.R_TYPE] == kind) & (texts[t.T_STATE] == t.RARE)
        if kind == t.A:
            # RFC 1035 section 3.4: an A record has an IPv4 address in class IN; in class CH it has other data
            chosen &= records[k.R_CLASS] != t.CHAOS
        whole = records[k.R_END] - records[k.R_DATA] == size
        texts[t.T_STATE, chosen & ~whole] = faults.BAD_LENGTH
        index = np.flatnonzero(chosen & whole)
        if not len(index):
            continue
        _, offsets, data = write(messages.data, records[k.R_DATA][index]).buffers()
        bounds = np.frombuffer(offsets, np.int32, len(index) + 1).astype(np.int64) + writer.at
        texts[t.T_STATE, index] = 0
        texts[t.T_DATA, index] = texts[t.T_ADDRESS, index] = bounds[:-1]
        texts[t.T_DATA_END, index] = texts[t.T_ADDRESS_END, index] = bounds[1:]
        writer.parts.append(np.frombuffer(data, np.uint8))
        writer.at = int(bounds[-1])


def first_faults(result: Records, count: int) -> npt.NDArray[np.int8]:
    """First fault in names and data of each of `count` messages, in wire order; 0 for none."""
    first = np.zeros(count, np.int8)
    name, data = result.texts[t.T_NAME_FAULT], result.texts[t.T_STATE]
    for of, fault in (
        (result.records[k.R_MESSAGE], np.where(name != 0, name, data)),
        (result.questions[k.Q_MESSAGE], result.names[t.N_FAULT]),
    ):
        # assigned in reverse order, so that the first one remains
        wrong = np.flatnonzero(fault)[::-1]
        first[of[wrong]] = fault[wrong]
    return first
