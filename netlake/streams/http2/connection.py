"""What both sides of an HTTP/2 connection say of it as a whole: the row of `http2_connection`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from netlake.layers.dialog import Where
from netlake.layers.spans import text_of
from netlake.streams.http2.fields import Block
from netlake.streams.http2.frames import Frame
from netlake.streams.http2.numbers import ACK, LEAST_MOST, MAX_FRAME_SIZE, SETTINGS, Type, error_name

# settings and priorities that are kept of a side
MOST_SETTINGS, MOST_PRIORITIES = 64, 16


@dataclass(slots=True)
class Spoken:
    """What one side said of the connection."""

    begin: Where | None = None
    settings: list[tuple[int, int]] = field(default_factory=list)
    largest_frame: int = LEAST_MOST  # that it allows the other side
    window: int | None = None
    priorities: list[str] = field(default_factory=list)
    order: str | None = None  # of the pseudo-header fields of its first request
    goaway: dict[str, Any] | None = None
    pings: int = 0
    has_settings: bool = False

    def read(self, frame: Frame) -> None:
        """Take what a frame says of the connection."""
        payload = bytes(frame.payload)
        if frame.kind == Type.SETTINGS and not frame.flags & ACK:
            self._settings(payload)
        elif frame.kind == Type.WINDOW_UPDATE and frame.stream == 0 and self.window is None and self.order is None:
            self.window = int.from_bytes(payload[:4]) & 0x7FFFFFFF
        elif frame.kind == Type.PRIORITY and self.order is None and len(self.priorities) < MOST_PRIORITIES:
            depends = int.from_bytes(payload[:4])
            shown = (frame.stream, depends >> 31, depends & 0x7FFFFFFF, payload[4] + 1)
            self.priorities.append(":".join(map(str, shown)))
        elif frame.kind == Type.PING and not frame.flags & ACK:
            self.pings += 1
        elif frame.kind == Type.GOAWAY:
            self.goaway = {
                "goaway_code": error_name(int.from_bytes(payload[4:8])),
                "goaway_last_stream": int.from_bytes(payload[:4]) & 0x7FFFFFFF,
                "goaway_debug": text_of(payload[8:]) or None,
            }

    def _settings(self, payload: bytes) -> None:
        for at in range(0, len(payload) - 5, 6):
            number, value = int.from_bytes(payload[at : at + 2]), int.from_bytes(payload[at + 2 : at + 6])
            if number == MAX_FRAME_SIZE:
                self.largest_frame = max(self.largest_frame, value)
            if not self.has_settings and len(self.settings) < MOST_SETTINGS:
                self.settings.append((number, value))
        self.has_settings = True

    def request(self, block: Block) -> None:
        """Take the order of the pseudo-header fields of its first request."""
        if self.order is None:
            self.order = ",".join(name[1:2].decode() for name, _ in block.fields if name.startswith(b":") and name[1:])

    @property
    def fingerprint(self) -> str | None:
        """SETTINGS|WINDOW_UPDATE|PRIORITY|order; None without SETTINGS and a request."""
        if not self.has_settings or self.order is None:
            return None
        settings = ";".join(f"{number}:{value}" for number, value in self.settings)
        window = "00" if self.window is None else str(self.window)
        return "|".join((settings, window, ",".join(self.priorities) or "0", self.order))

    def fields(self, prefix: str) -> dict[str, Any]:
        """Its columns."""
        settings = [{"name": SETTINGS.get(number, str(number)), "value": value} for number, value in self.settings]
        goaway = {f"{prefix}{name}": value for name, value in (self.goaway or {}).items()}
        return {f"{prefix}settings": settings, f"{prefix}window_update": self.window, f"{prefix}pings": self.pings,
                **goaway}  # fmt: skip
