"""The packets of a datagram (RFC 9000 section 17): where each begins and ends, and what its header says."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from netlake.layers import quic_keys
from netlake.layers.quic_keys import VERSION_2, varint
from netlake.packets import Malformed

LONG, FIXED = 0x80, 0x40
LONGEST_ID = 20
# packets of a datagram that are read, at most
MOST_PACKETS = 64
# drafts of version 1 with these headers and labels
FIRST_DRAFT = 23


class Kind(IntEnum):
    """Types of packets; SHORT is 1-RTT."""

    INITIAL = 0
    EARLY = 1
    HANDSHAKE = 2
    RETRY = 3
    SHORT = 4


class Packet(NamedTuple):
    """A packet of a datagram: `begin` to `end`, the packet number at `at`; -1 where the length of an ID is not known.

    `version` is 0 for a packet with a short header.
    """

    kind: Kind
    version: int
    destination: bytes
    source: bytes
    begin: int
    at: int
    end: int


def packets(data: bytes) -> Iterator[Packet]:
    """The packets of a datagram up to one that is not read; Malformed if one is longer than the datagram."""
    at = 0
    for _ in range(MOST_PACKETS):
        if at >= len(data) or (at and not any(data[at:])):  # some clients fill datagrams with zeros
            return
        if not data[at] & LONG:
            yield Packet(Kind.SHORT, 0, b"", b"", at, -1, len(data))
            return
        found = _long(data, at)
        if found is None:
            return
        yield found
        at = found.end


def is_read(version: int) -> bool:
    """Whether packets of a version are decrypted."""
    draft = quic_keys.draft(version)
    return quic_keys.salt(version) is not None and (draft is None or draft >= FIRST_DRAFT)


def _long(data: bytes, begin: int) -> Packet | None:
    """A packet with a long header; None for a version or a type that is not decrypted."""
    version = int.from_bytes(data[begin + 1 : begin + 5])
    if not is_read(version):
        return None
    kind = Kind((data[begin] >> 4 & 3) - (1 if version == VERSION_2 else 0) & 3)
    if kind is Kind.RETRY:
        return None
    at = begin + 5
    ids = []
    for _ in range(2):
        size = data[at] if at < len(data) else LONGEST_ID + 1
        if size > LONGEST_ID or at + 1 + size > len(data):
            raise Malformed("bad_length")
        ids.append(data[at + 1 : at + 1 + size])
        at += 1 + size
    if kind is Kind.INITIAL:
        size, at = varint(data, at)
        at += size
    length, at = varint(data, at)
    if at + length > len(data):
        raise Malformed("bad_length")
    return Packet(kind, version, ids[0], ids[1], begin, at, at + length)
