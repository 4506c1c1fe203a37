"""The report of a run: the outcome of each capture, rows and bytes by table, quality, and bytes that were not read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

OK, ERROR, PARTIAL = 0, 1, 3


@dataclass(slots=True)
class TableReport:
    """Number of rows of a table, and bytes of its files."""

    rows: int
    bytes: int = 0


@dataclass(slots=True)
class ProblemReport:
    """A problem of an input file, as a sentence; `offset` counts bytes, after decompression if it is compressed."""

    offset: int
    sentence: str
    source: str


@dataclass(slots=True)
class CaptureReport:
    """The outcome of one capture.

    `state` is added, replaced, unchanged (already in the lake) or failed; `message` is a sentence about it. `partial`
    is whether some bytes could not be read; `bytes` is the size of the input, `seconds` wall time. `notices` are
    sentences about other captures in the lake; `disk_full` is whether a full disk made it fail, which ends a run.
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
    problems: list[ProblemReport] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    disk_full: bool = False


@dataclass(slots=True)
class Report:
    """A run over one or more captures."""

    captures: list[CaptureReport] = field(default_factory=list)
    seconds: float = 0.0
    notices: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 if all captures were read completely, 3 if one was read in part, 1 if one failed."""
        if any(capture.state == "failed" for capture in self.captures):
            return ERROR
        return PARTIAL if any(capture.partial for capture in self.captures) else OK

    def as_dict(self) -> dict[str, Any]:
        """The report as dictionaries and lists, for JSON."""
        return {**dataclasses.asdict(self), "exit_code": self.exit_code}
