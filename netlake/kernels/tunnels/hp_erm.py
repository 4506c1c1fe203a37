"""HP ERM, encapsulated remote mirroring: a frame that a switch mirrors over UDP."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import SHORT_HEADER


@kernel()
def hp_erm(data, keys, w):
    """The mirrored frame, without the VLAN tag that the header has; the identifier is 0."""
    at = w.at
    if w.end - at < 12:
        return malformed(SHORT_HEADER)
    return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + 12, identifier=0)
