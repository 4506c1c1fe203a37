"""CAPWAP of the twin: importing this module fills the twin's STEPS."""

from __future__ import annotations

from netlake.kernels.numbers import DOT11_EXCHANGED
from tests.layers.twin import BRIDGED, ETHER, TUNNEL, Twin
from tests.layers.twin_tunnels import tunnel
from tests.layers.twin_types import End, Malformed, To, number


def exchanged(frame: bytes) -> bool:
    """Whether the first two bytes of a frame of IEEE 802.11 can only be, or rather are, in the other order."""
    if len(frame) < 2:
        return False
    first, second = frame[:2]
    orders = [type_ & 3 == 0 for type_ in (first, second)]
    if all(orders) and second == 0:
        return first & 12 == 8  # data without a direction
    return orders[1]


@tunnel("capwap")
def capwap(w: Twin) -> To | End:
    w.need(4)
    if w.data[w.at] > 15:
        raise Malformed("bad_version")
    if w.data[w.at]:
        return To("capwap.type", w.data[w.at], w.at + 4)
    bits = number(w.data, w.at + 1, 3)
    size = 4 * (bits >> 19)
    if size < 8:
        raise Malformed("bad_length")
    w.need(size)
    at = w.at + size
    if bits & 0x80:
        return End("fragment", at)
    if bits & 8 or 5246 in w.ports:
        return End()
    if not bits & 0x100:
        return To(ETHER, BRIDGED, at, tunnel=0)
    if bits >> 9 & 31 != 1:
        return To(TUNNEL, bits >> 9 & 31, at, tunnel=0)
    return To("link.type", 105, at, tunnel=0, hint=DOT11_EXCHANGED if exchanged(w.data[at : w.end]) else 0)
