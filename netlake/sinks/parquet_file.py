"""Writes one Parquet file, from its first row group to its final name.

Steps: `write` appends row groups to a temporary file (`_Hashed`) and collects statistics (`_Known`). `finish` writes
the footer, makes the file durable (fsync) and read-only, links it to its final name and makes the folder durable.
`discard` removes the file in any state.

Rules:
- A file with a final name is complete. The link never replaces a file, and a name is used once (UUID): otherwise one of
  two concurrent writers could overwrite and then delete the file of the other.
- The file is closed between two row groups: a table can have 33 open days, and there are 150 tables.
- The file has only Parquet's schema (field ids, plain strings). An embedded Arrow schema would declare strings as
  dictionaries, and takes 300 bytes per column. Descriptions are key-value metadata, as JSON.
- Hash and footer length are computed from the bytes while they are written. Statistics come from the writer, for
  strings from the dictionary of each row group. The file is not read again.
- Statistics are bounds for pruning, so a column without reliable bounds has none: with NaN, with a text longer than
  LONGEST or not valid, or with a time that Python cannot represent.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from netlake.errors import SchemaError
from netlake.schema import Table, arrow
from netlake.sinks import Statistics, StoredFile
from netlake.sinks.parquet_columns import writer_options
from netlake.sinks.places import make_folder, put_in_place, sync_folder, uuid7

# longer texts are not stored as bounds, as they can have any length
LONGEST = 128
# the type of strings given to the writer; in the file they are plain strings
TEXT = pa.dictionary(pa.int32(), pa.string())
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# the types of numbers whose bounds are those of the Parquet footer
_NUMBERS = {pa.int16(), pa.int32(), pa.int64(), pa.float64()}


class _Hashed:
    """The file that Parquet writes to: hashes and counts the bytes, and keeps the last 8."""

    closed = False

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.tail = path, 0, b""
        self.digest = hashlib.sha256()
        self._file: Any = None
        self._dropped = False

    def write(self, data: Any) -> int:
        """Append `data`; return its number of bytes."""
        if self._dropped:
            return len(data)
        if self._file is None:
            # only the first opening creates the file: if it was removed since, appending must fail
            self._file = self.path.open("r+b" if self.size else "xb", buffering=256 << 10)
            self._file.seek(self.size)
        view = memoryview(data).cast("B")
        self._file.write(view)
        self.digest.update(view)
        self.size += len(view)
        self.tail = (self.tail + bytes(view[-8:]))[-8:]
        return len(view)

    def tell(self) -> int:
        """Number of bytes written."""
        return self.size

    def flush(self) -> None:
        """Do nothing; `rest` flushes."""

    def rest(self) -> None:
        """Close the file until the next write."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def drop(self) -> None:
        """Close the file and ignore later writes."""
        self.rest()
        self._dropped = True

    def settle(self) -> None:
        """Make the bytes durable and the file read-only."""
        self.rest()
        handle = os.open(self.path, os.O_RDONLY)
        try:
            if os.fstat(handle).st_size != self.size:
                raise OSError(f"{self.path} was changed by another process while netlake wrote it.")
            os.fchmod(handle, 0o444)
            os.fsync(handle)
        finally:
            os.close(handle)


class _Known:
    """Statistics of one column, over the row groups so far; a nested one has none."""

    def __init__(self, field: pa.Field) -> None:
        self.name, kind = field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        self.number = field_id(field)
        self.scalar = not pa.types.is_nested(kind)
        self.values = self.nulls = 0
        self.least: Any = None
        self.greatest: Any = None
        self.unknown = False  # a value cannot be ordered or stored as a bound
        self.text = pa.types.is_string(kind)
        self.real = pa.types.is_floating(kind)
        self.reader = _from_raw(kind)

    def add(self, values: pa.Array) -> None:
        """Add the values of a row group; bounds of strings come from their dictionary, if they have one."""
        self.values += len(values)
        self.nulls += values.null_count
        if self.real and not self.unknown and values.null_count < len(values):
            # NaN is the greatest number in SQL, and no bound of Parquet: the footer has no statistics of real numbers
            ends = pc.min_max(values)
            has_nan = pc.any(pc.is_nan(values)).as_py()
            self.extend(*((None, None) if has_nan else (ends["min"].as_py(), ends["max"].as_py())))
        if self.text and not self.unknown and values.null_count < len(values):
            self.extend(*_ends(values.dictionary if pa.types.is_dictionary(values.type) else values))

    def extend(self, least: Any, greatest: Any) -> None:
        """Extend the bounds by `least` and `greatest`; None makes them unknown."""
        if least is None or greatest is None:
            self.unknown = True
            return
        self.least = least if self.least is None else min(self.least, least)
        self.greatest = greatest if self.greatest is None else max(self.greatest, greatest)

    def result(self, size: int) -> Statistics:
        """The Statistics, for `size` bytes stored."""
        least, greatest = (None, None) if self.unknown else (self.least, self.greatest)
        return Statistics(size, self.values, self.nulls, least, greatest)


def _ends(values: pa.Array) -> tuple[str | None, str | None]:
    ends = pc.min_max(values)
    texts = [scalar.as_buffer() for scalar in (ends["min"], ends["max"])]
    if any(text is None or text.size > LONGEST for text in texts):
        return None, None
    least, greatest = (text.to_pybytes().decode("utf-8", "replace") for text in texts)
    return (None, None) if any(c in least + greatest for c in "\0\ufffd") else (least, greatest)


