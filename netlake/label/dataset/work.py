"""The working tables of a data set: a database on disk in a temporary folder, next to views of the lake's tables.

DuckDB sorts and joins larger inputs than memory in this folder. Strings from users reach SQL as parameters or through
`quoted` only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from netlake.errors import OptionError
from netlake.label.memory import explained
from netlake.query.connection import Connection, view
from netlake.query.lake import Lake
from netlake.query.snapshot import of_declaration
from netlake.schema import Table
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted

__all__ = ["BATCH", "Work", "literal", "quoted"]

BATCH = 131_072


class Work:
    """A database in `folder`; with a lake, `lake` connects views of its tables `tables` too."""

    def __init__(self, folder: Path, cursor: duckdb.DuckDBPyConnection) -> None:
        self.folder, self.cursor = folder, cursor
        self.run(f"SET temp_directory={literal(str(folder / 'spill'))}")
        self.run("SET preserve_insertion_order=true")
        self.run(f"ATTACH {literal(str(folder / 'work.duckdb'))} AS work")

    @classmethod
    def of_lake(cls, folder: Path, lake: Lake, tables: Sequence[Table]) -> Work:
        """With views of some tables of a lake, all of one snapshot; a table that the lake does not have is empty."""
        present = [table.name for table in tables if table.name in lake.tables]
        cursor = lake.connect(*present) if present else Connection().database.cursor()
        for table in tables:
            if table.name not in present:
                cursor.execute(view(table.name, tuple(of_declaration(table)), ()))
        return cls(folder, cursor)

    @classmethod
    def alone(cls, folder: Path) -> Work:
        """Without a lake, for tests."""
        return cls(folder, Connection().database.cursor())

    def limit(self, memory: str) -> None:
        """Limit the memory of DuckDB; beyond it, sorts and joins use files. OptionError for a text that is no size."""
        try:
            self.cursor.execute(f"SET memory_limit={literal(memory)}")
        except duckdb.Error as error:
            raise OptionError(f"--memory: {memory!r} is not a size; give one such as 2GB or 512MB.") from error

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Execute a statement without a result."""
        self._execute(statement, values)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a result."""
        return list(self._execute(statement, values).fetchall())

    def row(self, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of a result."""
        (found,) = self.rows(statement, values)
        return found

    def value(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """The only value of a result."""
        (found,) = self.row(statement, values)
        return found

    def table(self, statement: str, values: Sequence[Any] = ()) -> pa.Table:
        """A result that fits in memory."""
        try:
            return self.cursor.sql(statement, params=list(values) or None).to_arrow_table()
        except duckdb.Error as error:
            raise explained(error) from error

    def batches(self, statement: str) -> Iterator[pa.RecordBatch]:
        """A result of any size, in batches of BATCH rows (the last may be shorter)."""
        # a cursor of its own: several results can be read at once; the working tables are visible to all cursors
        try:
            yield from even(self.cursor.cursor().sql(statement).to_arrow_reader(BATCH))
        except duckdb.Error as error:
            raise explained(error) from error

    def close(self) -> None:
        """Close the database, so that its folder can be removed."""
        self.cursor.close()

    def _execute(self, statement: str, values: Sequence[Any]) -> Any:
        try:
            return self.cursor.execute(statement, list(values) if values else None)
        except duckdb.Error as error:
            raise explained(error) from error


def even(batches: Iterator[pa.RecordBatch] | pa.RecordBatchReader, rows: int = BATCH) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly `rows`, so that files do not depend on how a query was scheduled."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        at = 0
        while count + batch.num_rows - at >= rows:
            part = batch.slice(at, rows - count)
            held.append(part)
            at += part.num_rows
            yield one(held)
            held, count = [], 0
        if at < batch.num_rows:
            held.append(batch.slice(at))
            count += batch.num_rows - at
    if held:
        yield one(held)


def one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Several batches as one."""
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches).combine_chunks()
    return table.to_batches()[0]
