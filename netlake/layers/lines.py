"""Lines of one side of a dialog (netlake.layers.dialog), which end with LF."""

from __future__ import annotations

from typing import NamedTuple

from netlake.layers.dialog import At, Where


class Line(NamedTuple):
    """A line without its line end; `begin` and `end` are its first and last byte, `size` all its bytes."""

    data: bytes
    begin: Where
    end: Where
    size: int


class Lines:
    """Collects the lines of one side; of a line at most `most` bytes are kept."""

    __slots__ = ("begin", "kept", "most", "size")

    def __init__(self, most: int) -> None:
        self.most, self.kept, self.size = most, bytearray(), 0
        self.begin: Where | None = None

    def next(self, data: bytes, used: int, at: At) -> tuple[int, Line | None]:
        """Read from data[used:]: how far it was read, and the line that ends there; None if it does not end."""
        found = data.find(b"\n", used)
        stop = len(data) if found < 0 else found + 1
        if self.begin is None:
            self.begin = at(used)
        self.kept += data[used : min(stop, used + self.most - len(self.kept))]
        self.size += stop - used
        if found < 0:
            return stop, None
        shown = bytes(self.kept).removesuffix(b"\n").removesuffix(b"\r")
        line = Line(shown, self.begin, at(stop - 1), self.size)
        self.clear()
        return stop, line

    def clear(self) -> int:
        """Forget the line that is not complete; its size."""
        size, self.kept, self.size, self.begin = self.size, bytearray(), 0, None
        return size
