"""DNS on other ports than its own, by content.

A payload is DNS if it is one whole message: one question, whose name has printable labels and whose class is known;
counts and flags that a query or a response has; and records that end exactly where the payload ends. NetBIOS has
messages of the same format, which are not DNS: types of its own, and encoded names. Payloads that the capture cut are
not recognized, because their end is not there.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels.dns import FOUND, HEADER, QUESTION, RECORD, find_records
from netlake.layers.netbios import ENCODED, LETTERS
from netlake.layers.probes import number_at
from netlake.packets import Ints, Mask, Messages
from netlake.protocols.dns.records import SMALLEST_RECORD

# header, root, type and class
SMALLEST = HEADER + 5
RESPONSE, AUTHORITATIVE, TRUNCATED, AVAILABLE, RESERVED = 0x8000, 0x0400, 0x0200, 0x0080, 0x0040
QUERY, NOTIFY, UPDATE = 0, 4, 5
LAST_RCODE = 10
# in requests of opcode 0: OPT, and a signature
MOST_ADDITIONAL = 2
CLASSES = (1, 3, 4, 254, 255)
# of NetBIOS: names, which is of no other use, and the status of a node, which is SRV in DNS
NETBIOS_NAME, NETBIOS_STATUS = 32, 33
LONGEST_LABEL = 63
PRINTABLE = bytes(range(0x21, 0x7F))


def complete(messages: Messages) -> Mask:
    """The messages that are DNS."""
    result = np.zeros(len(messages), np.bool_)
    # the number of questions excludes nearly all other payloads
    index = np.flatnonzero(number_at(messages, 4, 2) == 1)
    for valid in (_header, _ends):
        index = index[valid(messages.take(index))] if len(index) else index
    result[index] = [_question(data) for data in messages.take(index)]
    return result


def _header(messages: Messages) -> Mask:
    """Which messages have a plausible header."""
    flags = number_at(messages, 2, 2)
    answers, authorities, additionals = (number_at(messages, at, 2) for at in (6, 8, 10))
    valid = (messages.end - messages.start >= SMALLEST) & (messages.missing == 0)
    opcode, rcode, response = flags >> 11 & 15, flags & 15, flags & RESPONSE > 0
    valid &= np.isin(opcode, (QUERY, NOTIFY, UPDATE)) & (flags & RESERVED == 0)
    request = (rcode == 0) & (flags & (AUTHORITATIVE | TRUNCATED | AVAILABLE) == 0)
    request |= (opcode == NOTIFY) & (rcode == 0)
    request &= (opcode != QUERY) | ((answers == 0) & (authorities == 0) & (additionals <= MOST_ADDITIONAL))
    return np.asarray(valid & np.where(response, rcode <= LAST_RCODE, request))


def _ends(messages: Messages) -> Mask:
    """Which messages have records that end where they do."""
    counts = np.ascontiguousarray([number_at(messages, at, 2) for at in (4, 6, 8, 10)], np.int64)
    size = messages.end - messages.start - HEADER
    most = int(np.minimum(counts[1:].sum(axis=0), size // SMALLEST_RECORD).sum())
    found = np.empty(len(messages), FOUND)
    questions, records = np.empty(len(messages), QUESTION), np.empty(most, RECORD)
    find_records(messages.data, messages.start, messages.end, counts, questions, records, found)
    ends: Ints = found["end"]
    return np.asarray((found["fault"] == 0) & (ends == messages.end))


def _question(data: bytes) -> bool:
    """Whether the question has a printable name and a known class, and is not one of NetBIOS."""
    at, first = HEADER, b""
    while size := data[at]:
        label = data[at + 1 : at + 1 + size]
        if size > LONGEST_LABEL or size != len(label) or label.translate(None, PRINTABLE):
            return False
        first = first or label
        at += 1 + size
        if at >= len(data):
            return False
    kind, known = int.from_bytes(data[at + 1 : at + 3], "big"), int.from_bytes(data[at + 3 : at + 5], "big") in CLASSES
    status = kind == NETBIOS_STATUS and len(first) == ENCODED and not first.translate(None, LETTERS)
    return known and kind not in (0, NETBIOS_NAME) and not status
