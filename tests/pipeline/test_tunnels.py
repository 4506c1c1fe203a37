"""Streams that change their protocol: what is spoken behind CONNECT and Upgrade."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

import netlake
from tests.layers.build import ethernet, ipv4

CONNECT, YES = b"CONNECT a.example:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"
GET, ANSWER = b"GET /inner HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx"
NOISE = b"\x01\x02\x03\x04 noise"


def decoded(path: Path, turns: list[tuple[int, bytes]]) -> dict[str, list[dict[str, Any]]]:
    """The tables of a capture in which two hosts say `turns`, each (side, bytes) in one segment."""
    records, sent = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 16, 1)], [1000, 5000]
    for number, (side, data) in enumerate(turns):
        ports = (40000, 3128) if side == 0 else (3128, 40000)
        header = struct.pack(">HHIIBBHHH", *ports, sent[side], sent[1 - side], 0x50, 0x18, 8192, 0, 0)
        sent[side] += len(data)
        packet = ipv4(header + data, 6)
        if side:
            packet = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        frame = ethernet(packet)
        records.append(struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame)
    path.write_bytes(b"".join(records))
    return {name: table.to_pylist() for name, table in netlake.decode(str(path)).items()}


@pytest.mark.parametrize("joined", [False, True])
def test_http_in_a_tunnel_of_http(tmp_path: Path, *, joined: bool) -> None:
    """Exchanges are counted on; also where both protocols are in one segment."""
    turns = [(0, CONNECT), (1, YES), (0, GET), (1, ANSWER), (0, GET)]
    if joined:
        turns = [(0, CONNECT), (1, YES), (0, GET + GET), (1, ANSWER)]
    found = decoded(tmp_path / "a.pcap", turns)
    requests = [(row["exchange"], row["method"], row["uri"]) for row in found["http_request"]]
    assert requests == [(0, "CONNECT", "a.example:1"), (1, "GET", "/inner"), (2, "GET", "/inner")]
    assert [(row["exchange"], row["status"]) for row in found["http_response"]] == [(0, 200), (1, 404)]
    (connection,) = found["connection"]
    assert connection["service"] == ["http"]
    assert (connection["orig_undecoded_bytes"], connection["resp_undecoded_bytes"]) == (0, 0)


def test_what_no_protocol_reads_behind_a_tunnel_is_counted(tmp_path: Path) -> None:
    """The server speaks first, in the segment of its answer."""
    found = decoded(tmp_path / "a.pcap", [(0, CONNECT), (1, YES + NOISE), (0, NOISE), (1, NOISE)])
    (connection,) = found["connection"]
    assert connection["service"] == ["http"]
    assert (connection["orig_undecoded_bytes"], connection["resp_undecoded_bytes"]) == (len(NOISE), 2 * len(NOISE))


def test_tunnels_in_tunnels_are_bounded(tmp_path: Path) -> None:
    """More changes than a batch allows: the rest is not decoded, and nothing is read twice."""
    turns = [(side, data) for _ in range(8) for side, data in ((0, CONNECT), (1, YES))]
    found = decoded(tmp_path / "a.pcap", turns)
    assert 1 <= len(found["http_request"]) <= 8
    assert [row["exchange"] for row in found["http_request"]] == list(range(len(found["http_request"])))
