"""Reassembles the streams of a capture, without any protocol."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netlake import tables
from netlake.flows.reassembly import Reassembly
from netlake.flows.segments import segments
from netlake.flows.tracker import Tracker
from netlake.kernels.flow_state import SEGMENT, Records
from netlake.kernels.stream_state import Kind, Known
from netlake.layers.pools import new_pools
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walker
from netlake.packets import Packets, Shorts
from netlake.sources import open_capture

BATCH = 16_384
Each = Callable[[Reassembly, Packets | None, Records, int], None]


@dataclass
class Stream:
    """What one direction of a flow sent; `first` is the packet of its first event, `end` that in which END was due.

    `behind` are the bytes of segments behind that packet.
    """

    flow: int
    from_originator: bool
    first: int
    payload: bytearray = field(default_factory=bytearray)
    missing: int = 0
    is_midstream: bool = False
    end: int | None = None
    behind: int = 0


def reassemble(path: Path, each: Each, *, batch: int = BATCH, stage: Reassembly | None = None) -> Counter[str]:
    """Call `each` with the stage, the batch (None for flows that leave), its segments, and the number of events.

    Returns the nanoseconds of CPU of this thread by part, and the number of packets.
    """
    pools, spent, clock = new_pools(), Counter[str](), time.thread_time_ns
    stage = stage or Reassembly()
    walker = Walker(dispatch(tables.every()), pools)

    def leaving(slots: Shorts) -> dict[str, Any]:
        for count in stage.finish(slots):
            each(stage, None, np.zeros(0, SEGMENT), count)
        stage.clear(slots)
        return {}

    tracker = Tracker(pools, leaving=leaving)
    with open_capture(path, salvage=False, sha256=False) as source:
        began = clock()
        for packets in source.batches(batch):
            read = clock()
            headers = walker.walk(packets).headers
            walked = clock()
            flows = tracker.update(packets, headers)
            tracked = clock()
            found = segments(packets.data, headers, flows)
            listed = clock()
            spent.update(source=read - began, walk=walked - read, tracker=tracked - walked, segments=listed - tracked)
            began = listed
            for count in stage.batch(packets, found):
                spent["reassembly"] += clock() - began
                each(stage, packets, found, count)
                began = clock()
            spent["packets"] += packets.count
            while tracker.ended() is not None:
                pass
            began = clock()
    tracker.finish()
    while tracker.ended() is not None:
        pass
    return spent


def streams(path: Path, *, batch: int = BATCH) -> list[Stream]:
    """The streams of a capture, in the order of their first events."""
    found: dict[tuple[int, int], Stream] = {}

    def each(stage: Reassembly, packets: Packets | None, segments: Records, count: int) -> None:
        tail = stage.arena.tail
        for one in stage.arena.events[:count]:
            index, kind, number = int(one["stream"]), int(one["kind"]), int(one["number"])
            key = (int(stage.states["flow"][index]), index & 1)
            if key not in found:
                found[key] = Stream(key[0], not index & 1, int(one["at"]) if kind == Kind.DATA else number)
                found[key].is_midstream = bool(int(stage.states["known"][index]) & Known.MIDSTREAM)
            stream, size = found[key], int(one["size"])
            assert stream.end is None
            assert int(one["offset"]) == len(stream.payload) + stream.missing
            if kind in (Kind.DATA, Kind.LATE):
                data = tail if kind == Kind.LATE or packets is None else packets.data
                stream.payload += np.ascontiguousarray(data[int(one["start"]) :][:size]).tobytes()
            stream.missing += size * (kind == Kind.GAP)
            stream.end = int(one["at"]) if kind == Kind.END else None
        for one in segments[(segments["payload"] > 0) & (segments["slot"] >= 0)] if packets is not None else ():
            after = found.get((int(one["flow"]), 1 - int(one["from_originator"])))
            if after and after.end and packets is not None and packets.last[one["row"]] > after.end:
                after.behind += int(one["payload"])

    reassemble(path, each, batch=batch)
    assert all(stream.end is not None for stream in found.values())
    return list(found.values())
