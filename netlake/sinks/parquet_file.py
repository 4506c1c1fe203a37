"""One Parquet file, from its first row group to its place on disk.

Rules of this file:
- It is written under a temporary name, made durable (fsync) and read-only, and put in place by a link that never
  replaces; its folder is made durable too: what has its final name is whole. A name is never used twice, else a losing
  racer could overwrite and then delete the winner's file.
- Between two row groups no file is open: hostile clocks give a table 33 files, and there are 150 tables.
- The schema in the file is Parquet's alone (field ids, plain strings): an embedded Arrow schema would tell readers
  that strings are dictionaries, and costs 300 bytes a column. The sentences stand beside it, in one line of JSON.
- The hash and the footer's length are taken from the bytes as they pass; the statistics from the writer, or, for
  strings, from each row group's dictionary. Nothing is read back.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netlake.errors import SchemaError
from netlake.schema import Column, Table, arrow
from netlake.schema.contract import ids
from netlake.sinks import DataFile, Statistics
from netlake.sinks.parquet_columns import has_statistics, writer_options
from netlake.sinks.places import make_folder, put_in_place, sync_folder, uuid7

# a longer least or greatest text is not kept: it tells nothing more, and hostile text is long
LONGEST = 128
# how strings of few values reach the writer; in the file they are plain strings
TEXT = pa.dictionary(pa.int32(), pa.string())
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class _Hashed:
    """The file that Parquet writes to: hashes and counts what passes, remembers the last 8 bytes."""

    closed = False

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.tail = path, 0, b""
        self.digest = hashlib.sha256()
        self._file: Any = None
        self._dropped = False

    def write(self, data: Any) -> int:
        """Append bytes; their number."""
        if self._dropped:
            return len(data)
        if self._file is None:
            # never made anew at the second opening: without its beginning it would be garbage
            self._file = self.path.open("r+b" if self.size else "xb", buffering=256 << 10)
            self._file.seek(self.size)
        view = memoryview(data).cast("B")
        self._file.write(view)
        self.digest.update(view)
        self.size += len(view)
        self.tail = (self.tail + bytes(view[-8:]))[-8:]
        return len(view)

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size

    def flush(self) -> None:
        """Nothing: `rest` does it."""

    def rest(self) -> None:
        """Close the file until the next write."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def drop(self) -> None:
        """Close the file; what is written from now on is lost."""
        self.rest()
        self._dropped = True

    def settle(self) -> None:
        """Make the bytes durable and the file read-only."""
        self.rest()
        handle = os.open(self.path, os.O_RDONLY)
        try:
            if os.fstat(handle).st_size != self.size:
                raise OSError(f"{self.path} was changed by another process while it was written.")
            os.fchmod(handle, 0o444)
            os.fsync(handle)
        finally:
            os.close(handle)


class _Known:
    """What is known of one scalar column so far."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.values = self.nulls = 0
        self.least: Any = None
        self.greatest: Any = None
        self.unknown = False  # a value came that cannot be ordered or kept
        scalar = column.scalar
        self.text = scalar is not None and scalar.arrow == "string"
        self.real = scalar is not None and scalar.arrow == "float64"

    def add(self, values: pa.Array) -> None:
        """Take a row group's values: strings by their dictionary where they have one."""
        self.values += len(values)
        self.nulls += values.null_count
        if self.real and pc.any(pc.is_nan(values)).as_py():
            self.unknown = True  # Parquet leaves NaN out; to SQL it is the greatest number
        if self.text and not self.unknown and values.null_count < len(values):
            self.extend(*_ends(values.dictionary if pa.types.is_dictionary(values.type) else values))

    def extend(self, least: Any, greatest: Any) -> None:
        """Widen the range."""
        if least is None or greatest is None:
            self.unknown = True
            return
        self.least = least if self.least is None else min(self.least, least)
        self.greatest = greatest if self.greatest is None else max(self.greatest, greatest)

    def result(self, size: int) -> Statistics:
        """The statistics, with `size` bytes stored."""
        least, greatest = (None, None) if self.unknown else (self.least, self.greatest)
        return Statistics(size, self.values, self.nulls, least, greatest)


def _ends(values: pa.Array) -> tuple[str | None, str | None]:
    ends = pc.min_max(values)
    texts = [scalar.as_buffer() for scalar in (ends["min"], ends["max"])]
    if any(text is None or text.size > LONGEST for text in texts):
        return None, None
    least, greatest = (text.to_pybytes().decode("utf-8", "replace") for text in texts)
    return (None, None) if any(c in least + greatest for c in "\0\ufffd") else (least, greatest)


