"""Measures the decode tax: the time to decode and write a capture, over that to write the same row groups from memory.

    python -m tests.bench.tax CAPTURE FOLDER

Prints `decode_and_write decode write` in wall seconds, and their CPU seconds, of one run.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pyarrow as pa

from netlake.pipeline.decoder import Options
from netlake.pipeline.run import run
from netlake.schema import Table
from netlake.sinks import Sink
from netlake.sinks.null import NullSink
from netlake.sinks.parquet import ParquetSink
from netlake.sources import open_capture

CAPTURE = "0123456789abcdef"


class Keeper:
    """A sink that keeps row groups in memory."""

    def __init__(self) -> None:
        self.kept: list[tuple[Table, pa.RecordBatch]] = []

    def write(self, table: Table, rows: pa.RecordBatch) -> None:
        """Keep one row group."""
        self.kept.append((table, rows))

    def close(self) -> None:
        """Do nothing: no file is open."""

    def abort(self) -> None:
        """Drop what was kept."""
        self.kept.clear()


def decode(path: str, sink: Sink) -> None:
    """Decode a capture into a sink and close it."""
    with open_capture(path, sha256=False) as source:
        run(source, sink, Options(), lambda *_: None)
    sink.close()


def timed(work: object) -> tuple[float, float]:
    """Wall and CPU seconds of a call."""
    wall, cpu = time.monotonic(), time.process_time()
    work()  # type: ignore[operator]
    return time.monotonic() - wall, time.process_time() - cpu


def main(path: str, folder: Path) -> None:
    """Measure and print."""
    decode(path, NullSink())  # kernels are loaded, the capture is in the page cache
    keeper = Keeper()
    alone = timed(lambda: decode(path, NullSink()))
    both = timed(lambda: decode(path, ParquetSink(folder / "both", CAPTURE)))
    decode(path, keeper)

    def write() -> None:
        sink = ParquetSink(folder / "write", CAPTURE)
        for table, rows in keeper.kept:
            sink.write(table, rows)
        sink.close()

    written = timed(write)
    shutil.rmtree(folder, ignore_errors=True)
    print(*(f"{value:.3f}" for pair in (both, alone, written) for value in pair))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
