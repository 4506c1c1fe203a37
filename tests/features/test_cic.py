"""`cic`: flows computed by hand, and every value of real captures against a second implementation."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest

import netlake
from netlake import features
from netlake.features.policy import PRESETS
from tests.features import slow

# of the shared captures: SQL injection, retransmissions, ICMP tunnel, SCTP, VXLAN, fragments, IPv6
SHARED = (
    "ndpi/default__pcap__WebattackSQLinj.pcap", "ndpi/default__pcap__icmp-tunnel.pcap",
    "ndpi/default__pcap__vxlan.pcap", "ndpi/default__pcap__http_ipv6.pcap", "ndpi/default__pcap__gre.pcapng",
)  # fmt: skip


def equal(one: object, other: object) -> bool:
    """Equal, floats within 1e-9 of their size."""
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other is not None and math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return one == other


def compare(lake: netlake.Lake, policy: str) -> int:
    """Compare every segment of every capture; the number of values compared."""
    count = 0
    for facts in lake.captures:
        found = pa.Table.from_batches(
            features.compute(lake, "cic", policy=policy, captures=[facts.capture]), features.schema("cic", policy)
        ).to_pylist()
        expected = {s.packets[0]["packet"]: s for s in slow.cut(slow.packets(lake, facts.capture), PRESETS[policy])}
        assert sorted(row["first_packet"] for row in found) == sorted(expected)
        for row in found:
            segment = expected[row["first_packet"]]
            where = (facts.path, row["first_packet"])
            assert row["last_packet"] == segment.packets[-1]["packet"], where
            assert row["segment"] == segment.number, where
            if segment.reason != "end":
                assert row["flow_end_reason"] == segment.reason, where
            for name, value in slow.cic(segment).items():
                assert equal(row[name], value), (*where, name, row[name], value)
                count += 1
    return count


@pytest.mark.parametrize("policy", PRESETS)
def test_real_captures_equal_second_implementation(lake: netlake.Lake, policy: str) -> None:
    assert compare(lake, policy) > 1000


@pytest.mark.parametrize("policy", PRESETS)
def test_shared_captures_equal_second_implementation(shared_lake: netlake.Lake, policy: str) -> None:
    assert compare(shared_lake, policy) > 2000


def test_columns_are_those_of_the_tool() -> None:
    names = [feature.name for feature in features.SETS["cic"].features]
    assert len(names) == len(set(names)) == 93
    # the 94th of the tool is Label
    assert names[:8] == [
        "Flow ID",
        "Src IP",
        "Src Port",
        "Dst IP",
        "Dst Port",
        "Protocol",
        "Timestamp",
        "Flow Duration",
    ]


@pytest.fixture(scope="module")
def shared_lake(shared_captures: Path, tmp_path_factory: pytest.TempPathFactory) -> netlake.Lake:
    folder = tmp_path_factory.mktemp("shared") / "lake"
    netlake.capture([shared_captures / name for name in SHARED], folder)
    return netlake.Lake(folder)
