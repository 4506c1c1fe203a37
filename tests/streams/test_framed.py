"""Messages behind a length (netlake.kernels.framed): cases, and any messages in any segments and batches."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.flows.reassembly import Reassembly
from netlake.layers.streamed import Chains, Frame, FramedWalker
from tests.streams.build import Segment, batch, finish, held_blocks

CASES = tomllib.loads((Path(__file__).parent / "framed.toml").read_text())["case"]
FRAME = Frame(at=0, size=2, add=2, most=65537, skip=2)
PROTOCOL = 7
# bytes without length, missing bytes, first and last packet
Found = tuple[bytes, int, int, int]


def walked(segments: Sequence[Segment], step: int, frame: Frame) -> tuple[list[Found], Reassembly]:
    """The messages in the first stream of `segments`, in batches of `step`."""
    stage, walker = Reassembly(4, arena=1 << 20), FramedWalker(frame, tables.table("dns"), PROTOCOL)
    for at in range(0, len(segments), step):
        packets, rows = batch(segments[at : at + step], at)
        for count in stage.batch(packets, rows):
            chains = Chains(stage.chain(count), stage.states, packets.data, stage.arena)
            stage.states["protocol"][:1] = PROTOCOL * (stage.states["flow"][:1] > 0)
            walker.walk(chains)
    pool = walker.pool
    found = [
        (pool.data[one["start"] + 2 : one["end"]].tobytes(), int(one["missing"]), int(one["number"]), int(one["at"]))
        for one in pool.messages[: len(pool)]
    ]
    return found, stage


@pytest.mark.parametrize("step", [1, 2, 100])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_cases(case: dict[str, Any], step: int) -> None:
    """The messages of each case, whatever the batches are."""
    frame = replace(FRAME, **{name: case[name] for name in ("keep", "most") if name in case})
    # the packet of each part; a gap has none of its own, three acknowledgements behind it make it one
    segments: list[Segment] = []
    packet, seq = [], 1000
    pending = False
    for part in case["segments"]:
        packet.append(len(segments))
        if isinstance(part, dict):
            seq, pending = seq + part["gap"], True
            continue
        payload = b"" if part == "end" else bytes.fromhex(part)
        segments.append(Segment(True, seq, "FA" if part == "end" else "A", payload))
        seq += len(payload)
        if pending:
            segments += [Segment(False, 5, "A", ack=seq)] * 3
            pending = False
    found, _ = walked(segments, step, frame)
    expected = [(bytes.fromhex(data), missing) for data, missing, *_ in case["messages"]]
    assert [one[:2] for one in found] == expected
    assert [one[2] for one in found] == [packet[first] for _, _, first, _ in case["messages"]]


Messages = st.lists(st.binary(max_size=40) | st.integers(1000, 3000).map(bytes), max_size=12)


@settings(deadline=None)
@given(Messages, st.lists(st.integers(1, 60), min_size=1, max_size=30), st.integers(1, 9))
def test_any_messages_in_any_segments(messages: list[bytes], sizes: list[int], step: int) -> None:
    """All messages are located, each from the segment with its first byte to the one with its last."""
    stream = b"".join(len(one).to_bytes(2, "big") + one for one in messages)
    segments, owner, at = [], [], 0
    while at < len(stream):
        size = sizes[len(segments) % len(sizes)]
        owner += [len(segments)] * len(stream[at : at + size])
        segments.append(Segment(True, 1000 + at, "A", stream[at : at + size]))
        at += size
    found, stage = walked(segments, step, FRAME)
    expected, begin = [], 0
    for one in messages:
        end = begin + 2 + len(one)
        expected.append((one, 0, owner[begin], owner[end - 1]))
        begin = end
    assert found == expected
    finish(stage)
    assert held_blocks(stage) == 0


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=20), st.integers(1, 9))
def test_any_bytes_do_not_depend_on_batches(payloads: list[bytes], step: int) -> None:
    """Random bytes, mostly not in step, have the same messages in any batches."""
    segments, seq = [], 1000
    for payload in payloads:
        segments.append(Segment(True, seq, "A", payload))
        seq += len(payload)
    assert walked(segments, step, FRAME)[0] == walked(segments, 1000, FRAME)[0]


def test_more_messages_than_room() -> None:
    """A pool grows when the streams of one batch have more messages than it has room for."""
    segments = [Segment(True, 1000 + at, "A", bytes(12_000)) for at in range(0, 240_000, 12_000)]
    room = len(FramedWalker(FRAME, tables.table("dns"), PROTOCOL).pool.messages)
    found, _ = walked(segments, 1000, FRAME)
    assert len(found) == 120_000 > room
    assert all(payload == b"" for payload, *_ in found)
