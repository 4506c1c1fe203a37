"""The tag of Cisco FabricPath."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import SHORT_HEADER


@kernel()
def fabric_path(data, keys, w):
    """The frame behind the tag, which is no tunnel's: no identifier."""
    at = w.at
    if w.end - at < 2:
        return malformed(SHORT_HEADER)
    return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + 2)
