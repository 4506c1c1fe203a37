"""The step through an IEEE 802.11 frame and the radio header that the capture put before it. As in walk_link.

The frame is behind a radiotap, Prism or AVS header; only radiotap reports a check sequence at its end. The payload is
entered if it is neither encrypted nor a fragment. An aggregate (A-MSDU, IEEE 802.11 section 9.3.2.2) has several
payloads, each behind a header of its own and padded to four bytes.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, Stop, carries, done, malformed, stopped
from netlake.kernels.bytes import l16, l32, u16, u32
from netlake.kernels.numbers import DOT11_EXCHANGED, LinkType
from netlake.schema.faults import BAD_LENGTH, BAD_VERSION, SHORT_HEADER

# kinds of frames
MANAGEMENT = 0
CONTROL = 1
EXTENSION = 3
# bytes of the header of each part of an aggregate: destination, source, length
SUBFRAME = 14
# radiotap's flags about the frame
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
    if present & 1:  # a time of eight bytes, at a multiple of eight
        field = at + ((field - at + 7) & ~7) + 8
    return np.int64(data[field]) if present & 2 and field < end else 0


@kernel()
def dot11_start(data, link_type, at, end):
    """Where the frame begins (behind `end`: the header before it is cut; -1: it is malformed), and radiotap's flags."""
    if link_type == LinkType.DOT11_RADIOTAP:
        if end - at < 8:
            return end + 1, 0
        size = l16(data, at + 2)
        if size < 8:
            return np.int64(-1), 0
        return at + size, radiotap_flags(data, at, min(at + size, end))
    if link_type == LinkType.DOT11_PRISM or link_type == LinkType.DOT11_AVS:
        if end - at < 8:
            return end + 1, 0
        # AVS is big-endian and has a magic number; Prism has the byte order of its host
        native = link_type == LinkType.DOT11_PRISM and u32(data, at) >> 12 != 0x80211 and l32(data, at) < 0x10000
        size = l32(data, at + 4) if native else u32(data, at + 4)
        return (at + size if size >= 8 else np.int64(-1)), 0
    return at, 0


@kernel()
def source_of(frame, bits):
    """Where the source address of a frame of data is, by its bits "to" and "from the distribution system"."""
    if bits & 3 == 3:
        return frame + 24
    return frame + 16 if bits & 2 else frame + 10


@kernel()
def aggregate(data, w, at, promise):
    """The first payload of an aggregate (A-MSDU) from `at` to `promise`; the walk reads the others behind it.

    The payloads of an aggregate inside a payload of an aggregate are not read, except for the first.
    """
    if at + SUBFRAME > w.end:
        return malformed(SHORT_HEADER)
    last = at + SUBFRAME + u16(data, at + 12)
    fault = BAD_LENGTH if last > promise else 0
    w.mac = at + 6
    if w.subframe < 0:
        w.subframe = last + (-(last - at) & 3)
        w.aggregate_end, w.aggregate_promise = min(w.end, promise), promise
        w.aggregate_key, w.aggregate_header, w.aggregate_depth = w.key, w.header, w.depth
        w.aggregate_stack = w.stack
    return carries(Space.LLC, 0, at + SUBFRAME, min(last, promise), fault=fault)


@kernel()
def dot11(data, keys, w):
    """A frame of any kind: management goes to its tables by its type, data to what it carries."""
    end = w.end
    frame, flags = dot11_start(data, w.link_type, w.at, end)
    if frame < 0:
        return malformed(BAD_LENGTH)
    if end - frame < 10:
        return malformed(SHORT_HEADER)
    # the other order, also of the sequence control of a frame of data: see netlake.kernels.tunnels.capwap
    exchanged = np.int64(w.hint == DOT11_EXCHANGED)
    first, bits = data[frame + exchanged], data[frame + 1 - exchanged]
    if first & 3:
        return malformed(BAD_VERSION)
    limit = max(w.promise - 4, frame) if flags & CHECKED else np.int64(-1)
    kind, subtype = (first >> 2) & 3, first >> 4
    if kind == CONTROL or kind == EXTENSION:
        return done(limit=limit)
    if end - frame < 24:
        return malformed(SHORT_HEADER)
    if kind == MANAGEMENT:
        return carries(Space.DOT11_TYPE, 0, frame, limit, hint=DOT11_EXCHANGED if exchanged else 0)
    if subtype & 4:  # a frame without data
        return done(limit=limit)
    body = frame + (30 if bits & 3 == 3 else 24)
    control = 0
    if subtype & 8:
        if end < body + 2:
            return malformed(SHORT_HEADER)
        control = l16(data, body)
        body += 6 if bits & 0x80 else 2
    if flags & PADDED:
        body += -(body - frame) & 3
    if bits & 0x40:
        return stopped(body, Stop.ENCRYPTED, limit=limit)
    if bits & 4 or data[frame + 22 + exchanged] & 15:
        return stopped(body, Stop.FRAGMENT, limit=limit)
    if control & 0x80:
        return aggregate(data, w, body, w.promise if limit < 0 else min(limit, w.promise))
    if source_of(frame, bits) + 6 <= end:
        w.mac = source_of(frame, bits)
    return carries(Space.LLC, 0, body, limit)
