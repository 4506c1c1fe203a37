"""Parquet and the Arrow stream, written batch by batch; the file does not have to be seekable."""

from __future__ import annotations

import io
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from netlake.query.output import Style

# rows of a row group: small row groups make large, slow files
GROUP = 131_072


class _Counted(io.RawIOBase):
    """A file that counts its position, which a pipe does not have."""

    def __init__(self, out: BinaryIO) -> None:
        self.out, self.position = out, 0

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: object) -> int:
        """Write all of `data`; discard the footer that a Parquet writer adds when it is deleted after an error."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        if not self.out.closed:
            self.out.write(view)
        self.position += len(view)
        return len(view)

    def tell(self) -> int:
        """Number of bytes written."""
        return self.position


class Parquet:
    """One Parquet file, compressed with zstd, in row groups of 128k rows."""

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
