"""Rows to several destinations at once."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from netlake.schema import Table
from netlake.sinks import Sink


class TeeSink:
    """Hands every row group to each of `sinks`, in order; `abort` reaches all of them whatever one of them says."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self.sinks = sinks

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Take one row group."""
        for sink in self.sinks:
            sink.write(table, rows)

    def close(self) -> None:
        """Close each."""
        for sink in self.sinks:
            sink.close()

    def abort(self) -> None:
        """Take back what each wrote."""
        for sink in self.sinks:
            sink.abort()
