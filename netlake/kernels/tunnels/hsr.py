"""The tag of High-availability Seamless Redundancy (IEC 62439-3)."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import ether_type_or_length, malformed
from netlake.kernels.bytes import u16
from netlake.schema.faults import SHORT_HEADER


@kernel()
def hsr(data, keys, w):
    """The frame's own EtherType behind path, size and sequence number; no identifier."""
    at = w.at
    if w.end - at < 6:
        return malformed(SHORT_HEADER)
    return ether_type_or_length(u16(data, at + 4), at + 6)
