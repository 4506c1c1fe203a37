"""Hostile traffic costs bounded memory, and everything that was sent is handed on or counted."""

from __future__ import annotations

import numpy as np
import pytest

from netlake import tables
from netlake.flows.reassembly import Reassembly
from netlake.kernels.stream_waiting import MOST_HELD, MOST_SEGMENTS
from tests.streams import endless
from tests.streams.build import Segment, feed, finish, held_blocks
from tests.streams.build import batch as built
from tests.streams.hostile import batch, early, half_open, holes, leave, run
from tests.streams.twin import Twin, merged


def test_half_open_connections_have_no_state_but_the_number_of_their_syn() -> None:
    stage = Reassembly(1 << 14)
    counts = run(stage, half_open(50_000, 1 << 14))
    assert counts["segments"] == 50_000
    assert not stage.states["flow"].any()
    assert np.count_nonzero(stage.streams.syns["flow"]) == 1 << 14
    leave(stage, 1 << 14, counts)
    assert [counts[kind] for kind in ("DATA", "LATE", "GAP", "END")] == [0, 0, 0, 0]
    assert not stage.streams.syns["flow"].any()


def test_a_million_half_open_connections() -> None:
    """Rows of the tracker are used again and again; the state of streams is that of the rows."""
    slots, stage = 1 << 14, Reassembly(1 << 14, arena=1 << 20)
    counts = run(stage, half_open(1_000_000, slots))
    assert counts["segments"] == 1_000_000
    assert not stage.states["flow"].any()
    assert np.count_nonzero(stage.streams.syns["flow"]) == slots
    assert held_blocks(stage) == 0


def test_early_segments_of_many_streams_are_handed_on_or_wait() -> None:
    """196,608 segments behind the first holes of 256 streams: what has no room is given up, and nothing is dropped."""
    size, streams, count = 100, 256, 196_608
    stage = Reassembly(streams, arena=4 << 20)
    counts = run(stage, early(count, streams, size))
    assert stage.states["held"].sum() <= 4 << 20
    assert stage.states["early"].max() <= MOST_SEGMENTS
    assert stage.counters["given_up"] > 0
    leave(stage, streams, counts)
    assert counts["bytes"] == count * size
    assert stage.counters["dropped"] == 0
    assert held_blocks(stage) == 0


@pytest.mark.parametrize("order", ["rising", "falling", "random"])
def test_holes_of_one_byte_keep_a_bounded_number_of_segments(order: str) -> None:
    count, stage = 16_000, Reassembly(1)
    counts = run(stage, holes(count, order))
    assert stage.states["early"][0] == held_blocks(stage) <= MOST_SEGMENTS
    leave(stage, 1, counts)
    behind = stage.counters["retransmitted"]
    assert counts["bytes"] + behind == count
    assert behind == 0 or order != "rising"
    assert counts["bytes"] + counts["missing"] == 100 + 2 * count - 2
    assert held_blocks(stage) == 0


@pytest.mark.parametrize("order", ["falling", "random"])
def test_twin_gives_the_same_events_of_holes_of_one_byte(order: str) -> None:
    twin, stage, count = Twin(), Reassembly(1), 1_500
    packets, segments = list(holes(count, order))[1]
    sent = [Segment(True, 0, "S"), *(Segment(True, int(seq), payload=b"\0") for seq in segments["seq"])]
    for number, one in enumerate(sent, 1):
        twin.add(one, number)
    twin.leave([0])
    assert merged(feed(stage, sent, len(packets.number)) + finish(stage)) == merged(twin.events)


def test_full_arena_gives_up_the_stream_that_has_waited_longest() -> None:
    size, streams = 1460, 64
    stage = Reassembly(streams, arena=256 << 10)
    counts = run(stage, early(8 * streams, streams, size))
    assert stage.counters["given_up"] > 0
    assert stage.counters["dropped"] == 0
    waiting = stage.states["early"][::2]
    # streams are served in turn, so those that had waited longest are the first ones
    first = np.flatnonzero(waiting)[0]
    assert first > 0
    assert waiting[first:].all()
    leave(stage, streams, counts)
    assert counts["bytes"] == 8 * streams * size
    assert counts["missing"] == 999 * streams
    assert held_blocks(stage) == 0


