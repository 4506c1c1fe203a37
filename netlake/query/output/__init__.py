"""How rows leave: one class a format, all of the same shape, fed record batches and never holding more than one.

Decided here:
- Text is rendered a column at a time by Arrow's kernels and joined into lines at the end, so that a million rows take
  seconds; Python sees only the rare value that needs more (see `text`).
- A nested value is JSON wherever the format has no nesting of its own; a time is ISO 8601 with as many digits as its
  unit has, in UTC; bytes are hexadecimal. Null is an empty cell, empty text is `""` in CSV.
- Text from the wire may hold terminal escapes and spreadsheet formulas. In table, text, csv and tsv both are made
  harmless unless `raw` is asked for; json and jsonl write them as escapes, which changes nothing of their value.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

# name -> (module, class, whether it is bytes that no terminal should see)
FORMATS: dict[str, tuple[str, str, bool]] = {
    "table": ("table", "Table", False),
    "csv": ("delimited", "Csv", False),
    "tsv": ("delimited", "Tsv", False),
    "json": ("lines", "Json", False),
    "jsonl": ("lines", "JsonLines", False),
    "parquet": ("binary", "Parquet", True),
    "arrow": ("binary", "Arrow", True),
    "proto": ("proto", "Proto", True),
    "text": ("lines", "Text", False),
}


@dataclass(frozen=True, slots=True)
class Style:
    """What a writer needs to know beside the rows.

    `raw` leaves escapes and formulas as they are; `width` is the terminal's, 0 when the output is none;
    `table` names the lake's table whose rows these are, if they are a table's.
    """

    raw: bool = False
    width: int = 0
    table: str | None = None


class Writer(Protocol):
    """One output: made with the schema, given batches of it, finished once."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Take some rows."""

    def close(self) -> None:
        """Write what ends the format; the file itself stays open."""


def is_binary(name: str) -> bool:
    """Whether format `name` should not be shown on a terminal."""
    return FORMATS[name][2]


def writer(name: str, out: BinaryIO, schema: pa.Schema, style: Style) -> Writer:
    """A writer of format `name` into `out`."""
    module, kind, _ = FORMATS[name]
    made: Writer = getattr(importlib.import_module(f"{__name__}.{module}"), kind)(out, schema, style)
    return made
