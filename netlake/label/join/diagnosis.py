"""Placeholder."""

from __future__ import annotations

from typing import Any

from netlake.label.join.opened import Opened
from netlake.label.join.report import Finding, Missed


class Diagnosis:
    """Placeholder."""

    def __init__(self, lake: Opened, captures: Any) -> None:
        self.lake, self.captures = lake, captures

    def add(self) -> None:
        """Nothing."""

    def result(self, found: Any) -> tuple[list[Finding], list[Missed]]:
        """Nothing."""
        del found
        return [], []
