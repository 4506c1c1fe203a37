"""Builders for the tests of the comparison."""

from __future__ import annotations

from typing import Any

from tests.compare import differences
from tests.compare.tshark import Frame


def place(frame: Frame) -> differences.Place:
    """A frame of a capture without connections."""
    return differences.Place("x.pcap", "pcap", frame, None, {})


class Given:
    """The rows of one frame."""

    def __init__(self, *found: dict[str, Any]) -> None:
        self.found = list(found)

    def of(self, _: int) -> list[dict[str, Any]]:
        """The rows, for any frame."""
        return self.found
