"""One step of the walk through an IEEE 802.11 frame, whatever the capture put before it about the radio.

The frame is found behind a radiotap, Prism or AVS header; a check sequence at its end is known from radiotap only. What
a frame carries is entered where it is neither encrypted nor a fragment; of an aggregate (A-MSDU) its first part.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import l16, l32, u16, u32
from netlake.kernels.steps import (
    AS_LLC,
    DONE,
    DOT11_TYPE,
    ETHER_TYPE,
    NOWHERE,
    STOP_ENCRYPTED,
    STOP_FRAGMENT,
)
from netlake.kernels.walk_link import stopped
from netlake.schema.faults import BAD_LENGTH, BAD_VERSION, SHORT_HEADER

PRISM = 119
RADIOTAP = 127
AVS = 163
# radiotap's flags that tell of the frame
CHECKED = 0x10
PADDED = 0x20


@kernel()
def radiotap_flags(data, at, end):
    """The flags of a radiotap header that ends at `end`, 0 without."""
    present = l32(data, at + 4)
    field = at + 8
    word = present
    while word & 0x80000000:
        if field + 4 > end:
            return 0
        word = l32(data, field)
        field += 4
    if present & 1:  # a time of eight bytes, which lies at a multiple of eight
        field = at + ((field - at + 7) & ~7) + 8
    return np.int64(data[field]) if present & 2 and field < end else 0


@kernel()
def dot11_start(data, link_type, at, end):
    """Where the frame begins (behind `end`: the header before it is cut; -1: it is malformed), and radiotap's flags."""
    if link_type == RADIOTAP:
        if end - at < 8:
            return end + 1, 0
        size = l16(data, at + 2)
        if size < 8:
            return np.int64(-1), 0
        return at + size, radiotap_flags(data, at, min(at + size, end))
    if link_type == PRISM or link_type == AVS:
        if end - at < 8:
            return end + 1, 0
        # AVS is big-endian and says what it is; Prism has the byte order of its host
        native = link_type == PRISM and u32(data, at) >> 12 != 0x80211 and l32(data, at) < 0x10000
        size = l32(data, at + 4) if native else u32(data, at + 4)
        return (at + size if size >= 8 else np.int64(-1)), 0
    return at, 0


@kernel()
def dot11_step(data, link_type, at, end, promise):
    """A frame of any kind: management goes to its tables by its type, data to what it carries."""
    frame, flags = dot11_start(data, link_type, at, end)
    if frame < 0:
        return NOWHERE, 0, at, -1, BAD_LENGTH
    if end - frame < 10:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if data[frame] & 3:
        return NOWHERE, 0, at, -1, BAD_VERSION
    limit = max(promise - 4, frame) if flags & CHECKED else np.int64(-1)
    kind, subtype, bits = (data[frame] >> 2) & 3, data[frame] >> 4, data[frame + 1]
    if kind == 1 or kind == 3:
        return DONE, 0, frame, limit, 0
    if end - frame < 24:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if kind == 0:
        return DOT11_TYPE, 0, frame, limit, 0
    if subtype & 4:  # a frame without data
        return DONE, 0, frame, limit, 0
    body = frame + (30 if bits & 3 == 3 else 24)
    control = 0
    if subtype & 8:
        if end < body + 2:
            return NOWHERE, 0, at, -1, SHORT_HEADER
        control = l16(data, body)
        body += 6 if bits & 0x80 else 2
    if flags & PADDED:
        body += -(body - frame) & 3
    if bits & 0x40:
        return DONE, stopped(STOP_ENCRYPTED, -1), body, limit, 0
    if bits & 4 or l16(data, frame + 22) & 15:
        return DONE, stopped(STOP_FRAGMENT, -1), body, limit, 0
    if control & 0x80:
        if body + 14 > end:
            return NOWHERE, 0, at, -1, SHORT_HEADER
        last = body + 14 + u16(data, body + 12)
        return ETHER_TYPE, AS_LLC, body + 14, last if limit < 0 else min(last, limit), 0
    return ETHER_TYPE, AS_LLC, body, limit, 0
