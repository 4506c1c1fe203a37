"""JSON as one array, JSON with one object per line, and `text`: a block of `name  value` lines for each row."""

from __future__ import annotations

from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.output import Style, text
from netlake.query.output.visible import harmless

# longer names of columns do not widen the label of the others
WIDEST = 60


class JsonLines:
    """One object per line; every object has all columns."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        self.out, self.style, self.rows = out, style, 0
        self.names = [text.json_name(name) for name in schema.names]

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        for part in text.portions(batch):
            self.out.write(text.lines([*self._objects(part), "\n"]))

    def _objects(self, batch: pa.RecordBatch) -> list[Any]:
        parts: list[Any] = []
        for name, column in zip(self.names, batch.columns, strict=True):
            parts += [("," if parts else "{") + name + ":", text.json_text(column)]
        return [*parts, "}"]

    def close(self) -> None:
        """Do nothing: the format has no end mark."""


class Json(JsonLines):
    """One array with one object per line."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`; the separator is written before each object but the first."""
        for part in text.portions(batch):
            lead = [",\n"] * part.num_rows
            if not self.rows:
                lead[0] = "[\n"
            self.rows += part.num_rows
            self.out.write(text.lines([pa.array(lead), *self._objects(part)]))

    def close(self) -> None:
        """End the array."""
        self.out.write(b"\n]\n" if self.rows else b"[]\n")


class Text:
    """Each row as a block of lines without nulls; blocks are separated by an empty line."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        self.out, self.style, self.first = out, style, True
        names = [harmless(name) for name in schema.names]
        widest = min(WIDEST, max(map(len, names), default=0))
        self.labels = [f"{name.ljust(widest)}  " for name in names]

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        for part in text.portions(batch):
            lead = ["\n"] * part.num_rows
            if self.first:
                lead[0] = ""
            self.first = False
            lines = [self._line(label, column) for label, column in zip(self.labels, part.columns, strict=True)]
            self.out.write(text.lines([pa.array(lead), *lines]))

    def _line(self, label: str, column: pa.Array) -> pa.Array:
        cells = text.plain(column)
        if not self.style.raw:
            cells = text.harmless(cells, spaces=False)
        return pc.binary_join_element_wise(label, cells, "\n", "").fill_null("")

    def close(self) -> None:
        """Do nothing: the format has no end mark."""
