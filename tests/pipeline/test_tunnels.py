"""Streams that change their protocol: what is spoken behind CONNECT and Upgrade."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake.pipeline.handed import MOST_CHANGES
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


@pytest.mark.parametrize(("tunnels", "read"), [(7, 8), (MOST_CHANGES, MOST_CHANGES // 2)])
def test_tunnels_in_tunnels(tmp_path: Path, tunnels: int, read: int) -> None:
    """All in one batch; behind the last change that is allowed nothing is decoded, and nothing is read twice."""
    turns = [*((side, data) for _ in range(tunnels) for side, data in ((0, CONNECT), (1, YES))), (0, GET), (1, ANSWER)]
    found = decoded(tmp_path / "a.pcap", turns)
    assert [row["exchange"] for row in found["http_request"]] == list(range(read))
    (connection,) = found["connection"]
    left = turns[2 * read :]
    assert [connection[f"{name}_undecoded_bytes"] for name in ("orig", "resp")] == [
        sum(len(data) for one, data in left if one == side) for side in range(2)
    ]


ASK = b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nupgrade: %s\r\n\r\n"
# an unmasked and a masked text of RFC 6455 section 5.7
PLAIN, MASKED = bytes.fromhex("810548656c6c6f"), bytes.fromhex("818537fa213d7f9f4d5158")


@pytest.mark.parametrize("joined", [False, True])
def test_websocket_behind_an_upgrade(tmp_path: Path, *, joined: bool) -> None:
    """Frames begin in the segment of the answer, or behind it; the client's may come first."""
    turns = [(0, ASK % b"websocket"), (1, SWITCH % b"WebSocket"), (0, MASKED), (1, PLAIN)]
    if joined:
        turns = [(0, ASK % b"websocket"), (1, SWITCH % b"WebSocket" + PLAIN), (0, MASKED)]
    found = decoded(tmp_path / "a.pcap", turns)
    texts = [(row["from_originator"], row["text"]) for row in found["websocket"]]
    assert sorted(texts) == [(False, "Hello"), (True, "Hello")]
    (connection,) = found["connection"]
    assert connection["service"] == ["http", "websocket"]
    assert (connection["orig_undecoded_bytes"], connection["resp_undecoded_bytes"]) == (0, 0)


@pytest.mark.parametrize(("announced", "data"), [(b"chat/2", PLAIN), (b"websocket", b"\x7fnoise")])
def test_what_is_not_announced_or_no_frame_is_no_websocket(tmp_path: Path, announced: bytes, data: bytes) -> None:
    found = decoded(tmp_path / "a.pcap", [(0, ASK % announced), (1, SWITCH % announced), (1, data)])
    assert "websocket" not in found
    assert found["connection"][0]["resp_undecoded_bytes"] == len(data)


def test_frames_without_an_upgrade_are_no_websocket(tmp_path: Path) -> None:
    assert "websocket" not in decoded(tmp_path / "a.pcap", [(0, MASKED), (1, PLAIN)])


def test_http2_behind_an_upgrade(tmp_path: Path) -> None:
    """The answer to the request of HTTP/1 is on stream 1; `88` is the field `:status: 200`."""
    settings = bytes(3) + b"\x04" + bytes(5)
    answer = bytes.fromhex("000001 01 05 00000001 88")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    turns = [(0, ASK % b"h2c"), (1, SWITCH % b"h2c" + settings), (0, preface + settings), (1, answer)]
    found = decoded(tmp_path / "a.pcap", turns)
    assert [(row["stream_id"], row["method"], row["status"]) for row in found["http2_stream"]] == [(1, None, 200)]
    assert found["connection"][0]["service"] == ["http", "http2"]
    assert [row["uri"] for row in found["http_request"]] == ["/ws"]
