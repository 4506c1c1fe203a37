"""The option of the flow key: VLANs and interfaces separate connections, and are recorded with the capture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake.errors import QueryError
from netlake.flows.tracker import Tracker
from netlake.lake.catalog import Catalog
from netlake.layers.pools import new_pools
from netlake.pipeline import options
from tests.flows.build import Header, batch
from tests.layers import build

UDP = build.ipv4(build.udp(b"x" * 20), 17)


def tagged(*vlans: int) -> bytes:
    """A frame with VLAN tags, the outermost first."""
    tags = b"".join(b"\x81\x00" + vlan.to_bytes(2, "big") for vlan in vlans)
    return bytes(12) + tags + b"\x08\x00" + UDP


def flows_of(frames: list[bytes], tmp_path: Path, **chosen: Any) -> tuple[int, dict[str, Any]]:
    """Connections in a capture of `frames`, and its quality report."""
    path = tmp_path / "tagged.pcap"
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    sizes = [len(frame).to_bytes(4, "little") * 2 for frame in frames]
    path.write_bytes(header + b"".join(bytes(8) + size + frame for size, frame in zip(sizes, frames, strict=True)))
    report = netlake.capture(path, tmp_path / "lake", replace=True, jobs=1, **chosen).captures[0]
    return report.tables["connection"].rows, report.quality


@pytest.mark.parametrize(
    ("frames", "together", "apart", "several"),
    [
        ([tagged(10), tagged(20), tagged(10)], 1, 2, 1),
        ([tagged(10), tagged()], 1, 2, 0),
        ([tagged(0), tagged()], 1, 1, 0),
        ([tagged(7, 10), tagged(8, 10), tagged(7, 11)], 1, 3, 1),
        ([tagged(7, 10), tagged(7, 10)], 1, 1, 0),
        ([tagged(0xE00A), tagged(10)], 1, 1, 0),  # priority bits are not part of the VLAN
    ],
)
def test_vlans_separate_connections_only_by_option(
    frames: list[bytes], together: int, apart: int, several: int, tmp_path: Path
) -> None:
    count, quality = flows_of(frames, tmp_path)
    assert (count, quality.get("flows_in_several_vlans", 0)) == (together, several)
    count, quality = flows_of(frames, tmp_path, flow_key=["vlan"])
    assert (count, quality.get("flows_in_several_vlans", 0)) == (apart, 0)


@pytest.mark.parametrize(
    ("flow_key", "flows"), [([], 1), (["interface"], 2), (["vlan"], 2), (["vlan", "interface"], 4)]
)
def test_each_part_of_the_key_separates(flow_key: list[str], flows: int) -> None:
    tracker = Tracker(new_pools(), flow_key=flow_key)
    headers = [Header(protocol=17, vlan=vlan, interface=interface) for vlan in (1, 2) for interface in (0, 1)]
    tracker.update(*batch(headers))
    assert tracker.count == flows
    tracker.finish()
    rows = tracker.ended()
    assert rows is not None
    assert set(rows["tunnel_key"].to_pylist()) == {None}


def test_unknown_part_is_an_error_that_lists_the_possible_ones() -> None:
    with pytest.raises(QueryError, match="'mac' cannot be part of the flow key; possible are vlan and interface"):
        netlake.decode("any.pcap", flow_key=["vlan", "mac"])


def test_order_of_parts_does_not_matter() -> None:
    assert options(None, (), flow_key=["interface", "vlan"]) == options(None, (), flow_key=("vlan", "interface"))
    assert options(None, (), flow_key="vlan").flow_key == ("vlan",)


def test_flow_key_is_recorded_with_the_capture(tmp_path: Path, captures: Path) -> None:
    netlake.capture(captures / "classic.pcap", tmp_path / "lake", flow_key=["vlan"], jobs=1)
    (stored,) = Catalog(tmp_path / "lake").captures()
    assert stored.facts.report["options"]["flow_key"] == ["vlan"]
