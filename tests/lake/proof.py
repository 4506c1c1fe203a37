"""Measures a lake of many small captures: files and bytes before and after compaction, readers, and concurrent writers.

python -m tests.lake.proof [CAPTURES] [--captures N] [--commits N]
"""

# ruff: noqa: T201 - it prints its results
from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import netlake
from netlake.lake import Catalog, elsewhere
from netlake.lake.compact import Wanted

sys.path.insert(0, str(Path(__file__).resolve().parent))
import small

BUNDLED = Path(__file__).resolve().parents[1] / "captures"
# bytes of a capture that is small
SMALL = 40_000


def measure(catalog: Catalog) -> tuple[int, int, int]:
    """(files, bytes, rows) of the newest snapshot."""
    files = [file for name in catalog.tables() for file in catalog.files(name, columns=())]
    return len(files), sum(file.size for file in files), sum(file.rows for file in files)


def shown(name: str, catalog: Catalog) -> None:
    """Print what a lake has."""
    files, size, rows = measure(catalog)
    catalog_size = (catalog.folder / "catalog.sqlite").stat().st_size
    print(
        f"  {name:<22}{files:>7,} files {size:>13,} bytes {size / rows:>9,.0f} a row   catalog {catalog_size:,} bytes"
    )


def rows_of(catalog: Catalog) -> dict[str, list[str]]:
    """Every row of every table, sorted."""
    with netlake.Lake(catalog.folder) as lake:
        return {name: sorted(map(str, lake.sql(f'FROM "{name}"').rows())) for name in lake.tables}


def small_captures(folder: Path, captures: Path, count: int) -> None:
    """`count` small captures, or as many as there are: files and bytes a row."""
    found = [path for path in sorted(captures.rglob("*.pcap*")) if path.is_file() and path.stat().st_size < SMALL]
    chosen = found[:: max(1, len(found) // count)][:count]
    report = netlake.capture(chosen, folder / "captures")
    catalog = Catalog(folder / "captures")
    print(f"\n{len(chosen)} captures of less than {SMALL:,} bytes, of which {len(report.captures)} were decoded")
    shown("captured", catalog)
    before = rows_of(catalog)
    began = time.monotonic()
    catalog.compact(Wanted())
    took = time.monotonic() - began
    shown("compacted", catalog)
    numbers, gone = catalog.expire(dt.datetime.now(dt.UTC))
    shown("expired", catalog)
    print(f"  compaction took {took:.1f} s; {len(numbers):,} snapshots and {len(gone):,} files expired")
    print(f"  rows equal: {rows_of(catalog) == before}; files valid: {catalog.validate(deep=True) == []}")


@contextlib.contextmanager
def reading(catalog: Catalog, expected: list[tuple[Any, ...]]) -> Iterator[Counter[str]]:
    """Read the snapshot before and the newest one all the time; counts right and wrong answers."""
    done, turns, at = threading.Event(), Counter[str](), catalog.snapshot()

    def read() -> None:
        with netlake.Lake(catalog.folder, at=at) as old, netlake.Lake(catalog.folder) as new:
            while not done.is_set():
                for lake in (old, new):
                    answer = lake.sql("SELECT count(*), count(DISTINCT capture), sum(packet) FROM wire").rows()
                    turns["right" if answer == expected else "wrong"] += 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield turns
    finally:
        done.set()
        reader.join()


def commits(folder: Path, count: int) -> None:
    """`count` small commits, merged while a reader runs."""
    catalog = Catalog(folder / "commits", create=True)
    for number in range(count):
        small.put(catalog, small.identity(number), 3)
    print(f"\n{count} commits of 3 packets")
    shown("committed", catalog)
    before = rows_of(catalog)
    with reading(catalog, [(3 * count, count, 6 * count)]) as turns:
        began = time.monotonic()
        catalog.compact(Wanted())
        took = time.monotonic() - began
        reached = turns.total()
        while turns.total() < reached + 4:
            time.sleep(0.05)
    shown("compacted", catalog)
    print(f"  compaction took {took:.1f} s; answers meanwhile: {turns['right']} right, {turns['wrong']} wrong")
    print(f"  rows equal: {rows_of(catalog) == before}")


def writers(folder: Path, url: str | None) -> None:
    """4 processes with 25 commits each, in SQLite or in the database `url`."""
    from test_crash import Writers, check_whole

    lake = folder / ("postgresql" if url else "sqlite")
    if url:
        elsewhere.write(lake, elsewhere.Elsewhere(url))
    Catalog(lake, create=True)
    program = Writers()
    began = time.monotonic()
    done = program.run(lake, *[(1000 * number, 25, 12, False) for number in range(1, 5)])
    took = time.monotonic() - began
    with program.process as process:
        process.stdin.close()  # type: ignore[union-attr]
    added = sum(status == "added" for status, _ in done)
    whole = check_whole(Catalog(lake)) == {capture for _, capture in done}
    print(f"  {lake.name}: 4 x 25 commits: {added} of 100 in {took:.1f} s; all whole: {whole}")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="CAPTURES", nargs="?", type=Path, default=BUNDLED)
    parser.add_argument("--captures", type=int, default=100)
    parser.add_argument("--commits", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="netlake-proof-") as name:
        folder = Path(name)
        small_captures(folder, given.folder if given.folder.is_dir() else BUNDLED, given.captures)
        commits(folder, given.commits)
        print("\nconcurrent writers")
        writers(folder, None)
        import postgresql

        if postgresql.program("initdb") is None:
            print("  PostgreSQL is not installed")
            return
        with postgresql.server() as url:
            writers(folder, url)


if __name__ == "__main__":
    main()
