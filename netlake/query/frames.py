"""A table as a lazy Polars frame over its files; Polars prunes them by the statistics in the Parquet footers."""

from __future__ import annotations

from typing import Any

import polars as pl

from netlake.lake import remote
from netlake.query.connection import Connection, view
from netlake.query.snapshot import Snapshot


def scan(connection: Connection, snapshot: Snapshot, table: str) -> pl.LazyFrame:
    """The rows of `table`, in the order of its files; a column that a file lacks is null."""
    # an empty result of DuckDB gives the Polars type of each column
    cursor = connection.database.cursor()
    cursor.execute(view(table, snapshot.fields(table), ()))
    empty: pl.DataFrame = cursor.table(table).pl()
    files = snapshot.files(table)
    if not files:
        return empty.lazy()
    options: dict[str, Any] = {
        "schema": empty.schema,
        "missing_columns": "insert",
        "extra_columns": "ignore",
        "cast_options": pl.ScanCastOptions(missing_struct_fields="insert", extra_struct_fields="ignore"),
        "glob": False,
        "hive_partitioning": False,
        "storage_options": remote.options() if remote.is_remote(files[0].path) else None,
    }
    if snapshot.only is None or "capture" in empty.schema:
        frame = pl.scan_parquet([file.path for file in files], **options)
        return frame if snapshot.only is None else frame.filter(pl.col("capture").is_in(sorted(snapshot.only)))
    whole = [file.path for file in files if file.spans is None]
    frames = [pl.scan_parquet(whole, **options)] if whole else []
    for file in files:
        frames += [pl.scan_parquet([file.path], **options).slice(*span) for span in file.spans or ()]
    return pl.concat(frames)
