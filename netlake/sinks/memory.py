"""Rows kept in memory as Arrow tables: what `netlake.decode` hands back."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from netlake.schema import Table, arrow


class MemorySink:
    """Keeps every row group; `tables` are whole once it is closed."""

    def __init__(self) -> None:
        self._parts: dict[str, list[pa.RecordBatch]] = {}
        self._declared: dict[str, Table] = {}
        self.tables: Mapping[str, pa.Table] = {}

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Take one row group; strings stay dictionaries until the end, which is smaller."""
        if rows.num_rows:
            self._declared[table.name] = table
            self._parts.setdefault(table.name, []).append(rows)

    def close(self) -> None:
        """Put the row groups of each table together, with exactly the declared schema."""
        self.tables = {name: self._whole(name) for name in sorted(self._parts)}
        self._parts.clear()

    def abort(self) -> None:
        """Forget everything."""
        self._parts.clear()
        self.tables = {}

    def _whole(self, name: str) -> pa.Table:
        schema = arrow.schema(self._declared[name])
        return pa.concat_tables(pa.Table.from_batches([rows]).cast(schema) for rows in self._parts[name])
