"""Holes in sequence numbers: as counted independently by intervals of seen bytes, bounded, and given back."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from netlake.flows.tracker import Tracker
from netlake.kernels.flow_holes import MOST_OF_SIDE
from netlake.layers.pools import new_pools
from tests.flows.build import Header, batch
from tests.flows.count import FIELDS, Connection
from tests.flows.count_packets import Segment
from tests.flows.count_sent import Sent

CLIENT, SERVER = (b"\x0a\0\0\1", 40000), (b"\x0a\0\0\2", 80)
TO: dict[str, Any] = {"src": "10.0.0.1", "dst": "10.0.0.2", "src_port": 40000}
BACK: dict[str, Any] = {"src": "10.0.0.2", "dst": "10.0.0.1", "src_port": 80, "dst_port": 40000}


def rows_of(tracker: Tracker) -> list[dict[str, Any]]:
    """Every row of a tracker, which is finished."""
    tracker.finish()
    return [row for rows in iter(tracker.ended, None) for row in rows.to_pylist()]


def left(tracker: Tracker) -> int:
    """Holes that are in use."""
    control, row, free = tracker.control, int(tracker.control["free_hole"]), 0
    while row:
        row, free = int(tracker.state.holes["next"][row - 1]), free + 1
    return int(control["holes_used"]) - free


def transfer(pick: random.Random) -> list[Header]:
    """One connection: data of the client in any order, with losses, repeats and overlaps, and acknowledgements."""
    base = pick.choice([1000, 2**32 - 300, 2**31 - 300])
    headers = [Header(**TO, flags="S", seq=base), Header(**BACK, flags="SA", seq=9, ack=base + 1)]
    cuts = sorted({1, *(pick.randrange(1, 600) for _ in range(pick.randrange(2, 40)))})
    pieces = [(start, pick.choice([end, end, end, end + 5]) - start) for start, end in pairwise(cuts)]
    pieces = [piece for piece in pieces if pick.randrange(8)] + [piece for piece in pieces if not pick.randrange(6)]
    keys = {piece: index + pick.choice([0, 0, 3, 30]) for index, piece in enumerate(pieces)}
    for start, size in sorted(pieces, key=lambda piece: keys[piece]):
        headers.append(Header(**TO, flags="A", seq=base + start, ack=10, payload=size))
        if not pick.randrange(3):
            ack = pick.choice([start, start + size, start + size + pick.randrange(60), 3_000_000 + pick.randrange(600)])
            headers.append(Header(**BACK, flags="A", seq=10, ack=base + ack, window=pick.choice([0, 65535])))
    return headers


@settings(max_examples=150, phases=[Phase.explicit, Phase.generate])  # there is nothing to shrink in a seed
@given(st.integers(0, 2**64))
def test_losses_are_those_of_the_intervals_seen(seed: int) -> None:
    headers = transfer(random.Random(seed))  # noqa: S311 - it picks traffic
    expected = Connection(1, {CLIENT: Sent(), SERVER: Sent()})
    for one in headers:
        ends = (CLIENT, SERVER) if one.src == "10.0.0.1" else (SERVER, CLIENT)
        flags = {"S": 2, "SA": 18, "A": 16}[one.flags]
        sizes = (one.payload, 54 + one.payload, 40 + one.payload)
        expected.add(Segment(0, 0, *ends, flags, one.seq % 2**32, one.ack % 2**32, one.window, None, *sizes))
    tracker = Tracker(new_pools())
    tracker.update(*batch(headers))
    (row,) = rows_of(tracker)
    for side, end in (("orig", CLIENT), ("resp", SERVER)):
        sent = expected.ends[end]
        counted = {**sent.counts, "missed_bytes": sent.missed()}
        assert {name: row[f"{side}_{name}"] for name in FIELDS} == {name: counted.get(name, 0) for name in FIELDS}
    assert (left(tracker), tracker.forgotten_holes) == (0, 0)


def test_holes_of_a_direction_are_bounded_and_the_lowest_is_forgotten() -> None:
    most, more = MOST_OF_SIDE, 5
    headers = [Header(**TO, flags="A", seq=100 * i, payload=10) for i in range(most + more + 1)]
    tracker = Tracker(new_pools())
    tracker.update(*batch(headers))
    assert (left(tracker), tracker.forgotten_holes) == (most, more)
    last = 100 * (most + more) + 10
    tracker.update(*batch([Header(**TO, flags="A", seq=10, payload=90), Header(**BACK, flags="A", ack=last)]))
    (row,) = rows_of(tracker)
    assert (row["orig_missed_bytes"], row["orig_retransmitted"], row["orig_out_of_order"]) == (90 * most, 1, 0)
    assert left(tracker) == 0


def test_segment_in_the_middle_of_a_hole_forgets_its_rest_without_room() -> None:
    headers = [Header(**TO, flags="A", seq=100 * i, payload=10) for i in range(MOST_OF_SIDE + 1)]
    tracker = Tracker(new_pools())
    tracker.update(*batch([*headers, Header(**TO, flags="A", seq=50, payload=10)]))
    assert (left(tracker), tracker.forgotten_holes) == (MOST_OF_SIDE, 1)
    tracker.update(*batch([Header(**BACK, flags="A", ack=100)]))
    assert rows_of(tracker)[0]["orig_missed_bytes"] == 40


def test_holes_of_all_flows_are_bounded() -> None:
    """Two flows share 512 holes; the third gets none, and what it lacks is counted when it is acknowledged later."""
    tracker = Tracker(new_pools(), max_flows=2)
    tracker.state.holes["next"][:] = 0
    tracker.control["holes_used"] = len(tracker.state.holes)
    sent = [Header(**TO, flags="A", seq=seq, payload=10) for seq in (0, 100)]
    tracker.update(*batch([*sent, Header(**BACK, flags="A", ack=150)]))
    assert tracker.forgotten_holes == 2
    assert rows_of(tracker)[0]["orig_missed_bytes"] == 40


def test_holes_far_behind_are_forgotten() -> None:
    steps = [Header(**TO, flags="A", seq=0, payload=10), Header(**TO, flags="A", seq=20, payload=1)]
    steps += [Header(**TO, flags="A", seq=21 + i * 2**29, payload=2**29) for i in range(4)]
    tracker = Tracker(new_pools())
    tracker.update(*batch(steps))
    assert (left(tracker), tracker.forgotten_holes) == (0, 1)


@pytest.mark.parametrize("behind", [1 << 20, 1 << 25])
def test_acknowledged_hole_can_be_filled_for_16_mib(behind: int) -> None:
    steps = [Header(**TO, flags="A", seq=0, payload=10), Header(**TO, flags="A", seq=20, payload=behind)]
    steps += [Header(**BACK, flags="A", ack=20 + behind), Header(**TO, flags="A", seq=10, payload=10)]
    tracker = Tracker(new_pools())
    tracker.update(*batch(steps))
    assert rows_of(tracker)[0]["orig_missed_bytes"] == (0 if behind < 1 << 24 else 10)
    assert tracker.forgotten_holes == 0
