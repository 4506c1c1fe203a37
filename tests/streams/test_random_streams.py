"""Random streams: any cut, order, overlap, loss and number give the bytes that were sent, in batches of any size."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from netlake.flows.reassembly import Reassembly
from netlake.kernels.stream_state import BLOCK
from tests.streams.build import Event, Segment, feed, finish, held_blocks
from tests.streams.twin import Twin, merged

STREAMS = 3000
STEPS = (1, 3, 7, 100)
COUNTERS = ("early", "retransmitted", "overlaps", "conflicts", "dropped", "given_up", "missed")


def cut(rng: random.Random, body: bytes, isn: int, *, is_lossy: bool) -> list[Segment]:
    """The segments of a stream in a random order, some of them repeated, some lost, between a SYN and a FIN."""
    size = len(body)
    cuts = sorted({0, size, *(rng.randrange(size) for _ in range(rng.randrange(1, 30)))})
    ranges = list(pairwise(cuts))
    for _ in range(rng.randrange(10)):
        begin = rng.randrange(size)
        ranges.append((begin, min(size, begin + rng.randrange(1, 2500))))
    rng.shuffle(ranges)
    if is_lossy:
        ranges = ranges[len(ranges) // 3 :]
    made = [Segment(True, isn + 1 + begin, "A", body[begin:end]) for begin, end in ranges]
    acks = [Segment(False, 9, "A", ack=isn + 1 + rng.randrange(size + 1)) for _ in range(rng.randrange(20))]
    for one in acks if is_lossy else ():
        made.insert(rng.randrange(len(made) + 1), one)
    return [Segment(True, isn, "S"), *made, Segment(True, isn + 1 + size, "FA")]


def random_isn(rng: random.Random) -> int:
    """A sequence number, often one before the wrap."""
    return rng.choice([rng.randrange(1 << 32), (1 << 32) - rng.randrange(1, 3000), 0xFFFFFFFF])


def test_random_streams_give_the_bytes_that_were_sent() -> None:
    rng, stage = random.Random(5), Reassembly(4, arena=4 << 20)  # noqa: S311 - a test
    for trial in range(STREAMS):
        body, is_lossy = rng.randbytes(rng.randrange(1, 6000)), trial % 3 == 0
        segments = cut(rng, body, random_isn(rng), is_lossy=is_lossy)
        found = feed(stage, segments, rng.choice(STEPS)) + finish(stage)
        assert [one.kind for one in found].count("END") == 1
        assert found[-1].kind == "END"
        assert found[-1].offset == len(body)
        at = 0
        for one in found:
            assert one.offset == at, trial
            assert one.payload in (b"", body[at : at + len(one.payload)]), trial
            at += len(one.payload) + one.missing
        assert is_lossy or not any(one.missing for one in found)
        assert held_blocks(stage) == 0
    assert stage.counters["dropped"] == 0


@pytest.mark.parametrize("step", STEPS)
def test_batches_do_not_change_events(step: int) -> None:
    rng = random.Random(6)  # noqa: S311 - a test
    for _ in range(100):
        segments = hostile(rng)
        assert stage_events(segments, step)[0] == stage_events(segments, len(segments))[0]


def hostile(rng: random.Random) -> list[Segment]:
    """Segments of three flows with numbers near each other, any flags and any bytes, some of them cut."""
    base = [random_isn(rng) for _ in range(6)]
    made = []
    for _ in range(rng.randrange(2, 60)):
        slot, to = rng.randrange(3), rng.random() < 0.6
        size = rng.choice([0, 0, 1, 5, 40, 40, 300, 300, 1500])
        flags = rng.choice(["A"] * 12 + ["S", "SA", "F", "FA", "R", "RA", "SF", ""])
        seq = base[2 * slot + (not to)] + rng.choice([rng.randrange(-20, 400), rng.randrange(6000), 1 << 30, 1 << 31])
        ack = base[2 * slot + to] + rng.randrange(6000)
        kept = size if rng.random() < 0.9 else rng.randrange(size + 1)
        payload = bytes(rng.choices(b"xy", k=kept))
        made.append(Segment(to, seq, flags, payload, ack, size, slot, flow=slot + 1))
    return made


def stage_events(segments: list[Segment], step: int, **options: str | int) -> tuple[list[Event], dict[str, int]]:
    """Events and counters of segments in batches of `step`."""
    stage = Reassembly(4, overlap=options.get("overlap", "first"), arena=BLOCK * int(options.get("blocks", 1 << 12)))  # type: ignore[arg-type]
    found = feed(stage, segments, step) + finish(stage, (0, 1, 2))
    assert held_blocks(stage) == 0
    return found, {name: stage.counters[name] for name in COUNTERS}


@pytest.mark.parametrize("overlap", ["first", "last"])
@pytest.mark.parametrize("blocks", [2, 5, 1 << 12])
def test_twin_gives_the_same_events_of_hostile_segments(overlap: str, blocks: int) -> None:
    rng = random.Random(blocks)  # noqa: S311 - a test
    for trial in range(100):
        segments = hostile(rng)
        found, counters = stage_events(segments, rng.choice(STEPS), overlap=overlap, blocks=blocks)
        twin = Twin(overlap=overlap, blocks=blocks)
        for number, one in enumerate(segments, 1):
            twin.add(one, number)
        twin.leave((0, 1, 2))
        assert merged(found) == merged(twin.events), trial
        assert counters == {name: twin.counts[name] for name in COUNTERS}, trial
