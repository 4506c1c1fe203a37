"""A connection whose packets were captured in another order: one row, with the counts of the intervals seen.

Handshake, data of both ends with acknowledgements, and both FINs; packets are captured late, twice or not at all.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from netlake.flows.tracker import Tracker
from netlake.layers.pools import new_pools
from tests.flows.build import Header, batch
from tests.flows.count import FIELDS, Connection
from tests.flows.count_packets import Segment
from tests.flows.count_sent import Sent

CLIENT, SERVER = (b"\x0a\0\0\1", 40000), (b"\x0a\0\0\2", 80)
TO: dict[str, Any] = {"src": "10.0.0.1", "dst": "10.0.0.2", "src_port": 40000, "dst_port": 80}
BACK: dict[str, Any] = {"src": "10.0.0.2", "dst": "10.0.0.1", "src_port": 80, "dst_port": 40000}
FLAGS = {"S": 2, "SA": 18, "A": 16, "FA": 17}


def conversation(pick: random.Random) -> list[Header]:
    """All packets of a connection in the order in which they were sent."""
    own, theirs = (pick.choice([1000, 2**32 - 300, 2**31 - 300]) for _ in range(2))
    packets = [Header(**TO, flags="S", seq=own)]
    packets += [
        Header(**BACK, flags="SA", seq=theirs, ack=own + 1),
        Header(**TO, flags="A", seq=own + 1, ack=theirs + 1),
    ]
    numbers = [own + 1, theirs + 1]
    for _ in range(pick.randrange(1, 12)):
        end = pick.randrange(2)
        for _ in range(pick.randrange(1, 5)):
            size = pick.choice([1, 10, 100, 1460])
            packets.append(Header(**(TO, BACK)[end], flags="A", seq=numbers[end], ack=numbers[1 - end], payload=size))
            numbers[end] += size
        packets.append(Header(**(BACK, TO)[end], flags="A", seq=numbers[1 - end], ack=numbers[end]))
    for end in (0, 1):
        packets.append(Header(**(TO, BACK)[end], flags="FA", seq=numbers[end], ack=numbers[1 - end]))
        numbers[end] += 1
    return [*packets, Header(**TO, flags="A", seq=numbers[0], ack=numbers[1])]


def reordered(packets: list[Header], pick: random.Random, late: list[int]) -> list[Header]:
    """The packets, each later by one of the numbers of places in `late`."""
    keys = [index + pick.choice(late) for index in range(len(packets))]
    return [packets[index] for index in sorted(range(len(packets)), key=lambda index: keys[index])]


def counted(headers: list[Header]) -> list[Connection]:
    """The connections of headers, as they are counted independently."""
    found: list[Connection] = []
    for number, one in enumerate(headers, 1):
        ends = (CLIENT, SERVER) if one.src == "10.0.0.1" else (SERVER, CLIENT)
        numbers = one.seq % 2**32, one.ack % 2**32, one.window, one.scale
        sizes = (one.payload, 54 + one.payload, 40 + one.payload)
        segment = Segment(number, 0, *ends, FLAGS[one.flags], *numbers, *sizes)
        if not found or not found[-1].continues(segment, 0):
            found.append(Connection(number, {CLIENT: Sent(), SERVER: Sent()}))
        found[-1].add(segment)
    return found


def rows_of(headers: list[Header]) -> list[dict[str, Any]]:
    """The rows of `connection`."""
    tracker = Tracker(new_pools())
    tracker.update(*batch(headers))
    tracker.finish()
    return sorted((row for rows in iter(tracker.ended, None) for row in rows.to_pylist()), key=lambda row: row["flow"])


@settings(max_examples=200, phases=[Phase.explicit, Phase.generate])  # there is nothing to shrink in a seed
@given(st.integers(0, 2**64))
def test_counts_are_those_of_the_intervals_seen(seed: int) -> None:
    pick = random.Random(seed)  # noqa: S311 - it picks traffic
    packets = [one for one in conversation(pick) for _ in range(pick.choice([0, 1, 1, 1, 1, 1, 1, 2]))]
    headers = reordered(packets, pick, pick.choice([[0], [0, 0, 0, 2], [0, 0, 3, 30], [0, 100]]))
    rows, expected = rows_of(headers), counted(headers)
    assert [row["first_packet"] for row in rows] == [one.first_packet for one in expected]
    for row, one in zip(rows, expected, strict=True):
        for end in (CLIENT, SERVER):
            side = "orig" if row["orig_port"] == end[1] else "resp"
            counts = {**one.ends[end].counts, "missed_bytes": one.ends[end].missed()}
            assert {name: row[f"{side}_{name}"] for name in FIELDS} == {name: counts.get(name, 0) for name in FIELDS}


@settings(max_examples=200, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 2**64))
def test_connection_captured_in_another_order_is_one_without_losses(seed: int) -> None:
    """Every packet once, and both FINs last: no order of the others divides the connection or lacks bytes."""
    pick = random.Random(seed)  # noqa: S311 - it picks traffic
    packets = conversation(pick)
    headers = reordered(packets[:-3], pick, pick.choice([[0, 0, 0, 2], [0, 0, 3, 30], [0, 100]])) + packets[-3:]
    (row,) = rows_of(headers)
    sent = {end: sum(one.payload for one in packets if one.src_port == end[1]) for end in (CLIENT, SERVER)}
    assert (row["orig_ip"], row["resp_port"]) == ("10.0.0.1", 80)
    assert (row["orig_payload_bytes"], row["resp_payload_bytes"]) == (sent[CLIENT], sent[SERVER])
    assert (row["orig_missed_bytes"], row["resp_missed_bytes"]) == (0, 0)
    assert row["conn_state"] == "SF"
