"""Cisco metadata (TrustSec), a tag before an EtherType."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u16
from netlake.schema.faults import SHORT_HEADER

# version and length, both 1
FIRST_WORD = 0x0101


@kernel()
def cisco_metadata(data, keys, w):
    """The EtherType is last in Ethernet, where version and length are first, and first in GRE; no identifier."""
    at = w.at
    if w.end - at < 8:
        return malformed(SHORT_HEADER)
    return carries(Space.ETHER_TYPE, u16(data, at + 6 if u16(data, at) == FIRST_WORD else at), at + 8)
