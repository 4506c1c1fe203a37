"""Properties of segmentation: rows partition the packets, whatever the policy and the size of blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlake
from netlake import features
from netlake.errors import OptionError
from netlake.features import Policy, policy
from netlake.features.blocks import Block
from netlake.features.definition import Rows
from netlake.features.segmenter import Segmenter
from netlake.features.sets import cic
from netlake.kernels.feature_records import NO_TIME
from netlake.kernels.feature_segments import TCP, UDP
from tests.features import slow

PACKET = st.tuples(
    st.integers(0, 3), st.one_of(st.none(), st.integers(-2, 130)), st.booleans(), st.integers(0, 63),
    st.integers(0, 30),
)  # fmt: skip
POLICIES = st.builds(
    Policy,
    name=st.just("mine"),
    key=st.just("connection"),
    idle=st.sampled_from([0, 5, 60]),
    idle_udp=st.sampled_from([None, 0, 3]),
    active=st.sampled_from([0, 20, 120]),
    inclusive=st.booleans(),
    closing=st.sampled_from(list(policy.CLOSINGS)),
    orientation=st.sampled_from(list(policy.ORIENTATIONS)),
    swap_syn_ack=st.booleans(),
    backward_after_split=st.booleans(),
    milliseconds=st.booleans(),
)


def packets_of(drawn: list[tuple[int, int | None, bool, int, int]]) -> list[dict[str, Any]]:
    """Packets of up to four flows, of which flows 1 and 2 are TCP; times are steps of seconds, None is no time."""
    clock, result = 1000, []
    for number, (flow, step, forward, flags, size) in enumerate(drawn, 1):
        clock += step or 0
        ends = [("10.0.0.1", 1000 + flow), ("10.0.0.2", 80)]
        tcp = flow < 2
        result.append(
            {"packet": number, "time": None if step is None else clock * 1_000_000, "flow": flow + 1,
             "from_originator": forward, "protocol": TCP if tcp else UDP, "flags": flags if tcp else 0, "icmp": None,
             "payload": size, "header": 20 if tcp else 8, "win": size if tcp else None, "seq": 7 * number,
             "tunnel_key": None, "source": ends[not forward], "target": ends[forward]}
        )  # fmt: skip
    return result


def blocks_of(found: list[dict[str, Any]], size: int) -> list[Block]:
    """The packets in blocks of `size`."""
    last = {one["flow"]: one["packet"] for one in found}
    ids = sorted(last)
    flows = pa.table({"flow": ids, "key": ids, "key_last": [last[flow] for flow in ids], "swapped": [False] * len(ids)})
    result = []
    for begin in range(0, len(found), size):
        part = found[begin : begin + size]
        column = {name: [one[name] for one in part] for name in part[0]}
        tcp = np.array(column["protocol"]) == TCP
        columns = {
            "packet": np.array(column["packet"]), "flow": np.array(column["flow"]), "key": np.array(column["flow"]),
            "time": np.array([NO_TIME if time is None else time for time in column["time"]]),
            "side": np.array([not forward for forward in column["from_originator"]], np.uint8),
            "protocol": np.array(column["protocol"], np.uint8), "icmp": np.full(len(part), -1, np.int32),
            "flags": np.where(tcp, column["flags"], -1).astype(np.int32), "payload": np.array(column["payload"]),
            "header": np.array(column["header"], np.int32), "seq": np.array(column["seq"]),
            "window": np.array([-1 if window is None else window for window in column["win"]], np.int32),
        }  # fmt: skip
        result.append(Block(columns, flows, part[-1]["packet"], begin + size >= len(found)))
    return result


def cut(found: list[dict[str, Any]], chosen: Policy, size: int) -> list[Rows]:
    """The segments of packets that arrive in blocks of `size`."""
    segmenter = Segmenter(chosen, cic.ACCUMULATORS, "c")
    return [segmenter.cut(block) for block in blocks_of(found, size)]


@settings(max_examples=150)
@given(st.lists(PACKET, min_size=1, max_size=60), POLICIES, st.integers(1, 61))
def test_segments_are_those_of_second_implementation(drawn: list[Any], chosen: Policy, size: int) -> None:
    found = packets_of(drawn)
    expected = {segment.packets[0]["packet"]: segment for segment in slow.cut(found, chosen)}
    seen = 0
    for rows in cut(found, chosen, size):
        for row, payload in zip(rows.segments, rows["payload"], strict=True):
            segment = expected.pop(int(row["first_packet"]))
            assert row["last_packet"] == segment.packets[-1]["packet"]
            counts = [segment.directions.count(0), segment.directions.count(1)]
            assert [row["forward_packets"], row["backward_packets"]] == counts
            assert payload["count"].tolist() == counts
            assert payload["total"].sum() == sum(one["payload"] for one in segment.packets)
            seen += len(segment.packets)
    assert not expected
    assert seen == len(found)


@settings(max_examples=60)
@given(st.lists(PACKET, min_size=1, max_size=60), POLICIES, st.integers(1, 20))
def test_blocks_do_not_change_records(drawn: list[Any], chosen: Policy, size: int) -> None:
    """The same records for one block and for many; the order of rows is by block."""
    found = packets_of(drawn)
    results = []
    for length in (len(found), size):
        merged: dict[int, dict[str, Any]] = {}
        for rows in cut(found, chosen, length):
            for place, first in enumerate(rows.segments["first_packet"].tolist()):
                merged[first] = {name: records[place].tolist() for name, records in rows.records.items()}
        results.append(merged)
    assert results[0] == results[1]


@pytest.mark.parametrize("name", policy.PRESETS)
def test_rows_partition_the_packets_of_a_lake(lake: netlake.Lake, name: str) -> None:
    rows = pa.Table.from_batches(features.compute(lake, "cic", policy=name))
    total = sum(rows["Total Fwd Packet"].to_pylist()) + sum(rows["Total Bwd packets"].to_pylist())
    assert total == lake.sql("SELECT count(flow) FROM packet").rows()[0][0]
    keys = list(zip(rows["capture"].to_pylist(), rows["flow"].to_pylist(), rows["segment"].to_pylist(), strict=True))
    assert len(set(keys)) == len(keys)


def test_small_blocks_of_a_lake_give_the_same_rows(lake: netlake.Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in features.SETS if features.SETS[name].rows == "segment" and name != "unsw"]
    one = {name: _sorted(lake, name) for name in names}
    monkeypatch.setattr("netlake.features.run.BLOCK", 100)
    for name in names:
        assert _sorted(lake, name).equals(one[name]), name


def _sorted(lake: netlake.Lake, name: str) -> pa.Table:
    found = pa.Table.from_batches(features.compute(lake, name), features.schema(name))
    return found.sort_by([("capture", "ascending"), ("first_packet", "ascending")])


@pytest.mark.parametrize("text", ["nfstream", "netflow:active=120,idle=30", "zeek-like:key=endpoints,inclusive=true",
                                  "cic-fixed:idle_udp=0.5"])  # fmt: skip
def test_text_of_a_policy_makes_it_again(text: str) -> None:
    assert policy.parse(str(policy.parse(text))) == policy.parse(text)


@pytest.mark.parametrize(("text", "words"), [
    ("nf", "'nf' is no policy"), ("netflow:idle", "not FIELD=VALUE"), ("netflow:idle=x", "not a number"),
    ("netflow:idle=-1", "not seconds from 0"), ("netflow:key=host", "key is 'host'"),
    ("netflow:inclusive=1", "not true or false"), ("netflow:name=x", "not FIELD=VALUE"),
    ("netflow:idle=nan", "not seconds from 0"),
])  # fmt: skip
def test_wrong_policies(text: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        policy.parse(text)


@given(st.floats(0, policy.LONGEST), st.floats(0, policy.LONGEST))
def test_the_text_of_a_policy_makes_it_again(active: float, idle: float) -> None:
    made = replace(policy.PRESETS["netflow"], active=active, idle=idle)
    assert policy.parse(str(made)) == made
