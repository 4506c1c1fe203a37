"""MAC addresses of `connection`, through the whole pipeline: which link header is that of an IP header."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import netlake
from tests.layers import build as b

OUTER, INNER = "02:00:00:00:00:02", "02:00:00:00:00:09"
INNER_FRAME = bytes.fromhex("020000000008 020000000009 0800") + b.ipv4(b.udp(b"x", 1, 2), 17)
PACKET = b.ipv4(b.udp(b"x", 1, 2), 17)
ETHERNET, RAW = 1, 101
CASES = {
    "Ethernet": (b.ethernet(PACKET), ETHERNET, [OUTER]),
    "Ethernet with a VLAN tag": (b.ethernet(b.vlan(PACKET), 0x8100), ETHERNET, [OUTER]),
    "IPv6": (b.ethernet(b.ipv6(b.udp(b"x"), 17), 0x86DD), ETHERNET, [OUTER]),
    "a fragment": (b.ethernet(b.ipv4(bytes(8), 17, more=True)), ETHERNET, [OUTER]),
    "no Ethernet header": (PACKET, RAW, [None]),
    "IP in GRE": (b.ethernet(b.ipv4(b.gre(PACKET), 47)), ETHERNET, [OUTER, None]),
    "Ethernet in GRE": (b.ethernet(b.ipv4(b.gre(INNER_FRAME, 0x6558), 47)), ETHERNET, [OUTER, INNER]),
    "Ethernet in MPLS": (b.ethernet(b.mpls(INNER_FRAME), 0x8847), ETHERNET, [INNER]),
}


def capture(path: Path, frames: list[bytes], link_type: int) -> Path:
    """A classic capture of some frames."""
    records = [
        struct.pack("<IIII", 1_700_000_000, row, len(frame), len(frame)) + frame for row, frame in enumerate(frames)
    ]
    path.write_bytes(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type) + b"".join(records))
    return path


@pytest.mark.parametrize("name", CASES)
def test_mac_is_that_of_the_link_header_around_ip(name: str, tmp_path: Path) -> None:
    frame, link_type, expected = CASES[name]
    tables = netlake.decode(capture(tmp_path / "one.pcap", [frame], link_type))
    rows = sorted(tables["connection"].to_pylist(), key=lambda row: row["flow"])
    assert [row["orig_mac"] for row in rows] == expected
    assert [row["resp_mac"] for row in rows] == [None] * len(rows)


def test_mac_of_one_packet_is_not_that_of_the_next(tmp_path: Path) -> None:
    frames = [b.ethernet(b.ipv4(b.udp(b"x"), 17)), b.ethernet(b.ipv4(b.gre(PACKET), 47)), b.ethernet(PACKET)]
    rows = netlake.decode(capture(tmp_path / "some.pcap", frames, ETHERNET))["connection"].to_pylist()
    assert {row["flow"]: row["orig_mac"] for row in rows} == {1: OUTER, 2: OUTER, 3: None, 4: OUTER}