def test_stream_keeps_at_most_one_mebibyte() -> None:
    size, stage = 1 << 15, Reassembly(1)
    zeros = np.zeros(MOST_HELD // size + 1, np.int64)
    run(stage, iter([batch(zeros[:1], zeros[:1], 2, 0, 1)]))
    packets, segments = batch(zeros, 2 + np.arange(len(zeros)) * size, 16, size, 1)
    for _ in stage.batch(packets, segments[:-1]):
        pass
    assert stage.states["held"][0] == MOST_HELD
    counts = run(stage, iter([(packets, segments[-1:])]))
    assert (counts["GAP"], counts["missing"], counts["bytes"]) == (1, 1, MOST_HELD + size)
    assert stage.states["held"][0] == 0


def test_bytes_that_the_capture_cut_are_not_kept() -> None:
    stage = Reassembly(1)
    sent = [
        Segment(True, 99, "S"),
        Segment(True, 110, payload=b"abc", size=60_000),
        Segment(True, 100, payload=b"x" * 10),
    ]
    feed(stage, sent[:2], 2)
    assert (stage.states["held"][0], stage.states["early"][0], held_blocks(stage)) == (3, 1, 1)
    assert [one.kind for one in feed(stage, sent[2:], 1)] == ["DATA", "LATE", "GAP"]
    assert (stage.states["held"][0], stage.states["early"][0], held_blocks(stage)) == (0, 0, 0)


def test_segment_larger_than_the_bound_is_handed_on_behind_a_gap() -> None:
    stage = Reassembly(1, arena=4 << 20)
    found = feed(stage, [Segment(True, 99, "S"), Segment(True, 101, payload=b"x" * (MOST_HELD + 1))], 2)
    assert [(one.kind, one.offset, len(one.payload)) for one in found] == [("GAP", 0, 0), ("DATA", 1, MOST_HELD + 1)]
    assert finish(stage)[0].kind == "END"


def test_segments_of_flows_that_left_are_counted() -> None:
    stage = Reassembly(4)
    sent = [Segment(True, 99, "S"), Segment(True, 100, payload=b"abc", slot=-1), Segment(True, 103, slot=-1)]
    assert feed(stage, sent, 3) == []
    assert stage.counters["cut_off"] == 1


def test_row_that_was_not_finished_is_given_back_when_it_is_used_again() -> None:
    stage = Reassembly(4)
    sent = [Segment(True, 99, "S"), Segment(True, 200, payload=b"abc"), Segment(False, 500, payload=b"x", flow=2)]
    assert [one.kind for one in feed(stage, [*sent[:2], Segment(True, 300, payload=b"y", flow=2)], 3)] == ["DATA"]
    assert held_blocks(stage) == 0
    assert [one.kind for one in feed(stage, sent[2:], 1)] == ["DATA"]
    assert [one.stream for one in finish(stage)] == [0, 1]


def test_events_that_have_no_room_are_handed_on_in_parts() -> None:
    stage = Reassembly(1)
    count = 3 * len(stage.arena.events) // 2
    flows = np.zeros(count, np.int64)
    packets, segments = batch(flows, 100 + np.arange(count), 16, 1, 1)
    parts = []
    for found in stage.batch(packets, segments):
        parts.append(found)
        heads = stage.chain(found)
        assert heads.tolist() == [0]
        assert stage.arena.events["link"][: found - 1].tolist() == list(range(1, found))
    assert sum(parts) == count
    assert len(parts) > 1


def test_chain_links_the_events_of_each_stream() -> None:
    stage = Reassembly(4)
    turns = [(True, 0, 100), (False, 0, 100), (True, 1, 100), (True, 0, 101), (True, 1, 101), (False, 0, 101)]
    sent = [Segment(to, seq, payload=b"x", slot=slot, flow=slot + 1) for to, slot, seq in turns]
    for count in stage.batch(*built(sent)):
        for _ in range(2):
            assert stage.chain(count).tolist() == [0, 1, 2]
            assert stage.arena.events["link"][:count].tolist() == [3, 5, 4, -1, -1, -1]


# bytes that a protocol may keep of one flow: the arena of both sides, and a machine
MOST_OF_FLOW = 1 << 19


@pytest.mark.parametrize("byte", endless.BYTES)
@pytest.mark.parametrize("name", sorted(tables.in_streams()))
def test_stream_that_never_ends_a_line_keeps_a_bounded_number_of_bytes(name: str, byte: bytes) -> None:
    """More bytes than that behind the first half of a case, also in segments of one byte, for every protocol."""
    side, data = next(endless.beginnings(name))
    assert endless.read(name, data, side, byte, 400, 1460).kept <= MOST_OF_FLOW
    assert endless.read(name, data, side, byte, 600).kept <= MOST_OF_FLOW
