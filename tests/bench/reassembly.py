"""Measures reassembly: nanoseconds a packet of captures, and time and memory of hostile segments.

    python -m tests.bench.reassembly [CAPTURE...]

For captures, nanoseconds of CPU of the thread for each packet, medians of three runs after one that is not counted,
with those of the steps before reassembly in the same runs: on a machine with other work, only ratios within a run mean
something. Hostile segments are made before the clock starts; memory is the growth of the process.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from netlake.flows.reassembly import Reassembly
from netlake.flows.tracker import MOST_FLOWS
from netlake.kernels.flow_state import Records
from netlake.packets import Packets
from tests.streams.drive import reassemble
from tests.streams.hostile import early, half_open, holes, leave, run

Batches = Callable[[], Iterator[tuple[Packets, Records]]]
RUNS = 3
PAGE = 4096
# (name, slots, segments)
HOSTILE: dict[str, tuple[int, Batches]] = {
    "1,000,000 half-open connections": (MOST_FLOWS, lambda: half_open(1_000_000, MOST_FLOWS)),
    "196,608 early segments on 4,096 holes": (4096, lambda: early(196_608, 4096, 1460)),
    "16,000 holes of one byte, rising": (1, lambda: holes(16_000, "rising")),
    "16,000 holes of one byte, falling": (1, lambda: holes(16_000, "falling")),
    "16,000 holes of one byte, random": (1, lambda: holes(16_000, "random")),
}


def resident() -> float:
    """Memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE / 1e6


def hostile(name: str) -> str:
    """A line about hostile segments."""
    slots, batches = HOSTILE[name]
    run(Reassembly(1), holes(1, "rising"))  # kernels are loaded
    stage, spent, grown, total = Reassembly(slots), 0.0, 0.0, Counter[str]()
    for one in batches():
        memory, began = resident(), time.thread_time()
        counts = run(stage, iter([one]))
        spent += time.thread_time() - began
        grown += resident() - memory
        total.update(counts)
    waiting = int(stage.states["early"].sum())
    blocks, counters = int(stage.arena.control["used"][0]), {key: one for key, one in stage.counters.items() if one}
    counts = dict.fromkeys(("DATA", "LATE", "GAP", "END", "bytes", "missing"), 0)
    leave(stage, slots, counts)
    control = stage.arena.control[0]
    return (
        f"{name}: {spent / total['segments'] * 1e9:,.0f} ns a segment, {grown:.0f} MB, {blocks:,} blocks, {waiting:,}"
        f" segments wait at the end; {counters}; {control['used'] - 1 - control['free']} blocks not given back"
    )


def measured(path: Path) -> str:
    """A line about a capture."""
    kinds: Counter[str] = Counter()

    def each(stage: Reassembly, _packets: Packets | None, _segments: Records, count: int) -> None:
        began = time.thread_time_ns()
        stage.chain(count)
        kinds["chain"] += time.thread_time_ns() - began
        kinds["events"] += count

    runs = []
    for _ in range(RUNS + 1):
        kinds.clear()
        stage = Reassembly()
        runs.append(reassemble(path, each, stage=stage) + kinds)
    packets = runs[0]["packets"]
    parts = ("source", "walk", "tracker", "segments", "reassembly", "chain")
    times = {part: round(statistics.median(one[part] for one in runs[1:]) / packets) for part in parts}
    return f"{path.name}: {packets:,} packets, {runs[0]['events']:,} events; ns a packet: {times}; {stage.counters}"


def main(captures: list[str]) -> None:
    """Print all lines."""
    for path in captures:
        sys.stdout.write(f"{measured(Path(path))}\n")
        sys.stdout.flush()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for line in pool.map(hostile, HOSTILE):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
