"""The VN-Tag of Cisco's fabric extenders, which names the virtual interfaces of a frame."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import ether_type_or_length, malformed
from netlake.kernels.bytes import u16
from netlake.schema.faults import SHORT_HEADER


@kernel()
def vn_tag(data, keys, w):
    """An EtherType behind four bytes; no identifier, because the two directions exchange the interfaces."""
    at = w.at
    if w.end - at < 6:
        return malformed(SHORT_HEADER)
    return ether_type_or_length(u16(data, at + 4), at + 6)
