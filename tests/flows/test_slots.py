"""Rows of the tracker's state as slots: streams use them to index arrays of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from netlake.flows.segments import segments
from netlake.flows.tracker import Flows, Tracker
from netlake.kernels import flow_state as s
from netlake.layers.pools import new_pools
from netlake.packets import QUOTED, Shorts
from tests.flows.build import Header, batch


def udp(port: int, ts: float = 0.0) -> Header:
    """A packet of a flow of its own."""
    return Header(ts=ts, protocol=17, src_port=port)


class Watch:
    """A tracker, and what `leaving` was called with: (flow, ending) of the rows, as they were at that time."""

    def __init__(self, most: int) -> None:
        self.left: list[list[tuple[int, int]]] = []
        self.slots: list[list[int]] = []
        self.tracker = Tracker(new_pools(), max_flows=most, leaving=self.leaving)

    def leaving(self, rows: Shorts) -> dict[str, Any]:
        """Note the flows of `rows`."""
        flows = self.tracker.state.flows
        self.slots.append(rows.tolist())
        self.left.append([(int(flows[row]["number"]), int(flows[row]["ending"])) for row in rows])
        return {}

    def update(self, *headers: Header) -> Flows:
        """Track a batch."""
        return self.tracker.update(*batch(headers))


def test_slot_is_the_row_of_the_flow() -> None:
    tracker = Tracker(new_pools())
    flows = tracker.update(*batch([udp(1), udp(2), udp(1), Header(protocol=17, src_port=9, kind=QUOTED)]))
    assert flows.slot[0] == flows.slot[2] != flows.slot[1]
    assert flows.slot[3] == -1
    assert tracker.state.flows["number"][flows.slot[:3]].tolist() == flows.flow[:3].tolist()


def test_leaving_is_called_before_rows_are_freed() -> None:
    watch = Watch(10)
    flows = watch.update(udp(1), udp(2), udp(3, 500.0))
    assert watch.left == []
    assert watch.tracker.ended(least=1) is not None
    assert watch.left == [[(1, s.Ending.TIMEOUT), (2, s.Ending.TIMEOUT)]]
    assert watch.slots == [flows.slot[:2].tolist()]
    assert watch.tracker.state.flows["number"][flows.slot].tolist() == [0, 0, 3]
    watch.tracker.finish()
    assert watch.tracker.ended() is not None
    assert watch.left[1:] == [[(3, s.Ending.END_OF_CAPTURE)]]


def test_freed_slot_is_used_by_a_later_batch() -> None:
    watch = Watch(10)
    first = watch.update(udp(1), udp(2, 500.0))
    assert watch.tracker.ended(least=1) is not None
    second = watch.update(udp(3, 501.0))
    assert second.slot.tolist() == first.slot[:1].tolist()
    assert second.flow.tolist() == [3]


def test_eviction_within_a_batch_calls_leaving_before_the_slot_is_used_again() -> None:
    watch = Watch(2)
    flows = watch.update(udp(1, 0.0), udp(2, 1.0), udp(3, 2.0), udp(4, 3.0))
    assert watch.left == [[(1, s.Ending.EVICTED)], [(2, s.Ending.EVICTED)]]
    assert watch.slots == [[slot] for slot in flows.slot[2:].tolist()]
    assert flows.flow.tolist() == [1, 2, 3, 4]


def test_no_slot_is_freed_within_a_batch_while_another_is_left() -> None:
    watch = Watch(5)
    flows = watch.update(*(udp(port, 400.0 * port) for port in range(1, 6)))
    assert watch.left == []
    assert len(set(flows.slot.tolist())) == 5


def test_slot_is_missing_where_its_row_has_another_flow_at_the_end_of_the_batch() -> None:
    tracker = Tracker(new_pools(), max_flows=2)
    packets, headers = batch([Header(src_port=port, flags="A", ts=float(port)) for port in range(1, 7)])
    flows = tracker.update(packets, headers)
    assert flows.flow.tolist() == [1, 2, 3, 4, 5, 6]
    assert flows.slot[:4].tolist() == [-1] * 4
    assert tracker.state.flows["number"][flows.slot[4:]].tolist() == [5, 6]
    made = segments(packets.data, headers, flows)
    assert made["flow"].tolist() == flows.flow.tolist()
    assert made["slot"].tolist() == flows.slot.tolist()


def test_flow_that_ends_by_a_new_syn_keeps_its_slot_until_it_left() -> None:
    watch = Watch(10)
    flows = watch.update(Header(flags="S", seq=1), Header(flags="A", seq=2), Header(flags="S", seq=99))
    assert flows.flow.tolist() == [1, 1, 2]
    assert flows.slot[1] != flows.slot[2]
    assert watch.tracker.context(flows.slot, flows.from_originator).flow.tolist() == [1, 1, 2]
    assert watch.tracker.ended(least=1) is not None
    assert watch.left == [[(1, s.Ending.NEW_SYN)]]


TO: dict[str, Any] = {"src": "10.0.0.9", "dst": "10.0.0.2"}
BACK: dict[str, Any] = {"src": "10.0.0.2", "dst": "10.0.0.9", "src_port": 80, "dst_port": 1000}


@pytest.mark.parametrize("resets", [0, 1, 2])
def test_context_has_flow_addresses_and_ports_in_the_present_pool(resets: int) -> None:
    pools = new_pools()
    tracker = Tracker(pools)
    flows = tracker.update(*batch([Header(**TO), Header(**BACK), Header(src="::9", dst="::2", protocol=17)]))
    for number in range(resets):
        pools["ip"].reset()
        tracker.update(*batch([Header(src=f"192.0.2.{number}", dst="192.0.2.77")]))
    around = tracker.context(flows.slot, flows.from_originator)
    assert around.flow.tolist() == [1, 1, 2]
    assert around.from_originator.tolist() == [1, 0, 1]
    assert around.slot.tolist() == flows.slot.tolist()
    assert pools["ip"].text(around.src).to_pylist() == ["10.0.0.9", "10.0.0.2", "::9"]
    assert pools["ip"].text(around.dst).to_pylist() == ["10.0.0.2", "10.0.0.9", "::2"]
    assert around.ports.source.tolist() == [1000, 80, 1000]
    assert around.ports.destination.tolist() == [80, 1000, 80]


def test_context_is_there_while_flows_leave() -> None:
    found: list[Flows] = []

    def leaving(rows: Shorts) -> dict[str, Any]:
        found.append(tracker.context(rows, np.ones(len(rows), np.int8)))
        return {"service": pa.array([["x"]] * len(rows))}

    tracker = Tracker(new_pools(), max_flows=1, leaving=leaving)
    tracker.update(*batch([udp(1), udp(2)]))
    assert [(one.flow.tolist(), one.ports.source.tolist()) for one in found] == [([1], [1])]
    rows = tracker.ended(least=1)
    assert rows is not None
    assert rows["service"].to_pylist() == [["x"]], "the columns that `leaving` knows"


def test_context_within_a_batch_leaves_the_addresses_of_the_batch_right() -> None:
    """Both calls add to the pool; `context` may replace the pool's arrays while the batch is tracked."""
    headers = [
        Header(src=f"10.1.{n >> 8}.{n & 255}", dst=f"10.2.{n >> 8}.{n & 255}", protocol=17, src_port=n)
        for n in range(2000)
    ]
    pools = new_pools()
    called: list[int] = []

    def leaving(rows: Shorts) -> dict[str, Any]:
        both = np.repeat(np.array([1, 0], np.int8), len(rows))
        called.append(len(tracker.context(np.tile(rows, 2), both).flow))
        return {}

    tracker = Tracker(pools, max_flows=700, leaving=leaving)
    flows = tracker.update(*batch(headers))
    plain = new_pools()
    expected = Tracker(plain, max_flows=700).update(*batch(headers))
    assert sum(called) > 1000
    for codes, others, end in ((flows.src, expected.src, "src"), (flows.dst, expected.dst, "dst")):
        texts = pools["ip"].text(codes).to_pylist()
        assert texts == plain["ip"].text(others).to_pylist() == [getattr(one, end) for one in headers]


def test_context_of_icmp_has_no_ports() -> None:
    tracker = Tracker(new_pools())
    flows = tracker.update(*batch([Header(protocol=1, src_port=8, dst_port=0)]))
    assert [ports.tolist() for ports in tracker.context(flows.slot, flows.from_originator).ports] == [[-1], [-1]]


@pytest.mark.parametrize("slot", [-1, 1, 9, 10, -10])
def test_context_of_a_row_without_a_flow_is_an_index_error(slot: int) -> None:
    tracker = Tracker(new_pools(), max_flows=10)
    tracker.update(*batch([udp(1)]))
    with pytest.raises(IndexError):
        tracker.context(np.array([slot], np.int32), np.ones(1, np.int8))


@pytest.mark.parametrize("row", [1, -2, 1 << 30])
def test_header_with_a_row_outside_packets_is_an_index_error(row: int) -> None:
    packets, headers = batch([udp(1)])
    headers["row"] = row
    with pytest.raises(IndexError):
        Tracker(new_pools()).update(packets, headers)
