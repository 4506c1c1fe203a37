"""Tables as Protobuf: `proto/<table>/<capture>.pb.zst`, the streams that `dump` writes, and reading both back.

A stream is messages with their lengths before them (varints): first a `Header`, then one for each row (proto/*.proto).

Decided here:
- A file has a temporary name until `close`: then all are made durable and take their names, replacing those of an
  earlier decoding of the same capture.
- Each row group is a zstd frame of its own, as zstd and pyarrow read them one after another: between row groups no
  file is open, and the compressor's memory is not held for each of 150 tables.
- Encoding runs in a thread of its own, so that `write` returns at once unless too much is waiting.
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
from netlake.sinks.protobuf_read import Decoder, Readable, blocks

__all__ = ["SUFFIX", "Header", "ProtobufSink", "encode", "header", "pieces", "read", "write_stream"]

SUFFIX = ".pb.zst"
# bytes of row groups that may wait for the thread
WAITING = 96 << 20
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Header:
    """What a stream says of itself; None where it does not say it."""

    table: str
    contract: int | None = None
    capture: str | None = None
    source: str | None = None
    created: dt.datetime | None = None
    netlake: str | None = None


def header(table: Table, *, capture: str | None = None, source: str | None = None) -> bytes:
    """The header message of a stream that begins now, with its length before it."""
    made: Any = proto.header()(contract=version(), table=table.name, capture=capture, source=source)
    made.created.FromDatetime(dt.datetime.now(dt.UTC))
    made.netlake = package_version("netlake")
    body = made.SerializeToString()
    length = len(body)
    prefix = bytearray()
    while length > 127:
        prefix.append(length & 127 | 128)
        length >>= 7
    return bytes(prefix) + bytes([length]) + bytes(body)


def write_stream(  # noqa: PLR0913 - what the header says stands behind the star
    file: BinaryIO,
    table: Table,
    batches: Iterable[pa.RecordBatch],
    *,
    capture: str | None = None,
    source: str | None = None,
    some: bool = False,
) -> int:
    """Write the header and all rows of `batches` to `file`, uncompressed; the number of rows.

    A batch has the columns of `table` (`some`: not all of them); anything else is a SchemaError.
    """
    file.write(header(table, capture=capture, source=source))
    count = 0
    for rows in batches:
        file.writelines(pieces(table, rows, some=some))
        count += rows.num_rows
    return count


class ProtobufSink:
    """Writes `proto/<table>/<capture>.pb.zst` under `directory` (a lake); `source` is how the capture was named.

    After `close`, `files` holds the paths by table name.
    """

    def __init__(self, directory: Path, capture: str, *, source: str | None = None, threads: int = 1) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", capture):
            raise ValueError(f"{capture!r} is no id of a capture: letters, digits, - and _ only")
        self.directory, self.capture, self.source = Path(directory) / "proto", capture, source
        self.files: dict[str, Path] = {}
        self._open: dict[str, Path] = {}
        self._threads = Ordered(threads, WAITING, "netlake-protobuf")

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Take one row group; raises what an earlier one raised in its thread."""
        if rows.num_rows:
            if table.name not in self._open:
                folder = self.directory / table.name
                self._open[table.name] = folder / f".{self.capture}-{uuid.uuid4().hex}.part"
            self._threads.put(table.name, rows.nbytes, partial(self._store, table, rows, self._open[table.name]))

    def _store(self, table: Table, rows: pa.RecordBatch, path: Path) -> None:
        begun = path.exists()
        if not begun:
            make_folder(path.parent)
        # a stream of its own: closing it ends the frame and leaves the file to the next
        with pa.OSFile(str(path), "ab") as raw, pa.CompressedOutputStream(raw, "zstd") as stream:
            if not begun:
                stream.write(header(table, capture=self.capture, source=self.source))
            for piece in pieces(table, rows):
                stream.write(piece)

    def close(self) -> None:
        """Wait for the thread and put every file in place, durably; on an error everything is taken back."""
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
        """Remove what has not taken its name yet."""
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


def read(source: str | Path | BinaryIO, table: Table | None = None) -> tuple[Header, Iterator[pa.RecordBatch]]:
    """The header of a stream and its rows, batch by batch, in the types of `netlake.schema.arrow` (strings plain).

    `source` is a path, or a file that is open for reading bytes and stays open; zstd is told by its first bytes.
    `table` is what the rows are of; without it the table that the header names. InputError: it is no such stream, ends
    too soon, or holds what Protobuf forbids. SchemaError: it has fields that the table has not. Both may come while
    the rows are taken.
    """
    if isinstance(source, str | Path):
        steps = _from_path(Path(source), table)
    else:
        steps = _from_file(source, str(getattr(source, "name", "the stream")), table)
    head: Header = next(steps)
    return head, steps


def _from_path(path: Path, table: Table | None) -> Iterator[Any]:
    """As `_from_file`; the file is closed when the rows are taken or let go."""
    try:
        with path.open("rb") as file:
            yield from _from_file(file, str(path), table)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None


def _from_file(file: BinaryIO, name: str, table: Table | None) -> Iterator[Any]:
    """The header, then the rows."""
    decoder, before = None, 0
    for data, starts, ends in blocks(_Source(file, name).plain(), name):
        first = 0
        if decoder is None:
            head = _parsed(data[starts[0] : ends[0]].tobytes(), name)
            decoder, first = Decoder(table or _named(head.table, name), name), 1
            yield head
        if len(starts) > first:
            yield decoder.batch(data, starts[first:], ends[first:], before + first)
        before += len(starts)
    if decoder is None:
        raise InputError(f"{name} is empty: it has no header.")


def _parsed(data: bytes, name: str) -> Header:
    try:
        found: Any = proto.header().FromString(data)
    except DecodeError:
        found = None
    if found is None or not found.table:
        raise InputError(f"{name} does not begin with a netlake header: it is no stream of messages of a table.")
    values = {field.name: value for field, value in found.ListFields() if field.name != "created"}
    created = None
    if found.HasField("created"):
        try:
            created = found.created.ToDatetime(dt.UTC)
        except (ValueError, OverflowError):
            raise InputError(f"{name}: its header says that it was made at a time that there is not.") from None
    return Header(created=created, **values)


def _named(name: str, stream: str) -> Table:
    try:
        return tables.table(name)
    except KeyError:
        raise SchemaError(f"{stream} holds rows of a table {name!r}, which is not known here.") from None


class _Source:
    """A file whose first bytes were looked at; what is wrong with its compression becomes an InputError."""

    closed = False

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file, self.name = file, name
        self.first = file.read(len(_ZSTD))

    def plain(self) -> Readable:
        """The stream as it was before it was compressed."""
        return _Unpacked(self) if self.first == _ZSTD else self

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        first, self.first = self.first[:size], self.first[size:]
        return first + self.file.read(size - len(first))

    def close(self) -> None:
        """Nothing: the file is its opener's."""


class _Unpacked:
    def __init__(self, packed: _Source) -> None:
        self.name, self.stream = packed.name, pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        try:
            unpacked: bytes = self.stream.read(size)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{self.name}: its zstd compression is damaged or ends too soon ({error}).") from None
        return unpacked
