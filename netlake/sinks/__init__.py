"""Sinks write rows. A sink gets one row group of one table at a time, in packet order, from one thread."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from netlake.schema import Table


class Sink(Protocol):
    """The interface of a sink.

    A batch has the columns of `netlake.schema.arrow.schema(table)`, in that order and of those types; a string column
    can also be dictionary<int32, string>, with its own dictionary without unused values.
    """

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Write one row group."""

    def close(self) -> None:
        """Finish the output; `write` must not be called after it."""

    def abort(self) -> None:
        """Remove what was written and is not committed."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of one column of one file: bytes stored, values, nulls, least and greatest value or None."""

    size: int
    values: int
    nulls: int
    least: object = None
    greatest: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A finished Parquet file, durable on disk.

    `day` is None for tables and rows without a day, and for rows of days beyond the limit of partitions; `path` is the
    final path; `size` and `footer` are lengths in bytes; `statistics` are by field id, for scalar top-level columns.
    """

    path: Path
    day: dt.date | None
    rows: int
    size: int
    footer: int
    sha256: str
    statistics: dict[int, Statistics] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile(StoredFile):
    """A finished file of a declared table, with the rows of one day or of none."""

    table: Table
