"""Digests of the first packets of a capture, by which the lake recognizes copies and files that grew.

A digest covers, of each packet, its captured bytes, its lengths, its link type and its time in microseconds: what is
kept when a capture is compressed, or converted from one format to another (some formats have no nanoseconds). There is
one at each power of two of packets and one at the end. The bytes are read once more, 64 at a time.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from netlake.kernels.packet_digest import digests, views
from netlake.kernels.times import microseconds
from netlake.packets import Packets


class Marks:
    """The digests of the packets so far, by their number."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._count = 0
        self._found: dict[int, str] = {}

    def add(self, packets: Packets) -> None:
        """Add a batch, whose packets follow those of the last one."""
        single = _digests(packets)
        first, end = self._count, self._count + packets.count
        mark = 1 << first.bit_length() if first else 1
        while mark <= end:
            self._update(single[self._count - first : mark - first], mark)
            mark *= 2
        self._digest.update(single[self._count - first :].data)
        self._count = end

    def _update(self, single: npt.NDArray[np.uint64], count: int) -> None:
        self._digest.update(single.data)
        self._count = count
        self._found[count] = self._digest.copy().hexdigest()

    def result(self) -> dict[int, str]:
        """{number of packets: hexadecimal digest}; empty for a capture without packets."""
        return self._found | ({self._count: self._digest.hexdigest()} if self._count else {})


def _digests(packets: Packets) -> npt.NDArray[np.uint64]:
    """The digest of each packet of a batch."""
    count = packets.count
    blocks, words = views(packets.data)
    result = np.empty(count, np.uint64)
    start, captured, length = packets.start[:count], packets.captured[:count], packets.length[:count]
    time = microseconds(packets.ts[:count])
    digests(blocks, words, packets.data, start, captured, length, time, packets.link_type[:count], result)
    return result
