"""Tables as Protobuf: writes `proto/<table>/<capture>.pb.zst` and the streams of `dump`, and reads both.

A stream is a sequence of messages, each preceded by its length (varint): a `Header`, then one message for each row
(proto/*.proto).

Rules:
- Files have temporary names until `close`, which makes all of them durable and renames them; they replace the files of
  an earlier decoding of the same capture.
- Each row group is its own zstd frame; zstd and pyarrow read concatenated frames. The file is therefore closed between
  row groups, and no compressor is kept for each of 150 tables.
- Encoding runs in a thread (see `ordered`); `write` blocks only if more than WAITING bytes are queued.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from google.protobuf.message import DecodeError

from netlake import tables
from netlake.errors import InputError, SchemaError
from netlake.records.ordered import Ordered
from netlake.schema import Table, proto
from netlake.schema.contract import version
from netlake.sinks.places import make_folder, sync_folder
from netlake.sinks.protobuf_encode import encode, pieces
from netlake.sinks.protobuf_read import MessageDecoder, Readable, blocks

__all__ = ["SUFFIX", "ProtobufSink", "StreamHeader", "encode", "pieces", "read", "stream_header", "write_stream"]

SUFFIX = ".pb.zst"
# most bytes of row groups in the queue of the thread
WAITING = 96 << 20
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """The header of a stream; None for absent fields."""

    table: str
    contract: int | None = None
    capture: str | None = None
    source: str | None = None
    created: dt.datetime | None = None
    netlake: str | None = None


def stream_header(table: Table, *, capture: str | None = None, source: str | None = None) -> bytes:
    """The header message of a stream that starts now, preceded by its length."""
    made: Any = proto.header_class()(contract=version(), table=table.name, capture=capture, source=source)
    made.created.FromDatetime(dt.datetime.now(dt.UTC))
    made.netlake = package_version("netlake")
    body = made.SerializeToString()
    length = len(body)
    prefix = bytearray()
    while length > 127:
        prefix.append(length & 127 | 128)
        length >>= 7
    return bytes(prefix) + bytes([length]) + bytes(body)


def write_stream(  # noqa: PLR0913 - the fields of the header are keyword-only
    file: BinaryIO,
    table: Table,
    batches: Iterable[pa.RecordBatch],
    *,
    capture: str | None = None,
    source: str | None = None,
    some: bool = False,
) -> int:
    """Write the header and all rows of `batches` to `file`, uncompressed; return the number of rows.

    A batch has the columns of `table`; `some` allows missing columns. SchemaError for other columns or types.
    """
    file.write(stream_header(table, capture=capture, source=source))
    count = 0
    for rows in batches:
        file.writelines(pieces(table, rows, some=some))
        count += rows.num_rows
    return count


class ProtobufSink:
    """Writes `proto/<table>/<capture>.pb.zst` below `directory`, a lake; `source` is the name of the capture.

    After `close`, `files` contains the paths by table name.
    """

    def __init__(self, directory: Path, capture: str, *, source: str | None = None, threads: int = 1) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", capture):
            raise ValueError(f"{capture!r} is not a capture id: use letters, digits, - and _ only")
        self.directory, self.capture, self.source = Path(directory) / "proto", capture, source
        self.files: dict[str, Path] = {}
        self._open: dict[str, Path] = {}
        self._threads = Ordered(threads, WAITING, "netlake-protobuf")

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Queue one row group; raises the exception of an earlier one, if writing it failed in its thread."""
        if rows.num_rows:
            if table.name not in self._open:
                folder = self.directory / table.name
                self._open[table.name] = folder / f".{self.capture}-{uuid.uuid4().hex}.part"
            self._threads.put(table.name, rows.nbytes, partial(self._store, table, rows, self._open[table.name]))

    def _store(self, table: Table, rows: pa.RecordBatch, path: Path) -> None:
        exists = path.exists()
        if not exists:
            make_folder(path.parent)
        # one compressed stream for each row group: closing it ends the zstd frame
        with pa.OSFile(str(path), "ab") as raw, pa.CompressedOutputStream(raw, "zstd") as stream:
            if not exists:
                stream.write(stream_header(table, capture=self.capture, source=self.source))
            for piece in pieces(table, rows):
                stream.write(piece)

    def close(self) -> None:
        """Wait for the thread, make every file durable and rename it; on an error remove the temporary files."""
        try:
            self._threads.wait()
            for path in self._open.values():
                _make_durable(path)
            for name, path in self._open.items():
                self.files[name] = path.replace(path.parent / f"{self.capture}{SUFFIX}")
                sync_folder(path.parent)
        except BaseException:
            self.abort()
            raise
        self._threads.end()

    def abort(self) -> None:
        """Remove all files that still have a temporary name."""
        self._threads.end()
        for path in self._open.values():
            path.unlink(missing_ok=True)


