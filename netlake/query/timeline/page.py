"""Placeholder."""

from typing import Any, BinaryIO


class Page:
    more = False

    def __init__(self, out: BinaryIO, lake: str, asked: dict[str, Any]) -> None: ...
    def write(self, b: Any) -> None: ...
    def close(self) -> None: ...
