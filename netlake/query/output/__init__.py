"""Output formats: one writer class for each, which takes record batches and writes them as they arrive.

Rules:
- Text is rendered column by column with Arrow's kernels and then joined into lines, so that a million rows take
  seconds. Only values that need more are processed in Python (see `text`).
- Nested values are JSON in formats without nesting. Times are ISO 8601 in UTC, with as many digits as their unit has.
  Bytes are hexadecimal. Null is an empty cell; empty text is `""` in CSV.
- Text from captures can contain terminal escapes and spreadsheet formulas. table, text, csv and tsv escape both unless
  `raw` is set; json and jsonl escape control characters, which does not change the value.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

# name -> (module, class, whether the format is binary)
FORMATS: dict[str, tuple[str, str, bool]] = {
    "table": ("table", "AlignedTable", False),
    "csv": ("delimited", "Csv", False),
    "tsv": ("delimited", "Tsv", False),
    "json": ("lines", "Json", False),
    "jsonl": ("lines", "JsonLines", False),
    "parquet": ("binary", "Parquet", True),
    "arrow": ("binary", "Arrow", True),
    "proto": ("proto", "Proto", True),
    "text": ("lines", "Text", False),
    "markdown": ("bordered", "Markdown", False),
    "box": ("bordered", "Box", False),
    "elasticsearch": ("elastic", "Bulk", False),
}
# formats of timelines alone, whose columns they need; html is netlake.query.timeline.page
OF_TIMELINES: dict[str, tuple[str, str, bool]] = {
    "html": ("", "", False),
    "timesketch": ("timesketch", "Timesketch", False),
}
# endings of names of files -> format
ENDINGS = {
    ".parquet": "parquet", ".csv": "csv", ".tsv": "tsv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".arrow": "arrow", ".arrows": "arrow", ".md": "markdown", ".zst": "proto", ".txt": "table",
}  # fmt: skip
# formats whose file is one document, or has one schema
_SINGLE = {"json", "parquet", "arrow", "proto"}


@dataclass(frozen=True, slots=True)
class Style:
    """Settings of a writer.

    `raw` writes control characters and formulas unchanged; `width` is that of the terminal, 0 if the output is not a
    terminal; `table` is the name of the table whose rows are written, None for other rows; `choose` lets a format that
    has no room for all columns choose the most useful ones, else the first ones.
    """

    raw: bool = False
    width: int = 0
    table: str | None = None
    choose: bool = False


class Writer(Protocol):
    """The interface of a format: created with a schema, takes batches, is closed once."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of `batch`."""

    def close(self) -> None:
        """Write the end of the format; the file stays open."""


def is_binary(name: str) -> bool:
    """Whether format `name` is binary and must not be written to a terminal."""
    return (FORMATS | OF_TIMELINES)[name][2]


def takes_several(name: str) -> bool:
    """Whether format `name` can hold the rows of several queries, one after another."""
    return name not in _SINGLE


def writer(name: str, out: BinaryIO, schema: pa.Schema, style: Style) -> Writer:
    """A writer of format `name` for rows of `schema`, which writes to `out`."""
    module, kind, _ = (FORMATS | OF_TIMELINES)[name]
    made: Writer = getattr(importlib.import_module(f"{__name__}.{module}"), kind)(out, schema, style)
    return made
