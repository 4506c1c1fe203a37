"""CSV as RFC 4180 quotes it, with lines that end in LF; and TSV, in which tab, newline and backslash are escaped.

The header is a line like any other. A row of one empty cell would be an empty line, which readers skip, so there an
empty cell is quoted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.output import Style, text


class Delimited(ABC):
    """What CSV and TSV share: cells are rendered, made safe, quoted, joined."""

    separator = ","

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        self.out, self.style = out, style
        if names := schema.names:
            out.write(self._lines([pa.array([name], pa.string()) for name in names], text_columns=[True] * len(names)))

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        for part in text.portions(batch):
            columns = [text.plain(column) for column in part.columns]
            marks = [text.is_text(field.type) for field in part.schema]
            self.out.write(self._lines(columns, text_columns=marks))

    def close(self) -> None:
        """Make sure that all is written: nothing ends these formats."""
        self.out.flush()

    def _lines(self, columns: list[pa.Array], *, text_columns: list[bool]) -> memoryview | bytes:
        parts: list[Any] = []
        for column, from_outside in zip(columns, text_columns, strict=True):
            parts += [self.separator] if parts else []
            parts.append(self.cell(column, from_outside=from_outside, alone=len(columns) == 1))
        return text.lines([*parts, "\n"])

    @abstractmethod
    def cell(self, column: pa.Array, *, from_outside: bool, alone: bool) -> pa.Array:
        """The cells of one column as they stand in the file."""


class Csv(Delimited):
    """Comma-separated values."""

    def cell(self, column: pa.Array, *, from_outside: bool, alone: bool) -> pa.Array:
        """Quoted where it holds a quote, a comma, CR or LF, and where it is empty text: null is the bare empty cell."""
        if not self.style.raw:
            column = text.harmless(column, spaces=True)
            column = text.guarded(column) if from_outside else column
        needs = pc.match_substring_regex(column, '[",\r\n]|^ | $|^$')
        if pc.any(needs).as_py():
            quoted = pc.binary_join_element_wise('"', pc.replace_substring(column, '"', '""'), '"', "")
            column = pc.if_else(needs, quoted, column)
        return column.fill_null('""' if alone else "")


class Tsv(Delimited):
    r"""Tab-separated values: `\t`, `\n`, `\r` and `\\` stand for what would break a line."""

    separator = "\t"

    def cell(self, column: pa.Array, *, from_outside: bool, alone: bool) -> pa.Array:
        """Escaped; null is an empty cell."""
        del alone
        if not self.style.raw and from_outside:
            column = text.guarded(column)
        for character, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
            column = pc.replace_substring(column, character, escape)
        if not self.style.raw:
            column = text.harmless(column, spaces=True)
        return column.fill_null("")
