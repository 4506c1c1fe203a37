"""Protocols that share a port: payloads that the port's table rejects are offered to the probes of other tables."""

from __future__ import annotations

import struct
from pathlib import Path

import pyarrow as pa
import pytest

import netlake
from tests.layers.build import ethernet, ipv4, udp

COOKIE = bytes.fromhex("2112a442")
BINDING = bytes.fromhex("00010000") + COOKIE + bytes(12)


def stream(count: int, ssrc: int = 7) -> list[bytes]:
    """RTP packets of one call."""
    return [struct.pack(">BBHII", 0x80, 0, 100 + n, 160 * n, ssrc) + bytes(160) for n in range(count)]


def decoded(folder: Path, payloads: list[bytes], port: int) -> dict[str, pa.Table]:
    path = folder / "shared.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, payload in enumerate(payloads):
            frame = ethernet(ipv4(udp(payload, 40000, port), 17))
            file.write(struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame)
    return netlake.decode(path)


def test_rtp_on_the_port_of_stun_is_found_beside_stun(tmp_path: Path) -> None:
    found = decoded(tmp_path, [BINDING, *stream(5), BINDING], 3478)
    assert found["stun"]["packet"].to_pylist() == [1, 7]
    assert found["rtp"]["packet"].to_pylist() == [2, 3, 4, 5, 6]
    assert found["rtp"]["place"].to_pylist() == [0] * 5
    stacks = found["packet"]["stack"].to_pylist()
    assert stacks == ["ethernet:ipv4:udp:stun"] + ["ethernet:ipv4:udp:rtp"] * 5 + ["ethernet:ipv4:udp:stun"]
    assert found["packet"]["stop_reason"].null_count == 7


def test_table_of_the_port_has_no_rows_if_all_payloads_are_claimed(tmp_path: Path) -> None:
    found = decoded(tmp_path, stream(5), 3478)
    assert found["rtp"].num_rows == 5
    assert "stun" not in found


@pytest.mark.parametrize("payload", [bytes([0x90]) + bytes(30), b"\xff" * 20, bytes([0x16]) + bytes(3)])
def test_payload_that_neither_the_ports_table_nor_a_probe_takes_is_undecoded(payload: bytes, tmp_path: Path) -> None:
    found = decoded(tmp_path, [payload], 3478)
    assert "stun" not in found
    (packet,) = found["packet"].to_pylist()
    assert packet["stack"] == "ethernet:ipv4:udp"
    assert (packet["stop_reason"], packet["stop_value"], packet["stop_offset"]) == ("unknown_port", 3478, 42)
