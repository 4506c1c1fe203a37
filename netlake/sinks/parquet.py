"""Tables into Parquet files: one for each table and UTC day of a capture, more where one would be long.

Rules of this file:
- A file is begun at its first row: a file costs 1 to 5 ms and some KB, and most captures hold few of all protocols.
- At most `max_days` days of a table get files of their own; rows of further days go to the null partition, keeping
  their true `day`, and are counted (`beyond`). A capture with hostile clocks would otherwise make a file a packet.
- A file ends after MOST_GROUPS row groups, and another begins: until then Parquet holds half a KB of every column of
  each, which made memory grow with the capture (12 million packets: 90 MiB).
- Encoding runs in threads (see `ordered`), so `write` returns at once unless too much is waiting.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.records.ordered import Ordered
from netlake.schema import Table
from netlake.sinks import DataFile
from netlake.sinks.parquet_file import EPOCH, ParquetFile

# row groups of a file
MOST_GROUPS = 64
# bytes of row groups that may wait for the writers
WAITING = 64 << 20
# threads that put files in place: they wait for the disk, which takes several at once in the time of one
FINISHERS = 8
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
# the number of a day that a row does not have
UNKNOWN = np.iinfo(np.int32).min


class ParquetSink:
    """Writes under `directory` (a lake's data folder): `<table>/day=YYYY-MM-DD/<capture>-<uuid>.parquet`.

    A table without a `day` column lies in `<table>/`. After `close`, `files` holds what was written, by table and day,
    durable but nobody's until a catalog says so; `beyond` counts, by table, the rows of days past `max_days`.
    """

    def __init__(
        self, directory: Path, capture: str, *, threads: int = 2, max_days: int = 32, bloom: bool = False
    ) -> None:  # fmt: skip
        if not re.fullmatch(r"[A-Za-z0-9_-]+", capture):
            raise ValueError(f"{capture!r} is no id of a capture: letters, digits, - and _ only")
        self.directory, self.capture, self.max_days, self.bloom = Path(directory), capture, max_days, bloom
        self.files: list[DataFile] = []
        self.beyond: Counter[str] = Counter()
        self._open: dict[str, dict[dt.date | None, ParquetFile]] = {}
        self._ended: list[ParquetFile] = []
        self._days: dict[str, dict[int, dt.date]] = {}
        self._threads = Ordered(threads, WAITING)

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Take one row group; raises what an earlier one raised in its thread."""
        if rows.num_rows:
            self._open.setdefault(table.name, {})
            self._days.setdefault(table.name, {})
            self._threads.put(table.name, rows.nbytes, partial(self._store, table, rows))

    def close(self) -> None:
        """Wait for the threads and put every file in place; on an error everything is taken back."""
        try:
            self._threads.wait()
            self._threads.threads = max(self._threads.threads, FINISHERS)
            for days in self._open.values():
                for file in days.values():
                    self._threads.put(str(file.final), 0, partial(self._finish, file))
            self._threads.wait()
        except BaseException:
            self.abort()
            raise
        self._threads.end()
        self.files.sort(key=lambda file: (file.table.name, file.day or dt.date.max))

    def abort(self) -> None:
        """Remove everything that was written, also after `close`."""
        self._threads.end()
        for days in self._open.values():
            for file in days.values():
                file.discard()
        for file in self._ended:
            file.discard()
        self._open.clear()
        self._ended.clear()
        self.files = []

    def _finish(self, file: ParquetFile) -> None:
        self.files.append(file.finish())

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
            self._finish(files.pop(day))
        if day not in files:
            place = self.directory / table.name / folder
            files[day] = ParquetFile(table, place, self.capture, day, bloom=self.bloom)
        return files[day]

    def _by_day(self, table: Table, rows: pa.RecordBatch) -> Iterator[tuple[dt.date | None, pa.RecordBatch]]:
        """`rows` split by day, each part in packet order; those without a partition of their own last."""
        numbers = rows.column("day").cast(pa.int32()).fill_null(UNKNOWN).to_numpy()
        left = np.ones(len(numbers), np.bool_)
        for number in self._own_days(table.name, numbers):
            where = numbers == number
            left &= ~where
            yield self._days[table.name][number], _take(rows, where)
        if left.any():
            self.beyond[table.name] += int(np.count_nonzero(left & (numbers != UNKNOWN)))
            yield None, _take(rows, left)

    def _own_days(self, name: str, numbers: npt.NDArray[np.int32]) -> list[int]:
        """Which of these days have files of their own; the first to come get them."""
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
    """Some of `rows`, with dictionaries of what these use."""
    if where.all():
        return rows
    part = rows.filter(pa.array(where))
    columns = [_compact(column) if pa.types.is_dictionary(column.type) else column for column in part.columns]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _compact(column: pa.DictionaryArray) -> pa.DictionaryArray:
    return column.cast(column.type.value_type).dictionary_encode()
