"""JSONL for Timesketch: one event a line, with the attributes that it needs.

These are `message`, `datetime` (ISO 8601 with a zone), `timestamp` (microseconds since 1970) and `timestamp_desc`, what
happened at the time. `data_type` is `netlake:` and the kind. The other columns are further attributes; nulls are left
out. Timesketch refuses events without a time: they are not written, and counted in a message at the end.
"""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.output import Style, text
from netlake.query.output.visible import say

_RENAMED = {"about": "timestamp_desc"}


class Timesketch:
    """One JSON object for each row of a timeline."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        del style
        self.out, self.untimed = out, 0
        self.names = [text.json_name(_RENAMED.get(name, name)) for name in schema.names if name != "ts"]

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch` that have a time."""
        timed = batch.filter(batch.column("ts").is_valid())
        self.untimed += batch.num_rows - timed.num_rows
        for part in text.portions(timed):
            time = part.column("ts")
            stamp = pc.replace_substring(text.plain(time), "Z", "+00:00")
            number = time.cast(pa.int64()).cast(pa.string())
            kind = text.json_quoted(pc.binary_join_element_wise("netlake:", part.column("kind"), ""))
            parts: list[object] = ['{"datetime":"', stamp, '","timestamp":', number, ',"data_type":', kind]
            for name, column in zip(self.names, part.drop_columns(["ts"]).columns, strict=True):
                shown = pc.binary_join_element_wise(f",{name}:", text.json_text(column), "")
                parts.append(pc.if_else(column.is_valid(), shown, ""))
            self.out.write(text.lines([*parts, pa.array(["}\n"] * part.num_rows)]))

    def close(self) -> None:
        """Report the rows that were left out."""
        if self.untimed:
            say(f"{self.untimed:,} rows have no time and were left out, because Timesketch refuses them.")
