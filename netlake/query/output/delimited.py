"""CSV quoted as in RFC 4180, with lines that end in LF, and TSV with escaped tabs, newlines and backslashes.

The first line contains the column names, quoted like cells. In CSV with one column a null is quoted (`""`), because
readers skip empty lines.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.output import Style, text


class Delimited(ABC):
    """Base of CSV and TSV: renders, escapes, quotes and joins cells."""

    separator = ","

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style, separator: str | None = None) -> None:
        self.out, self.style = out, style
        self.separator = separator or self.separator
        if names := schema.names:
            out.write(self._lines([pa.array([name], pa.string()) for name in names], text_columns=[True] * len(names)))

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        for part in text.portions(batch):
            columns = [text.plain(column) for column in part.columns]
            marks = [text.is_text(field.type) for field in part.schema]
            self.out.write(self._lines(columns, text_columns=marks))

    def close(self) -> None:
        """Flush; these formats have no end mark."""
        self.out.flush()

    def _lines(self, columns: list[pa.Array], *, text_columns: list[bool]) -> memoryview | bytes:
        parts: list[Any] = []
        for column, from_outside in zip(columns, text_columns, strict=True):
            parts += [self.separator] if parts else []
            parts.append(self.cell(column, from_outside=from_outside, alone=len(columns) == 1))
        return text.lines([*parts, "\n"])

    @abstractmethod
    def cell(self, column: pa.Array, *, from_outside: bool, alone: bool) -> pa.Array:
        """The cells of one column as text of the file."""


class Csv(Delimited):
    """Comma-separated values; the separator may be another character."""

    def cell(self, column: pa.Array, *, from_outside: bool, alone: bool) -> pa.Array:
        """Quote cells with a quote, separator, CR, LF, outer spaces, or empty text; null is an unquoted empty cell."""
        if not self.style.raw:
            column = text.harmless(column, spaces=True)
            column = text.guarded(column) if from_outside else column
        needs = pc.match_substring_regex(column, f'["{re.escape(self.separator)}\r\n]|^ | $|^$')
        if pc.any(needs).as_py():
            quoted = pc.binary_join_element_wise('"', pc.replace_substring(column, '"', '""'), '"', "")
            column = pc.if_else(needs, quoted, column)
        return column.fill_null('""' if alone else "")


class Tsv(Delimited):
    r"""Tab-separated values; tab, newline and backslash are escaped as `\t`, `\n`, `\r` and `\\`."""

    separator = "\t"

    def cell(self, column: pa.Array, *, from_outside: bool, alone: bool) -> pa.Array:
        """Escape cells; null is an empty cell."""
        del alone
        if not self.style.raw and from_outside:
            column = text.guarded(column)
        for character, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
            column = pc.replace_substring(column, character, escape)
        if not self.style.raw:
            column = text.harmless(column, spaces=True)
        return column.fill_null("")
