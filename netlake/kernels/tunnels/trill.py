"""TRILL, Transparent Interconnection of Lots of Links (RFC 6325)."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import BAD_VERSION, SHORT_HEADER


@kernel()
def trill(data, keys, w):
    """The frame behind the options; no identifier, because the directions exchange the nicknames."""
    at, left = w.at, w.end - w.at
    if left < 6:
        return malformed(SHORT_HEADER)
    bits = u16(data, at)
    if bits >> 14:
        return malformed(BAD_VERSION)
    size = 6 + 4 * (bits >> 6 & 31)
    if size > left:
        return malformed(SHORT_HEADER)
    return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + size)
