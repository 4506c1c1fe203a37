"""Digests of the first packets of a capture, by which the lake recognizes copies and files that grew.

A digest covers, of each packet, its time in microseconds, its captured length and the last 4 bytes captured: what is
kept when a capture is compressed, or converted from one format to another. There is one at each power of two of packets
and one at the end. A packet costs 35 ns.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from netlake.kernels.times import microseconds
from netlake.packets import Packets

TAIL = 4


class Marks:
    """The digests of the packets so far, by their number."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._count = 0
        self._found: dict[int, str] = {}

    def add(self, packets: Packets) -> None:
        """Add a batch, whose packets follow those of the last one."""
        rows = _facts(packets)
        first, end = self._count, self._count + packets.count
        mark = 1 << first.bit_length() if first else 1
        while mark <= end:
            self._update(rows[self._count - first : mark - first], mark)
            mark *= 2
        self._digest.update(rows[self._count - first :].tobytes())
        self._count = end

    def _update(self, rows: npt.NDArray[np.int64], count: int) -> None:
        self._digest.update(rows.tobytes())
        self._count = count
        self._found[count] = self._digest.copy().hexdigest()

    def result(self) -> dict[int, str]:
        """{number of packets: hexadecimal digest}; empty for a capture without packets."""
        return self._found | ({self._count: self._digest.hexdigest()} if self._count else {})


def _facts(packets: Packets) -> npt.NDArray[np.int64]:
    """(packets, 2): time, and length with the last bytes, of each packet of a batch."""
    count = packets.count
    start, captured = packets.start[:count], packets.captured[:count]
    rows = np.empty((count, 2), np.int64)
    rows[:, 0] = microseconds(packets.ts[:count])
    # every 4 bytes of the buffer as one number, at any offset; packets shorter than that count with their length only
    words = np.ndarray((max(0, len(packets.data) - TAIL + 1),), "<u4", packets.data, strides=(1,))
    whole = captured >= TAIL
    at = np.where(whole, start + captured - TAIL, 0)
    rows[:, 1] = captured
    rows[:, 1] <<= 32
    if len(words):
        rows[:, 1] |= np.where(whole, words[at], 0)
    return rows
