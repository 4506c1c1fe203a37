"""Finds the questions and records of a batch of messages and writes their data to arrays.

The kernel writes names, numbers and strings. This module writes addresses for a whole batch at once and gathers the
fields of common types; rare.py reads the other types.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netlake.kernels import dns_text as t
from netlake.kernels.dns import FOUND, HEADER, QUESTION, RECORD, DnsSection, find_records
from netlake.kernels.dns_text import Class, Type
from netlake.layers.pools import ipv4_text, ipv6_text
from netlake.layers.read import gather
from netlake.packets import Ints, Messages
from netlake.protocols.dns.found import FIELD, NO_NUMBER, WORDS, DnsRecords, Found, TextWriter, has_type, joined
from netlake.protocols.dns.rare import write_rare
from netlake.schema import faults

# size of the smallest question and record: a root name and the fixed part
SMALLEST_QUESTION = 5
SMALLEST_RECORD = 11

SOA_NUMBERS = np.dtype([(word, ">u4") for word in WORDS[3:]])


def find(messages: Messages, counts: Ints) -> DnsRecords:
    """Questions and records that `counts` (DnsSection, message) announce and the bytes contain.

    A count is 0 where the header is short.
    """
    size = np.maximum(messages.end - messages.start - HEADER, 0)
    found = np.empty(len(messages), FOUND)
    # a header may announce 65535 records: the size of the message limits the arrays
    asked = np.minimum(counts[DnsSection.QUESTION], size // SMALLEST_QUESTION)
    most = np.minimum(counts[DnsSection.ANSWER :].sum(axis=0), size // SMALLEST_RECORD)
    questions, records = np.empty(int(asked.sum()), QUESTION), np.empty(int(most.sum()), RECORD)
    count = find_records(messages.data, messages.start, messages.end, counts, questions, records, found)
    return _texts(messages, questions[: int(found["questions"].sum())], records[:count], found)


def _texts(messages: Messages, questions: Found, records: Found, found: Found) -> DnsRecords:
    size = messages.end - messages.start
    names, texts = np.empty(len(questions), t.NAME), np.empty(len(records), t.TEXT)
    data = records["data"][has_type(records, Type.TXT) | has_type(records, Type.SPF)]
    strings = np.empty(int((data["end"] - data["start"]).sum()), t.STRING)
    # pages that are not written are not allocated: the size costs address space only
    arena = np.empty(int(t.TEXT_BASE * len(size) + t.TEXT_FACTOR * size.sum()), np.uint8)
    cache = np.empty(t.CACHED, t.CACHE)
    used, count = t.put_texts(
        messages.data, messages.start, messages.end, found, questions, records, names, texts, strings, cache, arena
    )
    fields = _string_fields(strings[:count])
    result = DnsRecords(questions, records, found, names, texts, fields, arena[:used], list(WORDS))
    _numbers(messages, result)
    _start_of_authority(messages, result)
    writer = TextWriter(result)
    _addresses(messages, result, writer)
    write_rare(messages, result, writer)
    writer.finish()
    return result


def _string_fields(strings: Found) -> Found:
    fields = np.zeros(len(strings), FIELD)
    fields["record"], fields["text"], fields["number"] = strings["record"], strings["text"], NO_NUMBER
    return fields


def _numbers(messages: Messages, result: DnsRecords) -> None:
    """Set preference, weight and port of the records whose data the kernel found complete."""
    kind, texts = result.records["type"], result.texts
    before = t.LAYOUT["before"][np.minimum(kind, len(t.LAYOUT) - 1)]
    written = (kind < len(t.LAYOUT)) & (texts["state"] == 0) & (texts["data"]["start"] >= 0)
    for number, name in enumerate(("preference", "weight", "port")):
        index = np.flatnonzero((before > number) & written)
        if len(index):
            at = result.records["data"]["start"][index] + 2 * number
            texts[name][index] = gather(messages.data, at, np.dtype(">u2"))


def _start_of_authority(messages: Messages, result: DnsRecords) -> None:
    """Add the fields of SOA records: two names, five numbers."""
    texts = result.texts
    index = np.flatnonzero(has_type(result.records, Type.SOA) & (texts["data"]["start"] >= 0))
    if not len(index):
        return
    fields = np.empty((len(index), 7), FIELD)
    fields["record"], fields["name"], fields["number"] = index[:, None], np.arange(1, 8), NO_NUMBER
    fields["text"]["start"] = -1
    fields["text"][:, 0] = texts["target"][index]
    fields["text"][:, 1] = texts["second"][index]
    numbers = gather(messages.data, result.records["data"]["end"][index] - SOA_NUMBERS.itemsize, SOA_NUMBERS)
    for column, word in enumerate(WORDS[3:], 2):
        fields["number"][:, column] = numbers[word]
    texts["target"]["start"][index] = -1
    result.fields = joined(result.fields, fields.reshape(-1))


def _addresses(messages: Messages, result: DnsRecords, writer: TextWriter) -> None:
    """Write the data of A and AAAA records."""
    records, texts = result.records, result.texts
    start, end = records["data"]["start"], records["data"]["end"]
    for kind, size, write in ((Type.A, 4, ipv4_text), (Type.AAAA, 16, ipv6_text)):
        chosen = has_type(records, kind) & (texts["state"] == t.RARE)
        if kind == Type.A:
            # RFC 1035 section 3.4: an A record has an IPv4 address in class IN; in class CH it has other data
            chosen &= records["klass"] != Class.CHAOS.value
        whole = end - start == size
        texts["state"][chosen & ~whole] = faults.BAD_LENGTH
        index = np.flatnonzero(chosen & whole)
        if not len(index):
            continue
        _, offsets, data = write(messages.data, start[index]).buffers()
        bounds = np.frombuffer(offsets, np.int32, len(index) + 1).astype(np.int64) + writer.at
        texts["state"][index] = 0
        for name in ("data", "address"):
            texts[name]["start"][index] = bounds[:-1]
            texts[name]["end"][index] = bounds[1:]
        writer.parts.append(np.frombuffer(data, np.uint8))
        writer.at = int(bounds[-1])


def first_faults(result: DnsRecords, count: int) -> npt.NDArray[np.int8]:
    """First fault in names and data of each of `count` messages, in wire order; 0 for none."""
    first = np.zeros(count, np.int8)
    name, data = result.texts["name_fault"], result.texts["state"]
    for of, fault in (
        (result.records["message"], np.where(name != 0, name, data)),
        (result.questions["message"], result.names["fault"]),
    ):
        # assigned in reverse order, so that the first one remains
        wrong = np.flatnonzero(fault)[::-1]
        first[of[wrong]] = fault[wrong]
    return first
