"""The service tag of a provider backbone (IEEE 802.1ah)."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u24
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import SHORT_HEADER


@kernel()
def ieee8021ah(data, keys, w):
    """The customer's frame; the identifier is the service."""
    at = w.at
    if w.end - at < 4:
        return malformed(SHORT_HEADER)
    return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + 4, identifier=u24(data, at + 1))
