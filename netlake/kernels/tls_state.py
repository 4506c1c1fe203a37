"""What a TLS stream keeps in its STREAM (phase, left, line, count, bits, body, role), and how messages are located.

While `phase` is HEADER or a record is read, `line` has the header of the record, `left` the bytes of the header that
were read or those of the record that were not, `body` and `count` packet and time of the header's first byte.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, NamedTuple

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u24
from netlake.kernels.flow_state import Records, record
from netlake.kernels.stream_state import LOCATED, POOL  # noqa: F401 - in signatures
from netlake.packets import Bytes

# most bytes of a handshake message
MOST = 1 << 18
# most bytes of a record: 2^14, and what compression and encryption add
LONGEST_RECORD = (1 << 14) + 2048
HEADER_SIZE = 5
# the smallest body of a hello: version, random, lengths
SMALLEST_HELLO = 38
MOST_PLACE = 32767
# bytes of a message in the format of SSL 2.0 that are in the header of a record: type and version, behind the length
SSL_2_BEGIN = 3
# `bits` of a stream: bytes of a message to pass over, then alerts and certificates that begin in packet `placed_in`
SKIP = 0xFFFFFF
ALERTS, CERTIFICATES, COUNTED = 24, 43, 0x7FFFF
# `kind` of a located message: its type, the record version above it, then its Reason and Transport
VERSION_SHIFT, REASON_SHIFT, TRANSPORT_SHIFT = 8, 24, 28


class Phase(IntEnum):
    """Where a stream is, its field `phase`; the bytes of the header or of the record are counted by `left`."""

    HEADER = 0  # in the header of a record, which is gathered in `line`
    HANDSHAKE = 1
    CHECK = 2  # in the first bytes of a handshake record behind encryption
    ALERT = 3
    PASS = 4  # in a record that is passed over
    SSL_2 = 5  # in a ClientHello in the format of SSL 2.0
    LOST = 6  # not in a known record


class Flag(IntEnum):
    """Bits of `role`."""

    STARTED = 1  # the walker has seen the stream: what is kept is of a message
    ENCRYPTED = 2
    BROKEN = 4  # it was LOST
    RESUMED = 8  # it was LOST, and a record was found again
    RECORDS = 16  # it had a record


class Content(IntEnum):
    """Types of records."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    HEARTBEAT = 24


class Handshake(IntEnum):
    """Types of handshake messages that are read, and bounds of those that exist."""

    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    CERTIFICATE = 11
    LAST = 25
    NEXT_PROTOCOL = 67
    CHANNEL_ID = 203


class Reason(IntEnum):
    """Why a located message is not whole."""

    WHOLE = 0
    ENDED = 1  # the stream or a record of another type ended it
    GAP = 2
    TOO_LARGE = 3


class Transport(IntEnum):
    """What carries a handshake message."""

    TCP = 0
    QUIC = 1
    DTLS = 2


# the message that is not complete: pool[start:start + size], with the packet of its first byte and its record's version
PART = record(
    [("start", np.int64), ("size", np.int64), ("number", np.int64), ("ts", np.int64), ("version", np.int64)], []
)


class PoolArrays(NamedTuple):
    """The arrays of a Pool (netlake.layers.streamed)."""

    data: Annotated[Bytes, "uint8[::1]"]
    messages: Annotated[Records, "LOCATED[::1]"]
    control: Annotated[Records, "POOL[::1]"]


@kernel()
def certificates_in(data, at, end):
    """How many certificates a Certificate message (RFC 5246 section 7.4.2) has between `at` and `end`."""
    count = 0
    at += 3
    while at + 3 <= end:
        at += 3 + u24(data, at)
        count += 1
    return count


@kernel()
def place_of(stream, number, kind, count):
    """The place of a message of type `kind` that has `count` rows, among those of its table in packet `number`."""
    if stream.placed_in != number:
        stream.placed_in, stream.placed = number, 0
        stream.bits &= SKIP
    if kind == Content.ALERT:
        place = stream.bits >> ALERTS & COUNTED
        stream.bits += np.int64(1) << ALERTS
    elif kind == Handshake.CERTIFICATE:
        place = stream.bits >> CERTIFICATES & COUNTED
        stream.bits += np.int64(count) << CERTIFICATES
    else:
        place = np.int64(stream.placed)
        stream.placed += 1
    return min(place, MOST_PLACE)


@kernel()
def locate(stream, event, pool, kind, part, reason, missing):
    """Add the message `part` to the pool; `part` is then empty, at the end of the bytes in use."""
    control = pool.control[0]
    end = part.start + part.size
    count = 1
    if kind == Handshake.CERTIFICATE:
        count = certificates_in(pool.data, part.start + 4, end) + (reason != Reason.WHOLE)
    message = pool.messages[control.messages]
    message.start, message.end, message.number, message.ts = part.start, end, part.number, part.ts
    message.at, message.stream, message.missing = event.at, event.stream, missing
    message.kind = kind | part.version << VERSION_SHIFT | np.int64(reason) << REASON_SHIFT
    message.place = place_of(stream, part.number, kind, count)
    control.messages += 1
    control.used = end
    part.start, part.size = end, 0
