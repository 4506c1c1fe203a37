"""Tables for documents (Markdown, as GitHub reads it) and with lines of box-drawing characters."""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa

from netlake.query.output import Style, text
from netlake.query.output.table import AlignedTable, is_number
from netlake.query.output.visible import harmless

# characters that Markdown would read, in a cell
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>#|~"})


class Markdown:
    """A table with pipes; characters with a meaning in Markdown are escaped, numbers are right-aligned."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        self.out, self.style = out, style
        marks = ["---:" if is_number(field.type) else "---" for field in schema]
        self._write([harmless(name).translate(_SPECIAL) for name in schema.names])
        self.out.write(f"| {' | '.join(marks)} |\n".encode())

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        for part in text.portions(batch):
            columns = [text.plain(column).fill_null("").to_pylist() for column in part.columns]
            for row in zip(*columns, strict=True):
                # a line end or control character would end the table, also with --raw
                self._write([harmless(cell).translate(_SPECIAL) for cell in row])

    def _write(self, cells: list[str]) -> None:
        self.out.write(f"| {' | '.join(cells)} |\n".encode())

    def close(self) -> None:
        """Do nothing: the format has no end mark."""


class Box(AlignedTable):
    """Aligned columns between lines."""

    gap = 3

    def _room(self) -> int:
        return self.style.width - 4

    def _head(self) -> None:
        self._rule("┌┬┐")
        self._print([self.names])
        self._rule("├┼┤")

    def _rule(self, corners: str) -> None:
        left, middle, right = tuple(corners)
        lines = ["─" * (self.widths[place] + 2) for place in self.kept]
        self.out.write(f"{left}{middle.join(lines)}{right}\n".encode())

    def _line(self, cells: list[str]) -> str:
        return f"│ {' │ '.join(cells)} │"

    def _foot(self) -> None:
        self._rule("└┴┘")
