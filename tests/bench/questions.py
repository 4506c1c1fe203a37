"""How long questions to a large lake take: `python -m tests.bench.questions [--files N] [--rows N] [--runs N]`.

The lake is synthetic: FILES captures of ROWS rows of `tcp` each, ten minutes long, one after another. Most addresses are
in one capture; ADDRESS is in every fifth one, in a hundredth of its rows. Measured in one process, the best and the
median of several runs: opening the lake, all rows with ADDRESS, and the rows of five minutes. `cold` is the first run
of a new process after the kernel was asked to forget the files (posix_fadvise); `select 1` is the whole command.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

import netlake
from netlake.lake import CaptureFacts, Catalog
from netlake.sinks.parquet import ParquetSink
from netlake.tables import table
from tests.bench.measure import Command, remove, run
from tests.bench.rows import batch_of

BEGIN = int(dt.datetime(2026, 3, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000
SPAN, DAY = 600_000_000, 86_400_000_000
OWN, EVERY, SHARE = 200, 5, 100
ADDRESS = "192.0.2.99"
WINDOW = "ts >= TIMESTAMPTZ '2026-03-02 12:01:00+00' AND ts < TIMESTAMPTZ '2026-03-02 12:06:00+00'"
QUESTIONS = {
    "an address in a fifth of the files": f"SELECT count(*), min(ts), max(ts) FROM tcp WHERE src_ip = '{ADDRESS}'",  # noqa: S608
    "five minutes": f"SELECT count(*), count(DISTINCT src_ip) FROM tcp WHERE {WINDOW}",  # noqa: S608
}
_COLD = """
import json, sys, time
import netlake
began = time.perf_counter()
lake = netlake.Lake(sys.argv[1])
opened = time.perf_counter()
lake.sql(sys.argv[2]).arrow()
print(json.dumps([opened - began, time.perf_counter() - opened]))
"""


def capture(catalog: Catalog, number: int, rows: int) -> None:
    """Add one capture."""
    made, name = table("tcp"), f"{number + 1:016x}"
    chance = np.random.default_rng(number)
    ts = BEGIN + number * SPAN + np.sort(chance.integers(0, SPAN, rows))
    texts = pa.array([f"10.{number >> 8}.{number & 255}.{host}" for host in range(OWN)] + [ADDRESS])
    source, target = chance.integers(0, OWN, rows), chance.integers(0, OWN, rows)
    if number % EVERY == 0:
        source[chance.integers(0, rows, rows // SHARE)] = OWN
    values = {
        "day": (ts // DAY).astype(np.int32), "ts": ts, "capture": (np.zeros(rows, np.int32), pa.array([name])),
        "packet": np.arange(1, rows + 1), "flow": chance.integers(1, rows // 10, rows),
        "from_originator": source < target, "src_ip": (source, texts), "dst_ip": (target, texts),
        "src_port": chance.integers(1024, 65536, rows), "dst_port": np.full(rows, 443),
        "seq": chance.integers(0, 1 << 32, rows), "ack": chance.integers(0, 1 << 32, rows),
    }  # fmt: skip
    sink = ParquetSink(catalog.data, name)
    sink.write(made, batch_of(made, values, rows))
    sink.close()
    begin, end = (dt.datetime.fromtimestamp(int(at) / 1e6, dt.UTC) for at in (ts[0], ts[-1]))
    facts = CaptureFacts(name, "file", f"{number}.pcap", packets=rows, begin=begin, end=end, rows={"tcp": rows})
    catalog.commit(facts, sink.files)


def lake(folder: Path, files: int, rows: int) -> Path:
    """The synthetic lake, made once in `folder`."""
    path = folder / f"questions-{files}-{rows}"
    if not (path / "done").exists():
        remove(path)
        catalog = Catalog(path, create=True)
        for number in range(files):
            capture(catalog, number, rows)
        (path / "done").touch()
    return path


def timed(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """The best and the median milliseconds."""
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - began))
    return min(took), statistics.median(took)


def forget(path: Path) -> None:
    """Ask the kernel to drop the files of a lake from its cache."""
    for file in path.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def cold(path: Path, statement: str) -> tuple[float, float]:
    """Milliseconds to open the lake and to answer, in a new process without cached files."""
    forget(path)
    ran = subprocess.run(
        [sys.executable, "-c", _COLD, str(path), statement], check=True, capture_output=True, text=True
    )
    opened, answered = json.loads(ran.stdout)
    return 1000 * opened, 1000 * answered


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--rows", type=int, default=100_000, help="of each file")
    parser.add_argument("--runs", type=int, default=15)
    given = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / "netlake-bench"
    folder.mkdir(exist_ok=True)
    path = lake(folder, given.files, given.rows)
    print(f"{given.files * given.rows:,} rows of tcp in {given.files} files; milliseconds")
    print(f"{'':40}{'best':>10}{'median':>10}{'cold':>10}")
    whole = netlake.Lake(path)
    best, median = timed(lambda: netlake.Lake(path), given.runs)
    print(f"{'opening':40}{best:10.1f}{median:10.1f}{cold(path, 'SELECT 1')[0]:10.1f}")
    for name, statement in QUESTIONS.items():
        whole.sql(statement).arrow()
        best, median = timed(lambda statement=statement: whole.sql(statement).arrow(), given.runs)  # type: ignore[misc]
        print(f"{name:40}{best:10.1f}{median:10.1f}{cold(path, statement)[1]:10.1f}")
    arguments = (sys.executable, "-m", "netlake", "sql", "SELECT 1", "--lake", str(path))
    costs = [run(Command(arguments, folder / "one.txt", to_stdout=True)) for _ in range(given.runs)]
    cpu, wall = (1000 * statistics.median(getattr(cost, name) for cost in costs) for name in ("cpu", "wall"))
    print(f"`netlake sql 'SELECT 1'`, median of {given.runs}: {cpu:.0f} ms CPU, {wall:.0f} ms")


if __name__ == "__main__":
    main()