def _from_raw(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """Converts a number of the footer to a value, None for a time beyond Python's range; None for other types."""
    if kind in _NUMBERS:
        return lambda raw: raw
    if kind in (pa.timestamp("us", "UTC"), pa.date32()):
        return partial(_moment, date=pa.types.is_date(kind))
    return None


def _moment(raw: int, *, date: bool) -> dt.datetime | dt.date | None:
    try:
        return EPOCH.date() + dt.timedelta(days=raw) if date else EPOCH + dt.timedelta(microseconds=raw)
    except OverflowError:
        return None


def field_id(field: pa.Field) -> int | None:
    """The Parquet field id of a column, None if it has none."""
    text = (field.metadata or {}).get(b"PARQUET:field_id")
    return None if text is None else int(text)


def file_schema(table: Table, rows: pa.RecordBatch) -> pa.Schema:
    """The schema of `table` with field ids, and dictionaries as in `rows`. SchemaError if column names differ."""
    schema = arrow.schema(table)
    if rows.schema.names != schema.names:
        raise SchemaError(f"Table {table.name}: rows have the columns {rows.schema.names} instead of {schema.names}.")
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


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows are stored.

    `schema` has field ids; `options` are those of pyarrow's ParquetWriter; `notes` go to the key-value metadata.
    """

    schema: pa.Schema
    options: Mapping[str, Any]
    notes: Mapping[str, str]


def declared(table: Table, rows: pa.RecordBatch, *, bloom: bool) -> Layout:
    """The layout of a declared table, with dictionaries as in `rows`; `bloom` adds Bloom filters to addresses."""
    return Layout(file_schema(table, rows), writer_options(table, bloom=bloom), _sentences(table))


class ParquetFile:
    """A file in `folder`, its name begins with `name`; `day` is its partition, None for the null partition or no day.

    `layout` gives the layout, for the first rows.
    """

    def __init__(
        self, layout: Callable[[pa.RecordBatch], Layout], folder: Path, name: str, day: dt.date | None = None
    ) -> None:
        self.folder, self.day = folder, day
        unique = f"{name}-{uuid7()}"
        self.temporary, self.final = folder / f".{unique}.tmp", folder / f"{unique}.parquet"
        self.rows = self.groups = 0
        self._layout = layout
        self._known: list[_Known] = []
        self._metadata: list[Any] = []
        self._schema: pa.Schema = None
        self._out: Any = None
        self._writer: Any = None

    def _open(self, rows: pa.RecordBatch) -> None:
        make_folder(self.folder)
        layout = self._layout(rows)
        self._schema, self._notes = layout.schema, layout.notes
        self._known = [_Known(field) for field in layout.schema]
        self._out = _Hashed(self.temporary)
        self._writer = pq.ParquetWriter(
            self._out, self._schema, metadata_collector=self._metadata, **dict(layout.options)
        )

    def write(self, rows: pa.RecordBatch) -> None:
        """Append one row group."""
        if self._writer is None:
            self._open(rows)
        columns = [
            column if column.type == field.type else column.cast(field.type)
            for column, field in zip(rows.columns, self._schema, strict=True)
        ]
        for known, column in zip(self._known, columns, strict=True):
            if known.scalar:
                known.add(column)
        table = pa.Table.from_arrays(columns, schema=self._schema)
        # write_batch would choose the size of the row group; write_table takes it as an argument
        self._writer.write_table(table, row_group_size=len(table))
        self._out.rest()
        self.rows += len(table)
        self.groups += 1

    def finish(self) -> StoredFile:
        """Write the footer, give the file its final name, and make both durable."""
        self._writer.add_key_value_metadata(dict(self._notes))
        self._writer.close()
        self._out.settle()
        put_in_place(self.temporary, self.final)
        sync_folder(self.folder)
        out, footer = self._out, int.from_bytes(self._out.tail[:4], "little")
        statistics = self._statistics()
        self._writer, self._metadata = None, []
        return StoredFile(
            path=self.final, day=self.day, rows=self.rows, size=out.size, footer=footer,
            sha256=out.digest.hexdigest(), statistics=statistics,
        )  # fmt: skip

    def discard(self) -> None:
        """Remove the file, in any state."""
        if self._out is not None:
            self._out.drop()
        if self._writer is not None:
            # close now, as otherwise garbage collection closes it; a writer that failed raises here
            with suppress(pa.ArrowException, OSError, RuntimeError, ValueError):
                self._writer.close()
            self._writer = None
        for path in (self.temporary, self.final):
            # a file that cannot be removed is an orphan, which `util gc` removes; continue with the others
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _statistics(self) -> dict[int, Statistics]:
        """Statistics of the scalar columns by field id."""
        metadata = self._metadata[0]
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        place = {groups[0].column(index).path_in_schema: index for index in range(metadata.num_columns)}
        result = {}
        for known in self._known:
            if not known.scalar or known.number is None:
                continue
            chunks = [group.column(place[known.name]) for group in groups]
            if known.reader is not None:
                for found in (chunk.statistics for chunk in chunks):
                    if found is not None and found.has_min_max:
                        known.extend(known.reader(found.min_raw), known.reader(found.max_raw))
            result[known.number] = known.result(sum(chunk.total_compressed_size for chunk in chunks))
        return result
