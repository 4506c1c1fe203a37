"""Copies rows of Parquet files into a new one, whose columns are stored as theirs are.

Theory of operation: nothing is converted. Files are copied together only if their Parquet schemas are equal: names,
types, field ids and nullability, of nested columns too (`schema_of`). So a file of an older version of a table, of a
plugin, or of another program loses no column, and no declaration is needed. What Arrow cannot write as it was read
(`is_faithful`) is not copied. Encodings and key-value metadata are those of the files that are copied.

Rows stay in order. Row groups are filled up to GROUP rows or BYTES, so memory is bounded by one of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from netlake.errors import LakeError
from netlake.sinks import StoredFile
from netlake.sinks.parquet_columns import PAGE
from netlake.sinks.parquet_file import Layout, ParquetFile
from netlake.sinks.places import opened

GROUP = 256 << 10
BYTES = 64 << 20
BATCH = 4 << 10
# encodings that are kept; columns with a dictionary are found by it, all others are plain
_KEPT = {"DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"}
_DICTIONARY = {"RLE_DICTIONARY", "PLAIN_DICTIONARY"}
# rows of a file from the first number to before the second
Span = tuple[int, int]


class Formats:
    """The schema, encodings and notes of files with one schema, taken from their footers."""

    def __init__(self) -> None:
        self.schema: pa.Schema = None
        self._found: dict[str, set[str]] = {}
        self._statistics: set[str] = set()
        self._notes: dict[str, str] = {}

    def add(self, path: Path | str) -> None:
        """Read the footer of one file."""
        with pq.ParquetFile(opened(path)) as file:
            metadata = file.metadata
            if self.schema is None:
                self.schema = file.schema_arrow.remove_metadata()
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for index in range(metadata.num_columns):
                chunk = group.column(index)
                self._found.setdefault(chunk.path_in_schema, set()).update(chunk.encodings)
                # as in netlake.sinks.parquet_columns, not of real numbers
                if chunk.is_stats_set and chunk.physical_type not in ("FLOAT", "DOUBLE"):
                    self._statistics.add(chunk.path_in_schema)
        for key, value in (metadata.metadata or {}).items():
            if key != b"ARROW:schema":
                self._notes.setdefault(key.decode("utf-8", "replace"), value.decode("utf-8", "replace"))

    def layout(self, rows: pa.RecordBatch) -> Layout:
        """The layout of the copy."""
        del rows
        coded = [path for path, found in self._found.items() if found & _DICTIONARY]
        options: dict[str, Any] = {
            "compression": "zstd",
            "compression_level": 3,
            "use_dictionary": coded,
            "column_encoding": {
                path: next(iter(sorted(found & _KEPT)), "PLAIN")
                for path, found in self._found.items()
                if path not in coded
            },
            "write_statistics": sorted(self._statistics),
            "data_page_size": PAGE,
            "write_page_index": True,
            "store_schema": False,
        }
        return Layout(self.schema, options, self._notes)


def schema_of(path: Path | str) -> str:
    """The Parquet schema of a file as text, with field ids. LakeError if it cannot be read."""
    try:
        with pq.ParquetFile(opened(path)) as file:
            return _columns(file.schema)
    except (pa.ArrowException, FileNotFoundError) as error:
        raise LakeError(f"A data file cannot be read, see `netlake util validate`: {error}") from error


def _columns(schema: Any) -> str:
    """The schema without its first lines: an address, and the name of the root, which programs choose."""
    text = str(schema).partition("{")[2]
    for width in (32, 64):  # that an integer is signed is said or left out
        text = text.replace(f" (Int(bitWidth={width}, isSigned=true))", "")
    return text


def is_faithful(path: Path | str) -> bool:
    """Whether Arrow writes the schema of a file as it is, so that the file can be copied."""
    with pq.ParquetFile(opened(path)) as file:
        schema, text = file.schema_arrow.remove_metadata(), _columns(file.schema)
    out = pa.BufferOutputStream()
    pq.ParquetWriter(out, schema, store_schema=False).close()
    return _columns(pq.ParquetFile(pa.BufferReader(out.getvalue())).schema) == text


def copy(
    sources: Sequence[tuple[str, Sequence[Span] | None]], folder: Path, name: str, day: dt.date | None
) -> StoredFile:
    """Write the rows of files, given with the spans of rows that are kept (None: all), to a new file in `folder`.

    The files must have the same `schema_of`. LakeError if one of them cannot be read.
    """
    formats = Formats()
    file = ParquetFile(formats.layout, folder, name, day)
    try:
        for path, _ in sources:
            formats.add(path)
        for rows in _groups(_rows(sources)):
            file.write(rows)
        return file.finish()
    except (pa.ArrowException, FileNotFoundError) as error:
        file.discard()
        raise LakeError(f"A data file cannot be read, see `netlake util validate`: {error}") from error
    except BaseException:
        file.discard()
        raise


def _rows(sources: Iterable[tuple[str, Sequence[Span] | None]]) -> Iterator[pa.RecordBatch]:
    """The kept rows of all files, in order."""
    for path, spans in sources:
        first = 0
        with pq.ParquetFile(opened(path)) as file:
            for batch in file.iter_batches(BATCH, use_threads=False):
                if spans is None:
                    yield batch
                for begin, end in spans or ():
                    low, high = max(begin - first, 0), min(end - first, batch.num_rows)
                    if low < high:
                        yield batch.slice(low, high - low)
                first += batch.num_rows


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Joins batches to row groups."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if waiting and (rows + batch.num_rows > GROUP or size + batch.nbytes > BYTES):
            yield _joined(waiting)
            waiting, rows, size = [], 0, 0
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.concat_batches(batches)
