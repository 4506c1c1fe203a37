"""ERSPAN, a mirrored frame in GRE (draft-foschiano-erspan).

Type I has no header at all, which is why GRE passes a hint; type II has 8 bytes, type III 12 or 20.
"""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, ip_or, malformed
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import BAD_VERSION, SHORT_HEADER


@kernel()
def erspan(data, keys, w):
    """Ethernet, or an IP packet where type III names it; the identifier is the session."""
    at, end = w.at, w.end
    if w.hint:
        return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at, identifier=0)
    if end - at < 8:
        return malformed(SHORT_HEADER)
    version = data[at] >> 4
    session = u16(data, at + 2) & 0x3FF
    if version == 1:
        return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + 8, identifier=session)
    if version != 2:
        return malformed(BAD_VERSION)
    if end - at < 12:
        return malformed(SHORT_HEADER)
    about = u16(data, at + 10)
    size = 20 if about & 1 else 12
    if at + size > end:
        return malformed(SHORT_HEADER)
    kind = about >> 10 & 31
    if kind == 0:
        return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + size, identifier=session)
    if kind == 2:
        return ip_or(data, at + size, end, -1, session, 0)
    return carries(Space.TUNNEL_PAYLOAD, kind, at + size, identifier=session)
