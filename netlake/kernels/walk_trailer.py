"""The walk through what is behind the payload of a frame of Ethernet: the trailer of PRP.

A node of PRP (Parallel Redundancy Protocol, IEC 62439-3) sends each frame into two networks, with six bytes at its end:
a sequence number, four bits for the network, the size of the payload with the trailer, and a suffix. Nothing before
announces them, so all of network, size and suffix must agree. The size does not count a VLAN tag.
"""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import EtherType
from netlake.kernels.steps import Step
from netlake.kernels.walk_records import emit

SUFFIX = 0x88FB
TRAILER = 6
HEADER = 14
TAG = 4
# the two networks
LAN_A = 0xA
LAN_B = 0xB


@kernel()
def ends_in_suffix(data, w):
    """Whether the frame at hand ends in the suffix of PRP, which almost no other frame does."""
    return w.promise == w.end and data[w.end - 1] == SUFFIX & 255 and data[w.end - 2] == SUFFIX >> 8


@kernel(once=True)
def trailer(data, w, messages):
    """Write the message of the trailer of the frame of Ethernet at hand, if it is one, and end the frame before it."""
    at, end = w.at, w.end
    left = end - at - HEADER
    if left < TRAILER:
        return
    lan, size = data[end - 4] >> 4, u16(data, end - 4) & 0xFFF
    kind = u16(data, at + 12)
    tagged = kind == EtherType.VLAN or kind == EtherType.PROVIDER_VLAN
    if (lan == LAN_A or lan == LAN_B) and (size == left or (tagged and size == left - TAG)):
        w.at = end - TRAILER
        emit(messages, w, Step.PRP, 0, 0)
        w.at = at
        w.end = w.promise = end - TRAILER
