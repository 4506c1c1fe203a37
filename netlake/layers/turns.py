"""Turns: what a machine is fed with at once (netlake.layers.dialog), and what of one belongs to another protocol."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from netlake.kernels import turns as kernels
from netlake.kernels.flow_state import Records
from netlake.kernels.stream_state import Arena
from netlake.layers.dialog import Where


@dataclass(slots=True)
class Turn:
    """What one side says until the other one speaks; or a gap, or an end, which became due in packet `due`.

    `starts` are the offsets of its pieces in the joined bytes, `pieces` the packet, the time, the packet in which it
    became due and the event (PIECE) of each. `number` is its position among all turns.
    """

    number: int
    stream: int
    kind: int
    missing: int
    due: int
    data: bytes
    starts: list[int]
    pieces: list[tuple[int, int, int, int]]

    @property
    def side(self) -> int:
        """The side that speaks."""
        return self.stream & 1

    def piece(self, offset: int) -> int:
        """The piece that has the byte data[offset]."""
        return max(0, bisect_right(self.starts, self.starts[0] + offset) - 1)

    def at(self, offset: int) -> Where:
        """The place of the byte data[offset]."""
        return Where(self.side, *self.pieces[self.piece(offset)][:3])


def rest(turn: Turn, used: int) -> tuple[bytes, Where | None, int, int]:
    """What follows behind data[:used] of a turn: bytes that were kept before, or an event and what is used of it."""
    if used >= len(turn.data):
        return b"", None, -1, 0
    piece = turn.piece(used)
    event = turn.pieces[piece][3]
    if event < 0:
        return turn.data[used:], turn.at(used), -1, 0
    return b"", None, event, turn.starts[0] + used - turn.starts[piece]


def keep(stream: int, unread: bytes, begin: Where, states: Records, arena: Arena) -> int:
    """Keep bytes of a stream in the arena until its protocol is known; how many."""
    data = np.frombuffer(unread, np.uint8).copy()
    return len(unread) if kernels.keep_unread(stream, data, begin.packet, begin.ts, states, arena) else 0
