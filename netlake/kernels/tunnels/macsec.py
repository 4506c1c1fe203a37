"""MACsec (IEEE 802.1AE): a tag before the frame's EtherType, and a check value at the frame's end.

With neither the encryption nor the changed text bit, the frame is in clear and only protected against changes.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Stop, ether_type_or_length, malformed, stopped
from netlake.kernels.bytes import u16
from netlake.schema.faults import BAD_VERSION, SHORT_HEADER

VERSION = 0x80
# the identifier of the channel is present
CHANNEL = 0x20
ENCRYPTED = 0x08
CHANGED = 0x04
CHECK_VALUE = 16


@kernel()
def macsec(data, keys, w):
    """The frame without its check value; no identifier, because each direction has a channel of its own.

    A frame shorter than 48 bytes has its length in the tag, because it may be padded behind the check value.
    """
    at, end = w.at, w.end
    if end - at < 6:
        return malformed(SHORT_HEADER)
    control = data[at]
    if control & VERSION:
        return malformed(BAD_VERSION)
    inside = at + (14 if control & CHANNEL else 6)
    if control & (ENCRYPTED | CHANGED):
        return stopped(inside, Stop.ENCRYPTED)
    if inside + 2 > end:
        return malformed(SHORT_HEADER)
    short = np.int64(data[at + 1]) & 63
    limit = inside + short if short else max(w.promise - CHECK_VALUE, inside)
    return ether_type_or_length(u16(data, inside), inside + 2, limit)
