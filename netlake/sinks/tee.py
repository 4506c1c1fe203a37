"""Writes rows to several sinks."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from netlake.schema import Table
from netlake.sinks import Sink


class TeeSink:
    """Writes every row group to each of `sinks`, in order."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self.sinks = sinks

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Write one row group to each sink."""
        for sink in self.sinks:
            sink.write(table, rows)

    def close(self) -> None:
        """Close each sink."""
        for sink in self.sinks:
            sink.close()

    def abort(self) -> None:
        """Abort each sink."""
        for sink in self.sinks:
            sink.abort()
