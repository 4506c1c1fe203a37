"""Parquet and the Arrow stream, written as the rows come; the file need not be seekable."""

from __future__ import annotations

import io
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from netlake.query.output import Style

# rows are gathered to groups of this many: small groups make large, slow files
GROUP = 131_072


class _Counted(io.RawIOBase):
    """A file that knows its position by counting: a pipe has none to tell."""

    def __init__(self, out: BinaryIO) -> None:
        self.out, self.position = out, 0

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def write(self, data: object) -> int:
        """Pass `data` on, all of it."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        self.out.write(view)
        self.position += len(view)
        return len(view)

    def tell(self) -> int:
        """How many bytes were passed on."""
        return self.position


class Parquet:
    """One Parquet file, zstd, row groups of 128k rows."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        del style
        self.sink = _Counted(out)
        self.file = pq.ParquetWriter(pa.PythonFile(self.sink, mode="w"), schema, compression="zstd")
        self.waiting: list[pa.RecordBatch] = []
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        self.waiting.append(batch)
        self.rows += batch.num_rows
        if self.rows >= GROUP:
            self._flush()

    def _flush(self) -> None:
        if self.waiting:
            self.file.write_table(pa.Table.from_batches(self.waiting), row_group_size=self.rows or None)
        self.waiting, self.rows = [], 0

    def close(self) -> None:
        """Write the footer."""
        self._flush()
        self.file.close()


class Arrow:
    """The Arrow IPC stream format."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        del style
        self.stream = pa.ipc.new_stream(pa.PythonFile(_Counted(out), mode="w"), schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        self.stream.write_batch(batch)

    def close(self) -> None:
        """End the stream."""
        self.stream.close()
