"""Measures `netlake carve`: a flow of about 1,500 packets out of a capture, against a straight read of its bytes.

    python -m tests.bench.carve CAPTURE [--lake DIR] [--packets 1500] [--runs 5]

The capture is decoded into a lake if it is not there. Figures are milliseconds of wall time, the least of several runs, because other load only adds to it:

- straight read: the bytes of the flow's records, one `pread` for each record, at offsets that are known
- carve, read: the same packets found, read, indexed and compared with the lake (netlake.originals.selected)
- carve, write: the pcapng of them by python-pcapng
- straight unpacking: of CAPTURE.gz, the bytes up to the flow's last record, by zlib
- whole command: `netlake carve`, with the start of the interpreter, the guarded child and the query
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import netlake
from netlake.lake.facts import CaptureFacts
from netlake.originals import carved, opened, selected
from netlake.originals.writer import Pcapng
from netlake.query import carve
from netlake.query.carving import Carving
from netlake.query.connection import Connection

PIECE = 64 << 10


def least(act: Callable[[], object], runs: int) -> float:
    """Milliseconds of wall time."""
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        act()
        found.append(1000 * (time.perf_counter() - began))
    return min(found)


class Chosen:
    """The flow of a capture in a lake whose number of packets is nearest to `packets`."""

    def __init__(self, lake: Path, capture: Path, packets: int) -> None:
        snapshot, connection = carve.opened(lake, None, [str(capture.resolve())]), Connection()
        self.lake, self.capture = lake, capture
        (self.facts,) = snapshot.captures()
        sql = f"""SELECT flow FROM connection ORDER BY abs(orig_packets + resp_packets - {packets}),
                  abs(flow - (SELECT max(flow) / 2 FROM connection)) LIMIT 1"""  # noqa: S608 - a number
        self.flow: int = connection.run(sql, snapshot)[0].fetchall()[0][0]
        selection = Carving(flows=[self.flow]).selection(snapshot, connection)
        self.table = connection.run(selection.sql, snapshot)[0].to_arrow_table()
        self.wanted = carved.wanted(self.table)

    def straight(self) -> None:
        """Read the bytes of the records."""
        descriptor = os.open(self.capture, os.O_RDONLY)
        for offset, size in zip(self.wanted.offset.tolist(), self.wanted.captured.tolist(), strict=True):
            os.pread(descriptor, size + 16, offset)
        os.close(descriptor)

    def read(self, facts: CaptureFacts, path: Path) -> int:
        """Read the packets as carve does."""
        opened.files_of(facts)
        return sum(len(part.rows) for part in selected.parts(facts, [path], self.wanted))

    def write(self) -> None:
        """Read and write the packets as carve does."""
        with open(os.devnull, "wb") as file:  # noqa: PTH123 - no file is made
            carved.write(self.table.to_batches(), {self.facts.capture: self.facts}, Pcapng(file))

    def command(self) -> None:
        """Run the command."""
        with TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "netlake", "carve", "--lake", str(self.lake), "--flow", str(self.flow)]
            command += ["--capture", str(self.capture.resolve()), "-w", f"{folder}/out.pcapng"]
            subprocess.run(command, check=True, capture_output=True)


def unpacked(path: Path, until: int) -> None:
    """Unpack a gzip file up to byte `until`."""
    decoder, done = zlib.decompressobj(31), 0
    with path.open("rb", buffering=0) as file:
        while done < until and (piece := file.read(PIECE)):
            done += len(decoder.decompress(piece))


def packed(capture: Path) -> Path:
    """The capture in a gzip file beside it, which is made once."""
    path = capture.with_name(f"{capture.name}.gz")
    if not path.exists():
        with capture.open("rb") as plain, gzip.open(path, "wb", compresslevel=6) as file:
            shutil.copyfileobj(plain, file)
    return path


def report(name: str, spent: float, of: float | None = None) -> None:
    """Print one figure, and how many times another it is."""
    print(f"{name:28} {spent:10.1f} ms" + ("" if of is None else f"   {spent / of:5.2f} times"))


def main() -> None:
    """Measure a capture and its gzip."""
    parser = argparse.ArgumentParser(description="Measure netlake carve.")
    parser.add_argument("capture", type=Path)
    parser.add_argument("--lake", type=Path, default=Path("lake"))
    parser.add_argument("--packets", type=int, default=1500)
    parser.add_argument("--runs", type=int, default=15)
    given = parser.parse_args()
    archive = packed(given.capture)
    netlake.capture([given.capture, archive], given.lake, include=["packet", "connection"], jobs=1)
    plain, zipped = (Chosen(given.lake, path, given.packets) for path in (given.capture, archive))
    print(
        f"{len(plain.wanted):,} packets, {int(plain.wanted.captured.sum()):,} bytes, of {plain.facts.packets:,} packets"
    )
    plain.straight()
    straight = least(plain.straight, given.runs)
    report("straight read", straight)
    report("carve, read", least(lambda: plain.read(plain.facts, given.capture), given.runs), straight)
    report("carve, read and write", least(plain.write, given.runs))
    report("whole command", least(plain.command, 3))
    last = int(zipped.wanted.offset[-1] + zipped.wanted.captured[-1])
    straight = least(lambda: unpacked(archive, last), given.runs)
    report("straight unpacking", straight)
    report("carve of .gz, read", least(lambda: zipped.read(zipped.facts, archive), given.runs), straight)
    report("whole command", least(zipped.command, 3))


if __name__ == "__main__":
    main()
