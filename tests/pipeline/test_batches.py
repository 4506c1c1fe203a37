"""Rows do not depend on where batches end: evidence of several datagrams is gathered across them."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pyarrow as pa
import pytest

import netlake
from netlake.layers import evidence
from netlake.pipeline import held, run
from tests.layers.build import A4, B4, ethernet, ipv4, udp

SIZES = (1, 7, 100)
TABLES = ("rtp", "utp", "gquic", "quic", "stun")
Packet = tuple[bytes, int, int]
# a client on the first port; a packet whose source is the second one is an answer
IDENTIFIER = bytes.fromhex("0102030405060708")
INITIAL = bytes.fromhex("c00000000108") + IDENTIFIER + bytes.fromhex("000044d0") + bytes(1232)
SHORT = b"\x4a" + bytes(range(40))
BINDING = bytes.fromhex("000900002112a442") + bytes(12)
CHANNEL = bytes.fromhex("40000005") + b"hello"


def rtp(sequence: int, ssrc: int = 7) -> bytes:
    return struct.pack(">BBHII", 0x80, 0, sequence & 0xFFFF, 160 * sequence & 0xFFFFFFFF, ssrc) + bytes(160)


def utp(kind: int, connection: int, clock: int, sequence: int = 1, acknowledged: int = 0) -> bytes:
    head = struct.pack(">BBHIIIHH", kind << 4 | 1, 0, connection, clock, 0, 65536, sequence, acknowledged)
    return head + (b"data" if kind == 0 else b"")


def gquic(version: bytes = b"") -> bytes:
    return (b"\x09" if version else b"\x08") + IDENTIFIER + version + b"\1" + bytes(40)


def written(folder: Path, packets: list[Packet]) -> Path:
    path = folder / "batches.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, (payload, source, destination) in enumerate(packets):
            ends = (A4, B4) if source >= destination else (B4, A4)
            datagram = udp(payload, source, destination)
            frame = ethernet(ipv4(datagram, 17, source=ends[0], destination=ends[1]))
            file.write(struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame)
    return path


def decoded(path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, pa.Table]:
    """All rows; those of `address` in order of the address: they are in that of the tables of a batch."""
    monkeypatch.setattr(run, "BATCH", size)
    found = netlake.decode(path)
    return {name: rows.sort_by("address") if name == "address" else rows for name, rows in found.items()}


NOISE: Packet = (b"\0" * 9, 40009, 40000)
CASES: dict[str, tuple[list[Packet], dict[str, list[int]]]] = {
    "RTP": ([(rtp(n), 41000, 40000) for n in range(4)], {"rtp": [1, 2, 3, 4]}),
    "RTP between others": (
        [(rtp(1), 41000, 40000), NOISE, (rtp(2), 41000, 40000), *[NOISE] * 10, (rtp(3), 41000, 40000)],
        {"rtp": [1, 3, 14]},
    ),
    "RTP of two sources, of which the later one is confirmed first": (
        [(rtp(n, ssrc), 41000, 40000) for n, ssrc in ((1, 5), (1, 6), (2, 6), (3, 6), (2, 5), (4, 6), (3, 5))],
        {"rtp": [1, 2, 3, 4, 5, 6, 7]},
    ),
    "RTP on the port of STUN": ([(rtp(n), 41000, 3478) for n in range(3)], {"rtp": [1, 2, 3]}),
    "two packets of RTP": ([(rtp(n), 41000, 40000) for n in range(2)], {}),
    "uTP": (
        [(utp(4, 7, 50), 41000, 40000), NOISE, (utp(2, 7, 90), 40000, 41000), (utp(0, 8, 95, 2), 41000, 40000)],
        {"utp": [1, 3, 4]},
    ),
    "uTP of one direction": ([(utp(0, 8, 50 + n, n + 1), 41000, 40000) for n in range(3)], {"utp": [1, 2, 3]}),
    "Google QUIC": (
        [(gquic(b"Q043"), 41000, 443), NOISE, (gquic(), 41000, 443), (b"\0\1" + bytes(40), 443, 41000)],
        {"gquic": [1, 3, 4]},
    ),
    "channel data of TURN behind a message": (
        [
            (CHANNEL, 41000, 40000),
            (BINDING, 41000, 40000),
            NOISE,
            (CHANNEL, 40000, 41000),
            (CHANNEL[:-1], 41000, 40000),
        ],
        {"stun": [2, 4]},
    ),
    "QUIC on another port": ([(INITIAL, 41000, 4433), NOISE, (SHORT, 4433, 41000)], {"quic": [1]}),
}


@pytest.mark.parametrize(("packets", "rows"), CASES.values(), ids=CASES)
def test_rows_of_content_do_not_depend_on_batches(
    packets: list[Packet], rows: dict[str, list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, packets)
    whole = decoded(path, 1 << 14, monkeypatch)
    assert {name: whole[name]["packet"].to_pylist() for name in TABLES if name in whole} == rows
    stacks, stops = whole["packet"]["stack"].to_pylist(), whole["packet"]["stop_reason"].to_pylist()
    for name, numbers in rows.items():
        assert {stacks[number - 1] for number in numbers} == {f"ethernet:ipv4:udp:{name}"}
        assert {stops[number - 1] for number in numbers} == {None}
    for size in SIZES:
        other = decoded(path, size, monkeypatch)
        assert other.keys() == whole.keys()
        assert [name for name in whole if not other[name].equals(whole[name])] == []


def test_short_header_on_another_port_is_on_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packets = [(SHORT, 4433, 41000), (INITIAL, 41000, 4433), (SHORT, 4433, 41000), (SHORT, 4433, 41001)]
    found = decoded(written(tmp_path, packets), 1, monkeypatch)
    names = [stack.removeprefix("ethernet:ipv4:udp") for stack in found["packet"]["stack"].to_pylist()]
    assert names == ["", ":quic", ":quic", ""]


@pytest.mark.parametrize("seed", range(6))
def test_limits_of_evidence_do_not_depend_on_batches(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streams that pause for longer than candidates wait, and than flows are remembered."""
    monkeypatch.setattr(evidence, "HOLD", 20)
    monkeypatch.setattr(held, "HOLD", 20)
    monkeypatch.setattr(evidence, "MEMORY", 60)
    monkeypatch.setattr(evidence, "MANY", 4)
    chance = random.Random(seed)  # noqa: S311 - a repeatable choice
    step = [0] * 40
    packets: list[Packet] = []
    for _ in range(900):
        which = int(min(chance.expovariate(0.12), 39))
        step[which] += chance.choice([1, 1, 1, 1, 200])
        kinds: list[Packet] = [
            (rtp(step[which], which), 41000, 40000),
            (utp(0, 10 + which, 50 + step[which], step[which] & 0xFFFF), 41000, 40001),
            (utp(2, 9 + which, 50 + step[which], step[which] & 0xFFFF), 40001, 41000),
            (SHORT, 4433, 41000 + which),
            (INITIAL, 41000 + which, 4433),
            NOISE,
        ]
        packets.append(chance.choices(kinds, (6, 3, 1, 2, 1, 2))[0])
    path = written(tmp_path, packets)
    whole = decoded(path, 1 << 14, monkeypatch)
    assert {"rtp", "utp", "quic"} <= whole.keys()
    assert whole["rtp"].num_rows < sum(payload[0] == 0x80 for payload, *_ in packets), "some waited too long"
    for size in SIZES:
        other = decoded(path, size, monkeypatch)
        assert [name for name in whole if not other[name].equals(whole[name])] == []
