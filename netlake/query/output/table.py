"""Aligned columns. The widths are those of the first SAMPLE rows, so that memory does not grow with the rows.

No column is padded to more than WIDEST characters: one long cell would otherwise widen every row. On a terminal, longer
cells are cut, and columns that do not fit are omitted; the last line names them. Elsewhere nothing is cut or omitted: a
longer cell moves the rest of its own row.
"""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
from rich.cells import cell_len, set_cell_size

from netlake.query.output import Style, text
from netlake.query.output.visible import harmless

SAMPLE = 1_000
WIDEST = 60
GAP = "  "


class AlignedTable:
    """Columns with a header line; numbers are right-aligned."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        self.out, self.style, self.schema = out, style, schema
        self.names = [harmless(name) for name in schema.names]
        self.right = [_is_number(field.type) for field in schema]
        self.widths: list[int] = []
        self.shown = len(self.names)
        self.waiting: list[list[str]] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`; the first SAMPLE rows are buffered to measure the widths."""
        for part in text.portions(batch):
            columns = [self._cells(column) for column in part.columns]
            rows = [list(row) for row in zip(*columns, strict=True)]
            if self.widths:
                self._print(rows)
                continue
            self.waiting += rows
            if len(self.waiting) >= SAMPLE:
                self._measure()

    def _cells(self, column: pa.Array) -> list[str]:
        cells = text.plain(column)
        if not self.style.raw:
            cells = text.harmless(cells, spaces=False)
        return [str(cell) for cell in cells.fill_null("").to_pylist()]

    def _measure(self) -> None:
        columns = zip(*([self.names, *self.waiting[:SAMPLE]]), strict=True)
        self.widths = [min(WIDEST, max(map(cell_len, column))) for column in columns]
        if self.style.width:
            self.shown = _fitting(self.widths, self.style.width)
        rule = ["-" * width for width in self.widths]
        self._print([self.names, rule, *self.waiting])
        self.waiting = []

    def _print(self, rows: list[list[str]]) -> None:
        shape = list(zip(self.widths, self.right, strict=True))[: self.shown]
        lines = []
        for row in rows:
            cells = [self._fit(cell, *wide) for cell, wide in zip(row, shape, strict=False)]
            lines.append(GAP.join(cells).rstrip())
        self.out.write(("\n".join(lines) + "\n").encode() if lines else b"")

    def _fit(self, cell: str, width: int, right: bool) -> str:  # noqa: FBT001 - passed by position
        length = len(cell) if cell.isascii() else cell_len(cell)
        if length > width and self.style.width:
            return set_cell_size(cell, max(0, width - 1)) + "…"
        space = " " * (width - length)
        return space + cell if right else cell + space

    def close(self) -> None:
        """Print the buffered rows, and the names of omitted columns."""
        if not self.names:
            return
        if not self.widths:
            self._measure()
        if hidden := self.names[self.shown :]:
            few = ", ".join(hidden[:6]) + (", ..." if len(hidden) > 6 else "")
            self.out.write(f"({len(hidden)} more columns: {few}; --format text shows all)\n".encode())


def _fitting(widths: list[int], terminal: int) -> int:
    """How many columns fit in `terminal` characters, at least one."""
    used = 0
    for count, width in enumerate(widths):
        used += width + (len(GAP) if count else 0)
        if used > terminal:
            return max(1, count)
    return len(widths)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
