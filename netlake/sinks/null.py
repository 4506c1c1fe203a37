"""Discards rows, to measure decoding or to check a capture."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from netlake.schema import Table


class NullSink:
    """Counts the rows of each table in `rows`."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Count one row group."""
        self.rows[table.name] += rows.num_rows

    def close(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Reset the counts."""
        self.rows.clear()
