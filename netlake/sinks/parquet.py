"""Writes tables to Parquet files: one for each table and UTC day of a capture, several for a long table.

Rules:
- A file is created when its first row arrives: a file costs 1 to 5 ms and some KB, and most captures contain few of
  the protocols.
- At most `max_days` days of a table have their own files. Rows of other days go to the null partition, with their
  true `day`, and are counted (`beyond`). Otherwise a capture with random timestamps would create a file per packet.
- A file ends after MOST_GROUPS row groups and the next one starts, because Parquet keeps half a KB in memory for each
  column of each row group until the file ends (90 MiB for 12 million packets).
- Encoding runs in threads (see `ordered`); `write` blocks only if more than WAITING bytes are queued.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.records.ordered import Ordered
from netlake.schema import Table
from netlake.sinks import DataFile
from netlake.sinks.parquet_file import EPOCH, ParquetFile, declared

# most row groups of a file
MOST_GROUPS = 64
# most bytes of row groups in the queue of the threads
WAITING = 64 << 20
# threads that finish files: they wait for fsync, and the disk syncs several files in the time of one
FINISHERS = 8
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
# represents a null day
UNKNOWN = np.iinfo(np.int32).min


class ParquetSink:
    """Writes `<table>/day=YYYY-MM-DD/<capture>-<uuid>.parquet` below `directory`, a lake's data folder.

    Files of a table without a column `day` are in `<table>/`. After `close`, `files` contains the files, sorted by
    table and day; they are durable, and belong to the lake when a catalog lists them. `beyond` counts, by table, the
    rows of days over the limit `max_days`.
    """

    def __init__(
        self, directory: Path, capture: str, *, threads: int = 2, max_days: int = 32, bloom: bool = False
    ) -> None:  # fmt: skip
        if not re.fullmatch(r"[A-Za-z0-9_-]+", capture):
            raise ValueError(f"{capture!r} is not a capture id: use letters, digits, - and _ only")
        self.directory, self.capture, self.max_days, self.bloom = Path(directory), capture, max_days, bloom
        self.files: list[DataFile] = []
        self.beyond: Counter[str] = Counter()
        self._open: dict[str, dict[dt.date | None, ParquetFile]] = {}
        self._tables: dict[str, Table] = {}
        self._ended: list[ParquetFile] = []
        self._days: dict[str, dict[int, dt.date]] = {}
        self._threads = Ordered(threads, WAITING)

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Queue one row group; raises the exception of an earlier one, if writing it failed in its thread."""
        if rows.num_rows:
            self._tables[table.name] = table
            self._open.setdefault(table.name, {})
            self._days.setdefault(table.name, {})
            self._threads.put(table.name, rows.nbytes, partial(self._store, table, rows))

    def close(self) -> None:
        """Wait for the threads and finish every file; on an error remove all files."""
        try:
            self._threads.wait()
            self._threads.threads = max(self._threads.threads, FINISHERS)
            for name, days in self._open.items():
                for file in days.values():
                    self._threads.put(str(file.final), 0, partial(self._finish, self._tables[name], file))
            self._threads.wait()
        except BaseException:
            self.abort()
            raise
        self._threads.end()
        self.files.sort(key=lambda file: (file.table.name, file.day or dt.date.max))

    def abort(self) -> None:
        """Remove all files, also after `close`."""
        self._threads.end()
        for days in self._open.values():
            for file in days.values():
                file.discard()
        for file in self._ended:
            file.discard()
        self._open.clear()
        self._ended.clear()
        self.files = []

    def _finish(self, table: Table, file: ParquetFile) -> None:
        done = file.finish()
        self.files.append(DataFile(table=table, **{one.name: getattr(done, one.name) for one in fields(done)}))

    def _store(self, table: Table, rows: pa.RecordBatch) -> None:
        if "day" not in rows.schema.names:
            self._file(table, None, "").write(rows)
            return
        for day, part in self._by_day(table, rows):
            self._file(table, day, f"day={day or NO_DAY}").write(part)

    def _file(self, table: Table, day: dt.date | None, folder: str) -> ParquetFile:
        files = self._open[table.name]
        if day in files and files[day].groups >= MOST_GROUPS:
            self._ended.append(files[day])
            self._finish(table, files.pop(day))
        if day not in files:
            place = self.directory / table.name / folder
            files[day] = ParquetFile(partial(declared, table, bloom=self.bloom), place, self.capture, day)
        return files[day]

    def _by_day(self, table: Table, rows: pa.RecordBatch) -> Iterator[tuple[dt.date | None, pa.RecordBatch]]:
        """Split `rows` by day, each part in packet order; rows for the null partition last."""
        numbers = rows.column("day").cast(pa.int32()).fill_null(UNKNOWN).to_numpy()
        left = np.ones(len(numbers), np.bool_)
        for number in self._own_days(table.name, numbers):
            where = numbers == number
            left &= ~where
            yield self._days[table.name][number], _take(rows, where)
        if left.any():
            if beyond := int(np.count_nonzero(left & (numbers != UNKNOWN))):
                self.beyond[table.name] += beyond
            yield None, _take(rows, left)

    def _own_days(self, name: str, numbers: npt.NDArray[np.int32]) -> list[int]:
        """Those of the days in `numbers` that have their own files, which are the first `max_days` to arrive."""
        if numbers.min() == numbers.max():
            numbers = numbers[:1]
        distinct, first = np.unique(numbers, return_index=True)
        days, own = self._days[name], []
        for number in distinct[np.argsort(first)].tolist():
            if number not in days and number != UNKNOWN and len(days) < self.max_days:
                days[number] = EPOCH.date() + dt.timedelta(days=number)
            if number in days:
                own.append(number)
        return own


def _take(rows: pa.RecordBatch, where: npt.NDArray[np.bool_]) -> pa.RecordBatch:
    """The rows at `where`, with dictionaries without unused values."""
    if where.all():
        return rows
    part = rows.filter(pa.array(where))
    columns = [_compact(column) if pa.types.is_dictionary(column.type) else column for column in part.columns]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _compact(column: pa.DictionaryArray) -> pa.DictionaryArray:
    return column.cast(column.type.value_type).dictionary_encode()
