"""Builds the segments of a batch as netlake.flows.segments makes them, and reads the events of reassembly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from netlake.flows.reassembly import Reassembly
from netlake.kernels.flow_state import SEGMENT, Records
from netlake.kernels.stream_state import Kind
from netlake.packets import Packets
from tests.flows.build import FLAGS

WRAP = 1 << 32


class Segment(NamedTuple):
    """A TCP segment; `size` is its payload on the wire if the capture has less than that in `payload`."""

    from_originator: bool
    seq: int
    flags: str = "A"
    payload: bytes = b""
    ack: int = 0
    size: int | None = None
    slot: int = 0
    flow: int = 1


class Event(NamedTuple):
    """An event: its bytes, or as many as are missing; `number` is of the packet that carries it, `at` that of now."""

    stream: int
    kind: str
    payload: bytes
    missing: int
    offset: int
    number: int
    at: int


def batch(segments: Sequence[Segment], first_number: int = 1) -> tuple[Packets, Records]:
    """One batch in which every segment is a packet of its own."""
    packets, made = Packets.empty(len(segments), 0), np.zeros(len(segments), SEGMENT)
    data = bytearray(b"\xee" * 3)
    for row, one in enumerate(segments):
        flags = sum(FLAGS[flag] for flag in one.flags)
        size = len(one.payload) if one.size is None else one.size
        start, end = len(data), len(data) + len(one.payload)
        made[row] = tuple(
            {
                "flow": one.flow, "start": start, "end": end, "seq": one.seq % WRAP,
                "ack": one.ack % WRAP if "A" in one.flags else 0, "slot": one.slot, "row": row, "payload": size,
                "from_originator": one.from_originator, "flags": flags,
            }[name]
            for name in made.dtype.names or ()
        )  # fmt: skip
        data += one.payload + b"\xee"
    packets.data = np.frombuffer(bytes(data), np.uint8).copy()
    packets.used, packets.count, packets.rows = len(data), len(segments), len(segments)
    packets.number = np.arange(first_number, first_number + len(segments))
    packets.last, packets.ts = packets.number.copy(), packets.number * 1000
    return packets, made


def read(stage: Reassembly, packets: Packets | None, count: int) -> Iterator[Event]:
    """The events that are in the arena now."""
    for one in stage.arena.events[:count]:
        kind = Kind(int(one["kind"]))
        payload = b""
        if kind in (Kind.DATA, Kind.LATE):
            buffer = stage.arena.tail
            if kind == Kind.DATA:
                assert packets is not None
                buffer = packets.data
            payload = buffer[int(one["start"]) : int(one["start"] + one["size"])].tobytes()
            assert len(payload) == one["size"]
        assert int(one["row"]) == (-1 if packets is None else int(one["at"] - packets.number[0]))
        missing = 0 if payload else int(one["size"])
        yield Event(
            int(one["stream"]), kind.name, payload, missing, int(one["offset"]), int(one["number"]), int(one["at"])
        )


def feed(stage: Reassembly, segments: Sequence[Segment], step: int, first_number: int = 1) -> list[Event]:
    """The events of segments in batches of `step`."""
    found: list[Event] = []
    for at in range(0, len(segments), step):
        packets, rows = batch(segments[at : at + step], first_number + at)
        for count in stage.batch(packets, rows):
            found += read(stage, packets, count)
    return found


def finish(stage: Reassembly, slots: Sequence[int] = (0,)) -> list[Event]:
    """The events of flows that leave."""
    found: list[Event] = []
    rows = np.array(slots, np.int32)
    for count in stage.finish(rows):
        found += read(stage, None, count)
    stage.clear(rows)
    return found


def held_blocks(stage: Reassembly) -> int:
    """Blocks of the arena that are in use."""
    control = stage.arena.control[0]
    return int(control["used"]) - 1 - int(control["free"])
