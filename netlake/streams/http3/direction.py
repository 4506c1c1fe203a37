"""One direction of a stream of HTTP/3, with the events that wait behind a header block (RFC 9204 section 2.2.1)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from netlake.streams.http3.frames import Frame, Frames
from netlake.streams.quic.streams import Event

# bytes that wait in a direction; what an event takes in memory besides its data
MOST_WAITING, OVERHEAD = 1 << 20, 400


@dataclass(slots=True)
class Direction:
    """One direction of a stream: its frames, or its type if it has one direction only, and what waits.

    While a header block waits (`block`), events of its direction wait too.
    """

    frames: Frames = field(default_factory=Frames)
    head: bytes = b""
    kind: int | None = None
    block: Frame | None = None
    waiting: deque[Event] = field(default_factory=deque)
    held: int = 0

    @property
    def is_blocked(self) -> bool:
        """Whether a header block waits."""
        return self.block is not None
