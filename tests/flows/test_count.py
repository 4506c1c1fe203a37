"""A sample of the captures beside the project: `connection` has what dpkt counts. `make connections` compares all."""

from __future__ import annotations

from pathlib import Path

import dpkt
import pytest

from tests.flows.count import capture_files, compared
from tests.layers import build as b


@pytest.mark.parametrize("part", range(4))
def test_connections_are_as_counted(part: int, shared_captures: Path) -> None:
    sample = list(capture_files(shared_captures, 0.3))[7 * part :: 97]
    outcomes = [compared(path) for path in sample]
    assert [line for _, lines in outcomes for line in lines] == []
    assert sum(found["equal"] for found, _ in outcomes) > 0


def test_capture_of_the_project_is_as_counted(captures: Path) -> None:
    outcomes, lines = compared(captures / "demo.pcapng")
    assert lines == []
    assert outcomes["equal"] > 0, outcomes


def test_other_headers_exclude_only_the_connections_in_whose_packets_they_are(tmp_path: Path) -> None:
    """Between the same two addresses: TCP, DNS, and TCP with one of its packets in MPLS."""
    one, other = b.ipv4(b.tcp(b"x", 1000, 80), 6), b.ipv4(b.tcp(b"x", 2000, 80), 6)
    frames = [
        b.ethernet(one), b.ethernet(b.ipv4(b.udp(b"x", 1, 53), 17)), b.ethernet(other),
        b.ethernet(b.mpls(other), 0x8847), b.ethernet(one),
    ]  # fmt: skip
    path = tmp_path / "mixed.pcap"
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for second, frame in enumerate(frames):
            writer.writepkt(frame, ts=second)
    outcomes, lines = compared(path)
    assert lines == []
    assert outcomes["equal"] == 1
    assert sum(outcomes.values()) - outcomes["equal"] >= 1
    assert all(word.startswith("not compared: ") for word in outcomes if word != "equal")


@pytest.mark.parametrize("link_type", [0, 101, 108])
def test_connections_without_ethernet_are_compared(link_type: int, tmp_path: Path) -> None:
    packet = {0: b"\2\0\0\0", 101: b"", 108: b"\0\0\0\2"}[link_type] + b.ipv4(b.tcp(b"x"), 6)
    path = tmp_path / "raw.pcap"
    with path.open("wb") as file:
        dpkt.pcap.Writer(file, linktype=link_type).writepkt(packet, ts=1)
    assert compared(path) == ({"equal": 1}, [])
