"""The E-Tag of a bridge port extender (IEEE 802.1BR)."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import ether_type_or_length, malformed
from netlake.kernels.bytes import u16
from netlake.schema.faults import SHORT_HEADER


@kernel()
def e_tag(data, keys, w):
    """An EtherType behind six bytes; no identifier: frames in the other direction have another channel."""
    at = w.at
    if w.end - at < 8:
        return malformed(SHORT_HEADER)
    return ether_type_or_length(u16(data, at + 6), at + 8)