def _make_durable(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fchmod(handle, 0o444)
        os.fsync(handle)
    finally:
        os.close(handle)


def read(source: str | Path | BinaryIO, table: Table | None = None) -> tuple[StreamHeader, Iterator[pa.RecordBatch]]:
    """(header, iterator over batches) of a stream; the batches have the types of `netlake.schema.arrow`.

    `source` is a path, or a binary file that stays open; zstd is detected from the first bytes. `table` is by default
    the table that the header names. Raises InputError if the stream has no header, is incomplete or is not valid
    Protobuf, and SchemaError if it has fields that the table does not have; also while batches are read.
    """
    if isinstance(source, str | Path):
        steps = _from_path(Path(source), table)
    else:
        steps = _from_file(source, str(getattr(source, "name", "the stream")), table)
    head: StreamHeader = next(steps)
    return head, steps


def _from_path(path: Path, table: Table | None) -> Iterator[Any]:
    """As `_from_file`; closes the file when the iterator ends or is closed."""
    try:
        with path.open("rb") as file:
            yield from _from_file(file, str(path), table)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None


def _from_file(file: BinaryIO, name: str, table: Table | None) -> Iterator[Any]:
    """Yield the header, then the batches."""
    decoder, before = None, 0
    for data, starts, ends in blocks(_Source(file, name).plain(), name):
        first = 0
        if decoder is None:
            head = _parsed(data[starts[0] : ends[0]].tobytes(), name)
            decoder, first = MessageDecoder(table or _named(head.table, name), name), 1
            yield head
        if len(starts) > first:
            yield decoder.batch(data, starts[first:], ends[first:], before + first)
        before += len(starts)
    if decoder is None:
        raise InputError(f"{name} is empty: it has no header.")


def _parsed(data: bytes, name: str) -> StreamHeader:
    try:
        found: Any = proto.header_class().FromString(data)
    except DecodeError:
        found = None
    if found is None or not found.table:
        raise InputError(
            f"{name} does not start with a netlake header: only `capture --proto` and `dump --format proto` write one."
        )
    values = {field.name: value for field, value in found.ListFields() if field.name != "created"}
    created = None
    if found.HasField("created"):
        try:
            created = found.created.ToDatetime(dt.UTC)
        except (ValueError, OverflowError):
            raise InputError(f"{name}: the header has an invalid creation time.") from None
    return StreamHeader(created=created, **values)


def _named(name: str, stream: str) -> Table:
    try:
        return tables.table(name)
    except KeyError:
        raise SchemaError(
            f"{stream} contains rows of an unknown table {name!r}; load its declaration with NETLAKE_PLUGINS."
        ) from None


class _Source:
    """A file whose first bytes were read to detect zstd; `plain` decompresses it if needed."""

    closed = False

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file, self.name = file, name
        self.first = file.read(len(_ZSTD))

    def plain(self) -> Readable:
        """The uncompressed stream."""
        return _Unpacked(self) if self.first == _ZSTD else self

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes."""
        first, self.first = self.first[:size], self.first[size:]
        return first + self.file.read(size - len(first))

    def close(self) -> None:
        """Do nothing; the caller closes the file."""


class _Unpacked:
    """The decompressed content of a file; errors of zstd are raised as InputError."""

    def __init__(self, packed: _Source) -> None:
        self.name, self.stream = packed.name, pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes."""
        try:
            unpacked: bytes = self.stream.read(size)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{self.name}: the zstd data is corrupt or incomplete ({error}).") from None
        return unpacked
