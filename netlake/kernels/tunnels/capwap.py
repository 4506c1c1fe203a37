"""CAPWAP (RFC 5415), between an access point and its controller: frames of stations, control messages, or DTLS.

The port selects the channel. What the control channel carries is read by the table; the data channel carries frames of
IEEE 802.11 (RFC 5416) or of Ethernet. A fragment is not reassembled.

Some vendors exchange the two bytes of the frame control field, and in a frame of data those of the sequence control;
nothing in the header says so. The version of a frame, two bits of the first byte, is 0; in the other order these bits
are those of the direction, which every frame of data has in CAPWAP. Where both orders have version 0, the byte that is
0 is that of the flags, as in most other frames.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, Stop, carries, done, malformed, stopped
from netlake.kernels.numbers import DOT11_EXCHANGED, EtherType, LinkType
from netlake.schema.faults import BAD_LENGTH, BAD_VERSION, SHORT_HEADER

CONTROL_PORT = 5246
# type of the preamble: DTLS follows
DTLS = 1
SHORTEST = 8
# bits of the third and fourth byte
NATIVE = 0x01
FRAGMENT = 0x80
KEEP_ALIVE = 0x08
RESERVED = 0x07
# binding of IEEE 802.11
DOT11 = 1
# kind of a frame, in its first byte
KIND = 0x0C
DATA = 0x08
# first bytes of a record of DTLS: content type and version
FIRST_CONTENT = 20
LAST_CONTENT = 26
DTLS_VERSION = 0xFE


@kernel()
def is_exchanged(data, at, end):
    """Whether the bytes of the frame control field at `at` are exchanged."""
    if at + 2 > end:
        return False
    first, second = data[at], data[at + 1]
    if first & 3:
        return second & 3 == 0
    return second & 3 == 0 and (second != 0 or first & KIND == DATA)


@kernel()
def capwap(data, keys, w):
    """The frame of a station or a record of DTLS; the identifier is 0, both directions have one address and port."""
    at, end = w.at, w.end
    if end - at < 4:
        return malformed(SHORT_HEADER)
    if data[at] >> 4 != 0:
        return malformed(BAD_VERSION)
    if data[at] != 0:
        return carries(Space.CAPWAP_TYPE, np.int64(data[at]), at + 4)
    size = np.int64(data[at + 1] >> 3) * 4
    if size < SHORTEST:
        return malformed(BAD_LENGTH)
    if end - at < size:
        return malformed(SHORT_HEADER)
    flags = data[at + 3]
    if flags & FRAGMENT:
        return stopped(at + size, Stop.FRAGMENT)
    if flags & KEEP_ALIVE or w.source_port == CONTROL_PORT or w.destination_port == CONTROL_PORT:
        return done()
    if not data[at + 2] & NATIVE:
        return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + size, identifier=0)
    binding = np.int64(data[at + 2] >> 1 & 31)
    if binding != DOT11:
        return carries(Space.TUNNEL_PAYLOAD, binding, at + size, identifier=0)
    hint = DOT11_EXCHANGED if is_exchanged(data, at + size, end) else 0
    return carries(Space.LINK_TYPE, LinkType.DOT11, at + size, identifier=0, hint=hint)


@kernel()
def capwap_fits(data, keys, w):
    """A record of DTLS, or a header whose reserved bits are zero and whose length fits."""
    at, end = w.at, w.end
    if end - at < SHORTEST:
        return False
    if data[at] == DTLS:
        known = FIRST_CONTENT <= data[at + 4] <= LAST_CONTENT
        return known and data[at + 1] == 0 and data[at + 2] == 0 and data[at + 3] == 0 and data[at + 5] == DTLS_VERSION
    size = np.int64(data[at + 1] >> 3) * 4
    reserved = data[at + 3] & RESERVED or data[at + 7] & RESERVED
    return data[at] == 0 and SHORTEST <= size <= end - at and not reserved
