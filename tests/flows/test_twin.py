"""Random traffic: tracker and twin have the same rows, however the traffic is divided into batches."""

from __future__ import annotations

import datetime as dt
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from netlake.flows.tracker import FLOW_KEYS, Tracker
from netlake.layers.pools import new_pools
from netlake.packets import DATAGRAM, FRAGMENT, QUOTED, WHOLE
from tests.flows.build import Header, batch
from tests.flows.twin import Twin

HOSTS = ["10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1", "fe80::1"]
STEPS = [0.0, 0.0, 0.001, 0.5, 4.0, 6.0, 61.0, 179.0, 181.0, 299.0, 301.0, 3599.0, 3601.0, -5.0, -4000.0]
FLAGS = ["S", "S", "SA", "A", "A", "A", "PA", "FA", "FA", "R", "RA", "SF", "FR", "", "UEC"]
CHUNKS = [bytes(12) + bytes([chunk]) for chunk in (1, 2, 6, 14)]
BASES = [100, 2**32 - 20, 2**31 - 5]
PORTS = [80, 80, 81, 81, 40000, 3306]
# payloads of UDP from ports at which they may be answers
ANSWERS = [
    (53, b"\0\1\x80\0"), (123, b"\x24"), (161, bytes.fromhex("300a 020101 0401 70 a203")),
    (389, b"\x30\x81\x09\2\1\1\x64"), (40000, bytes.fromhex("010100002112a442")),
    (40000, b"\x16\xfe\xfd" + bytes(10) + b"\2"), (111, bytes(7) + b"\1"),
]  # fmt: skip


def header(pick: random.Random, row: int) -> Header:
    """A header without its time; `outer` may be no row."""
    protocol = pick.choice([6, 6, 6, 6, 17, 1, 132, 47])
    hosts = pick.choice([HOSTS[:2], HOSTS[2:]])
    ports = [pick.choice(PORTS) if protocol != 47 else -1 for _ in range(2)]
    first = pick.choice(CHUNKS) if protocol == 132 else pick.randbytes(pick.randrange(17))
    if protocol == 17 and pick.randrange(2):
        ports[0], answer = pick.choice(ANSWERS)
        first = bytes(8) + answer
    return Header(
        src=pick.choice(hosts), dst=pick.choice(hosts), protocol=protocol, src_port=ports[0], dst_port=ports[1],
        flags=pick.choice(FLAGS), seq=pick.choice(BASES) + pick.randrange(13),
        ack=pick.choice(BASES) + pick.randrange(13), window=pick.choice([0, 1, 65535]),
        scale=pick.choice([None, 0, 7, 200]), payload=pick.choice([0, 0, 1, 2, 5]),
        kind=pick.choice([WHOLE] * 7 + [FRAGMENT, DATAGRAM, QUOTED]), outer=pick.randint(-1, row),
        key=pick.choice([0, 0, 0, 5]), ttl=pick.choice([0, 64, 255]), length=pick.choice([None, None, 60, 2**32 - 1]),
        keep=pick.choice([None] * 6 + [0, 4, 13, 15]),
        first=first, vlan=pick.choice([0, 0, 0, 10, 20]), interface=pick.randrange(2),
        total=pick.choice([0, 0, 50, 999]),
        mac=pick.choice([None, bytes(6), b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"]),
        options=pick.choice([b"", b"", b"\1\1\3\3", b"\2\4\1\1\3\3\3\0", b"\3\0\0\0", b"\3\3\1\1"]),
    )  # fmt: skip


def traffic(pick: random.Random) -> list[Header]:
    """Headers in the order of their arrival."""
    now, headers = 10_000.0, []
    steps = pick.choice([STEPS, [*STEPS, None], STEPS[:5]])
    for row in range(pick.randrange(1, 60)):
        step = pick.choice(steps)
        now += step or 0
        headers.append(header(pick, row))
        headers[-1].ts = None if step is None else now
    return headers


def tracked(
    headers: list[Header], most: int, cuts: list[int], flow_key: list[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Tracker]:
    """Answers and rows of the tracker for headers in batches, between which the pool may be reset."""
    pools = new_pools()
    tracker = Tracker(pools, max_flows=most, flow_key=flow_key)
    answers: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    bounds = sorted({0, *(cut for cut in cuts if cut < len(headers)), len(headers)})
    for first, last in pairwise(bounds):
        flows = tracker.update(*batch([shifted(one, first) for one in headers[first:last]], first + 1))
        texts = [pools["ip"].text(codes).to_pylist() for codes in (flows.src, flows.dst)]
        columns = zip(flows.flow.tolist(), flows.from_originator.tolist(), *texts, flows.shift.tolist(), strict=True)
        answers += [{"flow": f, "from": o, "addresses": [a, b], "shift": s} for f, o, a, b, s in columns]
        if last % 2:
            pools["ip"].reset()
        while (ended := tracker.ended(least=1 + last % 3)) is not None:
            rows += ended.to_pylist()
    tracker.finish()
    while (ended := tracker.ended()) is not None:
        rows += ended.to_pylist()
    return answers, rows, tracker


def shifted(one: Header, first: int) -> Header:
    """A header whose `outer` is counted from the batch's first row."""
    copy = Header(**vars(one))
    copy.outer = one.outer - first if one.outer >= first else -1
    return copy


def assert_equal(row: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare a row of `connection` with that of the twin; fractions may differ by rounding."""
    for name, value in expected.items():
        found = row[name]
        if isinstance(found, dt.datetime):
            found = round((found - dt.datetime.fromtimestamp(0, dt.UTC)) / dt.timedelta(microseconds=1))
        if isinstance(value, float):
            assert found == pytest.approx(value, rel=1e-9, abs=1e-6), name
        else:
            assert found == value, name


@settings(max_examples=80, phases=[Phase.explicit, Phase.generate])  # there is nothing to shrink in a seed
@given(st.integers(0, 2**64))
def test_tracker_and_twin_agree(seed: int) -> None:
    pick = random.Random(seed)  # noqa: S311 - it picks traffic
    flow_key = [name for name in FLOW_KEYS if not pick.randrange(4)]
    cuts = [pick.randint(1, 60) for _ in range(pick.randrange(4))]
    agree(traffic(pick), pick.choice([1, 2, 3, 8, 1000]), cuts, flow_key)


def agree(headers: list[Header], most: int, cuts: list[int], flow_key: list[str]) -> None:
    """Compare both on `headers`; no pair of outer and inner header is divided between batches of the tracker."""
    pairs = [(one.outer, row) for row, one in enumerate(headers) if one.outer >= 0]
    cuts = [cut for cut in cuts if all(not outer < cut <= row for outer, row in pairs)]
    twin = Twin(most, flow_key)
    twin.update(*batch(headers))
    expected = twin.finish()
    answers, rows, tracker = tracked(headers, most, cuts, flow_key)
    assert answers == twin.answers
    assert [row["flow"] for row in rows] == [row["flow"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert_equal(row, other)
    assert (tracker.count, tracker.evictions, tracker.in_vlans) == (twin.count, twin.evictions, twin.in_vlans)
    assert tracker.forgotten_holes == 0
    assert sorted(row["flow"] for row in rows) == list(range(1, tracker.count + 1))
