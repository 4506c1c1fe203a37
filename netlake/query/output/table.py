"""Aligned columns. The widths are those of the first SAMPLE rows, so that memory does not grow with the rows.

No column is padded to more than WIDEST characters: one long cell would otherwise widen every row. On a terminal, longer
cells are cut, and columns that do not fit are omitted; the last line names them. Of the rows of a table
(`Style.choose`) the columns in FIRST are shown before others, and those in LAST after: time and addresses, not ids.
Elsewhere nothing is cut or omitted: a longer cell moves the rest of its own row.
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
# columns of tables in the order in which they get room on a terminal: these first, the others in their order, LAST last
FIRST = (
    "ts", "orig_ip", "orig_port", "resp_ip", "resp_port", "src_ip", "src_port", "dst_ip", "dst_port", "protocol",
    "service", "address", "name", "query", "type", "answer", "query_name", "query_type_name", "rcode_name",
    "method", "host", "uri", "status", "server_name", "flow", "packet",
)  # fmt: skip
LAST = ("last_ts", "first_packet", "last_packet", "from_originator", "place", "fault", "capture", "day")


class AlignedTable:
    """Columns with a header line; numbers are right-aligned."""

    # characters between columns
    gap = len(GAP)

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        self.out, self.style, self.schema = out, style, schema
        self.names = [harmless(name) for name in schema.names]
        self.right = [is_number(field.type) for field in schema]
        self.widths: list[int] = []
        self.kept = list(range(len(self.names)))
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
            self._choose()
        self._head()
        self._print(self.waiting)
        self.waiting = []

    def _choose(self) -> None:
        """Choose the columns that a terminal has room for."""
        order = _order(self.schema.names) if self.style.choose else None
        self.kept = fitting(self.widths, self._room(), self.gap, order)

    def _room(self) -> int:
        return self.style.width

    def _head(self) -> None:
        self._print([self.names, ["-" * width for width in self.widths]])

    def _print(self, rows: list[list[str]]) -> None:
        shape = [(place, self.widths[place], self.right[place]) for place in self.kept]
        lines = [self._line([self._fit(row[place], width, right) for place, width, right in shape]) for row in rows]
        self.out.write(("\n".join(lines) + "\n").encode() if lines else b"")

    def _line(self, cells: list[str]) -> str:
        return GAP.join(cells).rstrip()

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
        self._foot()
        if hidden := [name for place, name in enumerate(self.names) if place not in self.kept]:
            few = ", ".join(hidden[:6]) + (", ..." if len(hidden) > 6 else "")
            self.out.write(f"({len(hidden)} more columns: {few}; --format text shows all)\n".encode())

    def _foot(self) -> None:
        """Print what closes the table: nothing."""


def _order(names: list[str]) -> list[int]:
    """The places of columns in the order in which they get room."""
    rank = {name: place - len(FIRST) for place, name in enumerate(FIRST)}
    rank |= {name: len(names) + place for place, name in enumerate(LAST)}
    return sorted(range(len(names)), key=lambda place: rank.get(names[place], place))


def fitting(widths: list[int], terminal: int, gap: int, order: list[int] | None = None) -> list[int]:
    """The places of the columns that fit in `terminal` characters, at least one.

    Without `order` they are the first ones; with it, each in this order that still fits.
    """
    kept: list[int] = []
    used = -gap
    for place in order or range(len(widths)):
        if used + gap + widths[place] <= terminal or not kept:
            used += gap + widths[place]
            kept.append(place)
        elif order is None:
            break
    return sorted(kept)


def is_number(kind: pa.DataType) -> bool:
    """Whether values of a type are right-aligned."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
