"""Where rows go. A sink is handed one row group of one table at a time, in packet order, from one thread."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from netlake.schema import Table


class Sink(Protocol):
    """What every destination does.

    The batch has the columns of `netlake.schema.arrow.schema(table)` in that order, of those types, but that a string
    column may come as dictionary<int32, string> with a dictionary of its own that holds no unused value.
    """

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Take one row group."""

    def close(self) -> None:
        """Finish what was written; nothing may be written after it."""

    def abort(self) -> None:
        """Take back what was written, as far as it is not yet anybody's."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known of one column of one file: bytes stored, values, nulls, least and greatest value or None."""

    size: int
    values: int
    nulls: int
    least: object = None
    greatest: object = None


@dataclass(frozen=True, slots=True)
class DataFile:
    """A finished Parquet file of one table and one day (None: no day, or one of too many), already durable on disk.

    `path` is where it lies (temporary names are gone); `footer` is the footer's length in bytes;
    `statistics` are by field id, scalar top-level columns only.
    """

    table: Table
    path: Path
    day: dt.date | None
    rows: int
    size: int
    footer: int
    sha256: str
    statistics: dict[int, Statistics] = field(default_factory=dict)
