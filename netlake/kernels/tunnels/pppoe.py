"""PPP over Ethernet (RFC 2516)."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, done, malformed
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import BAD_LENGTH, BAD_VERSION, SHORT_HEADER


@kernel()
def pppoe(data, keys, w):
    """A frame of a session (code 0) carries PPP, a message of discovery nothing; the identifier is the session."""
    at = w.at
    if w.end - at < 6:
        return malformed(SHORT_HEADER)
    if data[at] != 0x11:
        return malformed(BAD_VERSION)
    if data[at + 1] != 0:
        return done()
    limit = at + 6 + u16(data, at + 4)
    fault = BAD_LENGTH if limit > w.promise else 0
    return carries(Space.ETHER_TYPE, EtherType.PPP, at + 6, limit, u16(data, at + 2), fault=fault)
