"""What `apply` can be asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from netlake.errors import OptionError

MODES = ("overlap", "start", "contained")
DEFAULT = "default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# called with a sentence about the present step and the share of the work that is done, from 0 to 1
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How a version of labels is made.

    `sources` are names of sources in the table `truth`, all of them if empty. `mode` decides which flows a time
    interval labels: those that overlap it, begin in it (start), or lie in it (contained). `tolerance` extends every
    interval at both ends, in seconds; None is the tolerance of each rule (see netlake.label.join.rules). `spread` also
    gives packets the labels of their flows. `memory` and `threads` limit DuckDB.
    """

    version: str = DEFAULT
    sources: tuple[str, ...] = ()
    mode: str = "overlap"
    tolerance: float | None = None
    spread: bool = False
    memory: str = "1200MB"
    threads: int | None = None

    def check(self) -> None:
        """OptionError for an invalid value."""
        if not _NAME.fullmatch(self.version):
            raise OptionError(
                f"--version: {self.version!r} cannot name a version; use up to 64 letters, digits, dots, dashes and"
                " underscores."
            )
        if self.mode not in MODES:
            raise OptionError(f"--mode: {self.mode!r} is none of {', '.join(MODES)}.")
        if self.tolerance is not None and not (math.isfinite(self.tolerance) and 0 <= self.tolerance <= 1e9):
            raise OptionError(f"--tolerance: {self.tolerance} is not a number of seconds from 0 to 1e9.")
