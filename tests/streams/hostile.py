"""Hostile traffic for reassembly, as batches of any size: half-open connections, holes, early segments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netlake.flows.reassembly import Reassembly
from netlake.kernels.flow_state import SEGMENT, Records
from netlake.packets import Ints, Packets

BATCH = 16_384
SYN, ACK = 2, 16


def batch(flows: Ints, seqs: Ints, flags: int, size: int, slots: int) -> tuple[Packets, Records]:
    """Segments of the originators of `flows`, of `size` bytes each; flow n is in slot n modulo `slots`."""
    count = len(flows)
    packets, made = Packets.empty(count, max(1, count * size)), np.zeros(count, SEGMENT)
    packets.number[:], packets.last[:] = np.arange(1, count + 1), np.arange(1, count + 1)
    packets.count = packets.rows = count
    made["flow"], made["slot"], made["row"] = flows + 1, flows % slots, np.arange(count)
    made["seq"], made["flags"], made["payload"], made["from_originator"] = seqs % (1 << 32), flags, size, 1
    made["start"] = np.arange(count) * size
    made["end"] = made["start"] + size
    return packets, made


def half_open(count: int, slots: int) -> Iterator[tuple[Packets, Records]]:
    """`count` connections of a SYN each."""
    for begin in range(0, count, BATCH):
        flows = np.arange(begin, min(count, begin + BATCH))
        yield batch(flows, flows * 7919, SYN, 0, slots)


def holes(count: int, order: str) -> Iterator[tuple[Packets, Records]]:
    """One stream: `count` segments of one byte with a hole of one byte before each, in an order."""
    at = {
        "rising": np.arange(count),
        "falling": np.arange(count)[::-1],
        "random": np.random.default_rng(1).permutation(count),
    }[order]
    yield batch(np.zeros(1, np.int64), np.zeros(1, np.int64), SYN, 0, 1)
    for begin in range(0, count, BATCH):
        part = at[begin : begin + BATCH]
        yield batch(np.zeros(len(part), np.int64), 100 + 2 * part, ACK, 1, 1)


def early(count: int, streams: int, size: int) -> Iterator[tuple[Packets, Records]]:
    """`count` segments behind the first hole of `streams` streams, in turn."""
    flows = np.arange(streams)
    yield batch(flows, flows * 0, SYN, 0, streams)
    for begin in range(0, count, BATCH):
        turn = np.arange(begin, min(count, begin + BATCH))
        yield batch(turn % streams, 1000 + turn // streams * size, ACK, size, streams)


def run(stage: Reassembly, batches: Iterator[tuple[Packets, Records]]) -> dict[str, int]:
    """Reassemble; counts of events by kind, and of segments and bytes."""
    counts = dict.fromkeys(("DATA", "LATE", "GAP", "END", "segments", "bytes", "missing"), 0)
    for packets, segments in batches:
        counts["segments"] += len(segments)
        for found in stage.batch(packets, segments):
            count(stage, found, counts)
    return counts


def count(stage: Reassembly, found: int, counts: dict[str, int]) -> None:
    """Count the events that are in the arena now."""
    events = stage.arena.events[:found]
    for kind, name in enumerate(("DATA", "LATE", "GAP", "END")):
        counts[name] += int(np.count_nonzero(events["kind"] == kind))
    counts["bytes"] += int(events["size"][events["kind"] <= 1].sum())
    counts["missing"] += int(events["size"][events["kind"] == 2].sum())


def leave(stage: Reassembly, slots: int, counts: dict[str, int]) -> None:
    """All flows leave."""
    for found in stage.finish(np.arange(slots, dtype=np.int32)):
        count(stage, found, counts)
    stage.clear(np.arange(slots, dtype=np.int32))
