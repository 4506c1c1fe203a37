"""The time stamp tag (TTag) of Cisco's switches: a time stamp before an EtherType.

The time stamp has 48 bits, or 32 in the frames of some switches; nothing in the tag says which. It has 32 bits if a
common EtherType follows them and none follows 48 bits; netlake.protocols.cisco_ttag has the same rule.
"""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import ether_type_or_length, malformed
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import EtherType
from netlake.schema.faults import SHORT_HEADER


@kernel()
def is_common(kind):
    """Whether a number is one of the EtherTypes of most frames."""
    return (
        kind == EtherType.IPV4 or kind == EtherType.ARP or kind == EtherType.IPV6 or kind == EtherType.VLAN
        or kind == EtherType.PROVIDER_VLAN or kind == EtherType.MPLS or kind == EtherType.PPPOE
    )  # fmt: skip


@kernel()
def cisco_ttag(data, keys, w):
    """The frame's own EtherType behind the time stamp; no identifier."""
    at = w.at
    if w.end - at < 8:
        return malformed(SHORT_HEADER)
    if is_common(u16(data, at + 4)) and not is_common(u16(data, at + 6)):
        return ether_type_or_length(u16(data, at + 4), at + 6)
    return ether_type_or_length(u16(data, at + 6), at + 8)
