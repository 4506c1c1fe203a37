"""What a run says afterwards: what became of each capture, its tables, its quality, and what could not be read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

OK, ERROR, PARTIAL = 0, 1, 3


@dataclass(slots=True)
class TableReport:
    """Rows of a table, and the bytes of its files."""

    rows: int
    bytes: int = 0


@dataclass(slots=True)
class Trouble:
    """What could not be read: `offset` is the byte (of the decompressed stream where the input is compressed)."""

    offset: int
    sentence: str
    source: str


@dataclass(slots=True)
class CaptureReport:
    """One capture: `state` is added, replaced, standing (it was there already) or failed; `message` is a sentence.

    `partial` is whether it could not be read to its end; `bytes` are those of the input, `seconds` wall time.
    """

    name: str
    id: str | None = None
    state: str = "failed"
    message: str = ""
    packets: int = 0
    bytes: int = 0
    seconds: float = 0.0
    partial: bool = False
    tables: dict[str, TableReport] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)
    problems: list[Trouble] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """A run over one or more captures."""

    captures: list[CaptureReport] = field(default_factory=list)
    seconds: float = 0.0
    notices: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0; 3 where a capture could not be read to its end; 1 where one could not be taken at all."""
        if any(capture.state == "failed" for capture in self.captures):
            return ERROR
        return PARTIAL if any(capture.partial for capture in self.captures) else OK

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {**dataclasses.asdict(self), "exit_code": self.exit_code}