def _from_raw(column: Column, raw: Any) -> Any:
    """A number of the footer as a value; None for a time that Python cannot name."""
    scalar = column.scalar
    try:
        if scalar is not None and scalar.arrow == "timestamp":
            return EPOCH + dt.timedelta(microseconds=raw)
        if scalar is not None and scalar.arrow == "date32":
            return EPOCH.date() + dt.timedelta(days=raw)
    except OverflowError:
        return None
    return raw


def file_schema(table: Table, rows: pa.RecordBatch) -> pa.Schema:
    """The schema of `table` with the field ids, but dictionaries where `rows` has them. SchemaError if names differ."""
    schema = arrow.schema(table)
    if rows.schema.names != schema.names:
        raise SchemaError(f"Table {table.name}: rows came with columns {rows.schema.names}, not {schema.names}.")
    for index, column in enumerate(rows.schema.types):
        if pa.types.is_dictionary(column) and pa.types.is_string(column.value_type):
            schema = schema.set(index, schema.field(index).with_type(TEXT))
    return schema


def _sentences(table: Table) -> dict[str, str]:
    docs = {column.name: column.doc for column in table.all_columns}
    return {
        "netlake.table": table.name,
        "netlake.doc": table.doc,
        "netlake.spec": table.spec,
        "netlake.columns": json.dumps(docs, ensure_ascii=False, separators=(",", ":")),
    }


class ParquetFile:
    """A file of `table` being written in `folder`; `day` is its partition, None if it has none or too many."""

    def __init__(self, table: Table, folder: Path, capture: str, day: dt.date | None, *, bloom: bool = False) -> None:
        self.table, self.folder, self.day, self.bloom = table, folder, day, bloom
        name = f"{capture}-{uuid7()}"
        self.temporary, self.final = folder / f".{name}.tmp", folder / f"{name}.parquet"
        self.rows = self.groups = 0
        self._known = [_Known(column) for column in table.all_columns]
        self._metadata: list[Any] = []
        self._schema: pa.Schema = None
        self._out: Any = None
        self._writer: Any = None

    def _open(self, rows: pa.RecordBatch) -> None:
        make_folder(self.folder)
        self._schema = file_schema(self.table, rows)
        self._out = _Hashed(self.temporary)
        options = writer_options(self.table, bloom=self.bloom)
        self._writer = pq.ParquetWriter(self._out, self._schema, metadata_collector=self._metadata, **options)

    def write(self, rows: pa.RecordBatch) -> None:
        """Add one row group."""
        if self._writer is None:
            self._open(rows)
        columns = [
            column if column.type == field.type else column.cast(field.type)
            for column, field in zip(rows.columns, self._schema, strict=True)
        ]
        for known, column in zip(self._known, columns, strict=True):
            if known.column.scalar is not None:
                known.add(column)
        table = pa.Table.from_arrays(columns, schema=self._schema)
        # write_batch would make a row group of its own size; write_table takes ours
        self._writer.write_table(table, row_group_size=len(table))
        self._out.rest()
        self.rows += len(table)
        self.groups += 1

    def finish(self) -> DataFile:
        """End the file and put it in place, durable."""
        self._writer.add_key_value_metadata(_sentences(self.table))
        self._writer.close()
        self._out.settle()
        put_in_place(self.temporary, self.final)
        sync_folder(self.folder)
        out, footer = self._out, int.from_bytes(self._out.tail[:4], "little")
        statistics = self._statistics()
        self._writer, self._metadata = None, []
        return DataFile(
            self.table, self.final, self.day, self.rows, out.size, footer, out.digest.hexdigest(), statistics
        )  # fmt: skip

    def discard(self) -> None:
        """Remove what was written, wherever it got to."""
        if self._out is not None:
            self._out.drop()
        if self._writer is not None:
            # the writer ends its file when it is collected; one that failed cannot, and nobody wants it
            with suppress(pa.ArrowException, OSError, RuntimeError, ValueError):
                self._writer.close()
            self._writer = None
        for path in (self.temporary, self.final):
            # what cannot be removed is an orphan, which is collected later; the other files are removed all the same
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _statistics(self) -> dict[int, Statistics]:
        """By field id, of the scalar columns."""
        metadata, numbers = self._metadata[0], ids(self.table)
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        place = {groups[0].column(index).path_in_schema: index for index in range(metadata.num_columns)}
        result = {}
        for known in self._known:
            column = known.column
            if column.scalar is None:
                continue
            chunks = [group.column(place[column.name]) for group in groups]
            if has_statistics(column):
                for found in (chunk.statistics for chunk in chunks):
                    if found is not None and found.has_min_max:
                        known.extend(_from_raw(column, found.min_raw), _from_raw(column, found.max_raw))
            result[numbers[column.name]] = known.result(sum(chunk.total_compressed_size for chunk in chunks))
        return result
