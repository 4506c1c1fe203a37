"""The bytes of bodies that machines found (netlake.layers.dialog.Piece), on their way to the thread of contents.

The pieces of a batch are joined in one buffer, in their order; pieces of one body that follow each other are one run.
Every body of a walker gets a number with its first piece.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netlake.kernels.http1_body import DROPPED
from netlake.layers.contents import LACKS, MORE, OVER, Contents
from netlake.layers.dialog import Body, Piece

# numbers of streams are not used for bodies, so that a body of no piece has none
_FIRST = 1


class Bodies:
    """The pieces of a batch."""

    def __init__(self) -> None:
        self.next = _FIRST
        self.parts: list[bytes] = []
        self.size = 0
        # body, start, end, last, coding, form, as in RUN
        self.runs: list[list[int]] = []
        self.readers: dict[int, Any] = {}

    def add(self, piece: Piece) -> None:
        """Add bytes of a body, or what is missing of it."""
        body = piece.body
        if body.number < 0:
            body.number, self.next = self.next, self.next + 1
            if body.reader is not None:
                self.readers[body.number] = body.reader
        if piece.missing:
            self.runs.append([body.number, 0, piece.missing, LACKS, body.coding, 0])
        start, self.size = self.size, self.size + len(piece.data)
        self.parts.append(piece.data)
        before = self.runs[-1] if self.runs else None
        if before is not None and before[0] == body.number and before[3] == MORE:
            before[2], before[3] = self.size, OVER if piece.is_last else MORE
        else:
            self.runs.append([body.number, start, self.size, OVER if piece.is_last else MORE, body.coding, 0])

    def drop(self, body: Body) -> None:
        """A body will not end."""
        if body.number >= 0:
            self.runs.append([body.number, 0, 0, DROPPED, body.coding, 0])

    def give(self, contents: Contents) -> None:
        """Give all pieces to the thread."""
        if not self.runs:
            return
        buffer = contents.buffer(self.size)
        buffer[: self.size] = np.frombuffer(b"".join(self.parts), np.uint8)
        contents.add_runs(buffer, [tuple(run) for run in self.runs], self.readers)
        self.parts, self.size, self.runs, self.readers = [], 0, [], {}
