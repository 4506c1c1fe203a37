"""What both sides of an HTTP/3 connection say of it as a whole: the row of `http3_connection`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from netlake.layers.dialog import Where
from netlake.layers.quic_keys import varint
from netlake.packets import Malformed
from netlake.streams.http3.frames import Frame
from netlake.streams.http3.numbers import MAX_TABLE_CAPACITY, SETTINGS, Type, is_reserved

# settings that are kept of a side
MOST_SETTINGS = 64


@dataclass(slots=True)
class Spoken:
    """What one side said of the connection; `begin` is its first byte."""

    begin: Where | None = None
    settings: list[tuple[int, int]] | None = None
    goaway: int | None = None

    @property
    def capacity(self) -> int | None:
        """How large the table of the other side may be; None without SETTINGS."""
        return None if self.settings is None else dict(self.settings).get(MAX_TABLE_CAPACITY, 0)

    def read(self, frame: Frame) -> str | None:
        """Take what a frame of a control stream says; the anomaly if it is malformed."""
        payload = bytes(frame.payload)
        try:
            if frame.kind == Type.SETTINGS and self.settings is None:
                self.settings = []
                at = 0
                while at < len(payload):
                    number, at = varint(payload, at)
                    value, at = varint(payload, at)
                    if len(self.settings) < MOST_SETTINGS:
                        self.settings.append((number, value))
            elif frame.kind == Type.SETTINGS:
                return "unexpected_frame"
            elif frame.kind == Type.GOAWAY:
                self.goaway = varint(payload, 0)[0]
        except Malformed:
            return "bad_frame_size"
        return None

    def fields(self, prefix: str) -> dict[str, Any]:
        """Its columns."""
        shown = [
            {"name": SETTINGS.get(number, "reserved" if is_reserved(number) else f"0x{number:x}"), "value": value}
            for number, value in self.settings or ()
        ]
        return {f"{prefix}settings": shown, f"{prefix}goaway_id": self.goaway}


@dataclass(slots=True)
class Placed:
    """Positions of rows of one table and side among those that begin in the same packet."""

    counts: dict[int, int] = field(default_factory=dict)

    def __call__(self, where: Where) -> int:
        """The position of the next row, which begins at `where`."""
        count = self.counts.pop(where.packet, -1) + 1
        self.counts[where.packet] = count
        if len(self.counts) > MOST_PACKETS:
            del self.counts[next(iter(self.counts))]
        return count


# packets of which positions are known
MOST_PACKETS = 1024
