"""Speed of `label features cic` from a lake, and of other programs that compute flow features from the capture.

    python -m tests.bench.features LAKE CAPTURE [--runs 3] [--peers-python PYTHON]

The step is what a process does that has its kernels loaded: read the packet tables of the lake, compute all columns,
and drop the record batches. Ratios are of wall time, of the whole run of the other program to the step and to the
whole command, which also starts Python and writes Parquet. All run in turn in one session.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import peers
from tests.bench.captures import ROOT
from tests.bench.measure import Command, in_turn, median

SET = "cic"
STEP = """
import json, resource, sys, time
from netlake import features
times = []
for _ in range(4):
    wall, cpu = time.monotonic(), time.process_time()
    rows = sum(batch.num_rows for batch in features.compute(sys.argv[1], sys.argv[2]))
    times.append((time.monotonic() - wall, time.process_time() - cpu))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"times": times[1:], "rows": rows, "peak": peak}))
"""
NETFLOWER = "from netflower import convert_pcap_to_csv; convert_pcap_to_csv({0!r}, {1!r})"


def step(lake: Path, name: str = SET) -> tuple[float, float, int, float]:
    """Median wall and CPU seconds of the step, rows, and peak memory of its process in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", STEP, lake, name], check=True, capture_output=True, text=True, cwd=ROOT
    )
    found = json.loads(done.stdout)
    walls, cpus = (sorted(part) for part in zip(*found["times"], strict=True))
    return walls[len(walls) // 2], cpus[len(cpus) // 2], found["rows"], found["peak"]


def netflower(path: Path, folder: Path, python: Path) -> Command | None:
    """Write flows with features to CSV."""
    if subprocess.run([python, "-c", "import netflower"], check=False, capture_output=True).returncode:
        print("netflower is not installed; install it, or name the Python of another environment with --peers-python.")
        return None
    out = folder / "netflower.csv"
    return Command((str(python), "-c", NETFLOWER.format(str(path), str(out))), out, folder=folder)


def whole(lake: Path, folder: Path) -> Command:
    """The whole command, which writes Parquet."""
    out = folder / "features.parquet"
    arguments = (sys.executable, "-m", "netlake", "label", "features", SET, "--lake", str(lake), "--out", str(out))
    return Command(arguments, out, folder=ROOT)


def report(lake: Path, path: Path, python: Path, runs: int) -> None:
    """Print speed and ratios."""
    packets = int(
        subprocess.run(
            [sys.executable, "-c", "import sys, netlake; print(sum(c.packets for c in netlake.Lake(sys.argv[1]).captures))",
             lake], check=True, capture_output=True, text=True, cwd=ROOT,
        ).stdout
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="netlake-bench-") as name:
        folder = Path(name)
        commands = {"netlake label features": whole(lake, folder)}
        commands |= peers.commands(["nfstream"], path, folder, python)
        if found := netflower(path, folder, python):
            commands["netflower"] = found
        steps = [step(lake) for _ in range(runs)]
        costs = {name: median(cost) for name, cost in in_turn(commands, runs).items()}
    wall, cpu, rows, peak = sorted(steps)[len(steps) // 2]
    print(
        f"\nfeatures {SET}: {packets:,} packets, {rows:,} rows; step {packets / wall:,.0f} packets/s, {wall:.2f} s wall, "
        f"{cpu:.2f} s CPU, peak {peak:.0f} MiB"
    )
    for name, cost in costs.items():
        print(f"  {name:26}{packets / cost.wall:12,.0f} packets/s {cost.wall:8.2f} s wall {cost.cpu:8.2f} s CPU "
              f"{cost.peak:6.0f} MiB  {cost.wall / wall:6.1f} times the step, "
              f"{cost.wall / costs['netlake label features'].wall:5.1f} times the command")  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", type=Path)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers-python", type=Path, default=Path(sys.executable))
    given = parser.parse_args()
    report(given.lake.resolve(), given.capture.resolve(), given.peers_python.absolute(), given.runs)


if __name__ == "__main__":
    main()
