"""Rows in memory as Arrow tables, the result of `netlake.decode`."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from netlake.schema import Table, arrow


class MemorySink:
    """Collects all row groups; `tables` is complete after `close`."""

    def __init__(self) -> None:
        self._parts: dict[str, list[pa.RecordBatch]] = {}
        self._declared: dict[str, Table] = {}
        self.tables: Mapping[str, pa.Table] = {}

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Add one row group; strings stay dictionaries until `close`, which needs less memory."""
        if rows.num_rows:
            self._declared[table.name] = table
            self._parts.setdefault(table.name, []).append(rows)

    def close(self) -> None:
        """Concatenate the row groups of each table, with the declared schema."""
        self.tables = {name: self._whole(name) for name in sorted(self._parts)}
        self._parts.clear()

    def abort(self) -> None:
        """Discard all rows."""
        self._parts.clear()
        self.tables = {}

    def _whole(self, name: str) -> pa.Table:
        schema = arrow.schema(self._declared[name])
        return pa.concat_tables(pa.Table.from_batches([rows]).cast(schema) for rows in self._parts[name])
