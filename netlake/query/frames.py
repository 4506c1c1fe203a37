"""A table as a lazy Polars frame over its files, which Polars itself prunes by what Parquet says of them."""

from __future__ import annotations

import polars as pl

from netlake.query.connection import Connection, view
from netlake.query.source import Source


def scan(connection: Connection, source: Source, table: str) -> pl.LazyFrame:
    """The rows of `table`, in the order of its files; a file that lacks a column reads as null there."""
    # DuckDB's empty table says what every type of SQL is in Polars
    cursor = connection.database.cursor()
    cursor.execute(view(table, source.fields(table), ()))
    empty: pl.DataFrame = cursor.table(table).pl()
    files = source.files(table)
    if not files:
        return empty.lazy()
    return pl.scan_parquet(
        [file.path for file in files],
        schema=empty.schema,
        missing_columns="insert",
        extra_columns="ignore",
        cast_options=pl.ScanCastOptions(missing_struct_fields="insert", extra_struct_fields="ignore"),
        glob=False,
        hive_partitioning=False,
    )
