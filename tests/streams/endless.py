"""Streams that never end a line, one byte in each segment, for every declared protocol.

`read` gives the bytes that are kept and the nanoseconds of CPU; `python -m tests.streams.endless [N [PROTOCOL...]]`
prints both for n, 2n and 4n bytes, which is a figure and no test: CPU that grows as n has a ratio of about 4.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from netlake import tables
from netlake.kernels.flow_state import SEGMENT, Records
from netlake.kernels.stream_state import BLOCK
from netlake.layers.dialog_walker import DialogWalker
from netlake.packets import Packets
from tests.fuzz import seeds
from tests.fuzz.script import Kind, decoded, segments
from tests.fuzz.streams import Kept, Reading, StreamTarget
from tests.streams.build import batch, held_blocks
from tests.streams.dialog_runner import held

BYTES = (b"a", b"\n", b" ", b"\0", b"\xff")
BATCH = 256
# cases of a protocol that are begun with
CASES = 4


class Cost(NamedTuple):
    """Bytes that the arena and a machine keep at most, and nanoseconds of CPU."""

    kept: int
    nanoseconds: int


def beginnings(name: str) -> Iterator[tuple[int, bytes]]:
    """First halves of some cases of a protocol, as inputs of fuzzing, each with the side that sends endless data."""
    for data in seeds.of_stream(name)[:CASES]:
        for side in range(2):
            yield side, data


def alike(side: int, seq: int, byte: bytes, number: int, count: int, size: int) -> tuple[Packets, Records]:
    """A batch of `count` segments of `size` bytes that are all the same."""
    packets, made = Packets.empty(count, count * size), np.zeros(count, SEGMENT)
    packets.data[: count * size] = byte[0]
    packets.number[:] = packets.last[:] = np.arange(number, number + count)
    packets.ts[:] = packets.number * 1000
    packets.count = packets.rows = count
    made["flow"], made["row"], made["payload"], made["from_originator"] = 1, np.arange(count), size, side == 0
    made["seq"], made["flags"] = (seq + size * np.arange(count)) % (1 << 32), 16
    made["start"], made["end"] = size * np.arange(count), size * (np.arange(count) + 1)
    return packets, made


def read(name: str, data: bytes, side: int, byte: bytes, count: int, size: int = 1) -> Cost:
    """Read the first half of a case, then `count` segments of one side, each with `size` times `byte`."""
    reading = Reading(name, StreamTarget(name).ports[0], Kept())
    streams = reading.streams
    reading.tracker.state.flows["number"] = 1
    steps = [step for step in decoded(data).steps if step.kind == Kind.SAY]
    begun = segments(steps[: (len(steps) + 1) // 2])[0]
    ends = [one.seq + len(one.payload) for one in begun if one.from_originator == (side == 0)]
    seq, number, most, spent = max(ends, default=1000 + 4000 * side), 1, 0, 0
    if begun:
        feed(reading, *batch(begun, number))
        most = kept(reading)
        number += len(begun)
    done = 0
    while done < count:
        packets, made = alike(side, seq + done * size, byte, number + done, min(BATCH, count - done), size)
        began = time.thread_time_ns()
        feed(reading, packets, made)
        spent += time.thread_time_ns() - began
        done += len(made)
        if done % (16 * BATCH) == 0 or done >= count:
            most = max(most, kept(reading))
    streams.leaving(np.zeros(1, np.int32))
    reading.end()
    if reading.failed:
        raise reading.failed[0]
    return Cost(most, spent)


def feed(reading: Reading, packets: Packets, made: Records) -> None:
    """Read one batch."""
    streams = reading.streams
    for count in streams.reassembly.batch(packets, made):
        streams._events(packets.data, count)
    streams._settle()
    for _ in streams.rows(every=False):
        pass


def kept(reading: Reading) -> int:
    """Bytes that the arena and the machines keep."""
    walkers = reading.streams.walkers.values()
    dialogs = sum(held(one.dialogs) for one in walkers if isinstance(one, DialogWalker))
    return held_blocks(reading.streams.reassembly) * BLOCK + dialogs


def main() -> int:
    """Print the costs of every protocol: the greatest of its cases."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 16_384
    names = sys.argv[2:] or list(tables.in_streams())
    sys.stdout.write(f"{'protocol':<12}{'byte':>6}{'kept KiB':>10}{'us a byte':>11}{'2n / n':>8}{'4n / n':>8}\n")
    for name in names:
        for byte in BYTES:
            costs = [
                [read(name, data, side, byte, times * count) for times in (1, 2, 4)]
                for side, data in islice(beginnings(name), 2 * CASES)
            ]
            one = max(costs, key=lambda some: some[2].nanoseconds / some[0].nanoseconds)
            n, twice, four = (cost.nanoseconds for cost in one)
            most = max(cost.kept for some in costs for cost in some)
            sys.stdout.write(
                f"{name:<12}{byte!r:>6}{most // 1024:>10}{n / count / 1000:>11.2f}{twice / n:>8.1f}{four / n:>8.1f}\n"
            )
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
