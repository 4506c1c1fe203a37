"""Captures of the benchmark, repeated and generated, and its measurements."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tests.bench import frames as pcap
from tests.bench import hosts, measure, realistic, repeat, shape

SUBNETS = (b"\x0a\x01\x02", b"\xac\x10\x03")


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Two small sites."""
    paths = []
    for number, subnet in enumerate(SUBNETS):
        site = hosts.Site(random.Random(number))  # noqa: S311 - not for secrets
        client, server, router = (hosts.host(last, subnet) for last in (20, 30, 1))
        realistic.download(site, client, server, 443, 40)
        realistic.dns(site, client, server)
        realistic.resolution(site, client, realistic.LLMNR, 5355)
        realistic.neighbors(site, client, router)
        site.arp(1.0, client, router)
        paths.append(tmp_path / f"{number}.pcap")
        site.write(paths[-1])
    return paths


def right_checksums(path: Path) -> tuple[int, int]:
    """Numbers of IPv4 headers and of TCP or UDP messages in a file, whose checksums are all found to be right."""
    frames = pcap.read(path)
    found = pcap.headers(frames)
    four = messages = 0
    for number in range(len(frames)):
        frame = frames.data[frames.start[number] :][: frames.size[number]].tobytes()
        ip, l4 = (int(at[number] - frames.start[number]) for at in (found.network, found.transport))
        if found.ethertype[number] == pcap.IPV4:
            assert hosts.checksum(frame[ip : ip + 20]) == 0
            four += 1
        if found.transport[number] >= 0:
            six = found.ethertype[number] == pcap.IPV6
            end = ip + (40 + int.from_bytes(frame[ip + 4 : ip + 6]) if six else int.from_bytes(frame[ip + 2 : ip + 4]))
            addresses = frame[ip + 8 : ip + 40] if six else frame[ip + 12 : ip + 20]
            pseudo = addresses + bytes([0, int(found.protocol[number])]) + (end - l4).to_bytes(2)
            assert hosts.checksum(pseudo + frame[l4:end]) == 0
            messages += 1
    return four, messages


def test_repeated_capture_has_new_flows_and_right_checksums_in_each_repetition(
    tmp_path: Path, sources: list[Path]
) -> None:
    once, often = tmp_path / "once.pcap", tmp_path / "often.pcap"
    length = sum(len(pcap.read(path)) for path in sources)
    repeat.repeat(sources, once, length)
    repeat.repeat(sources, often, 3 * length + 5)
    frames = pcap.read(often)
    assert len(frames) == 3 * length + 5
    assert (np.diff(frames.time) >= 0).all()
    four, messages = right_checksums(often)
    assert four > 3 * 60
    assert messages > 3 * 60
    one, _ = shape.flows(pcap.read(once), pcap.headers(pcap.read(once)))
    number, chosen = shape.flows(frames, pcap.headers(frames))
    repetition = chosen // length
    assert len(np.unique(number[repetition < 3])) == 3 * len(np.unique(one))


def test_first_repetition_of_one_capture_has_the_same_frames(tmp_path: Path, sources: list[Path]) -> None:
    out = tmp_path / "out.pcap"
    original = pcap.read(sources[0])
    repeat.repeat(sources[:1], out, len(original))
    written = pcap.read(out)
    assert (np.diff(written.time) == np.diff(original.time)).all()
    expected = [original.data[at:][:size].tobytes() for at, size in zip(original.start, original.size, strict=True)]
    assert [
        written.data[at:][:size].tobytes() for at, size in zip(written.start, written.size, strict=True)
    ] == expected


@pytest.mark.parametrize(
    ("kind", "size", "tcp", "with_payload"), [("office", 904, 0.920, 0.651), ("plant", 74, 0.977, 0.613)]
)
def test_generated_capture_has_the_shape_of_measured_ones(
    tmp_path: Path, kind: str, size: float, tcp: float, with_payload: float
) -> None:
    path = tmp_path / "capture.pcap"
    realistic.write(kind, path, 1)
    frames = pcap.read(path)
    found = pcap.headers(frames)
    segments = found.protocol == pcap.TCP
    assert frames.size.mean() == pytest.approx(size, rel=0.05)
    assert segments.mean() == pytest.approx(tcp, rel=0.05)
    assert (found.payload[segments] > 0).mean() == pytest.approx(with_payload, rel=0.05)


def test_interval_contains_the_median_and_narrows_with_agreement() -> None:
    wide, narrow = measure.interval([0.8, 0.9, 1.0, 1.1, 1.2]), measure.interval([0.99, 1.0, 1.0, 1.0, 1.01])
    assert wide[0] <= 1.0 <= wide[1]
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_run_measures_the_cost_of_the_child_and_what_it_wrote(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("from a run before, and longer")
    cost = measure.run(measure.Command(("sh", "-c", "head -c 10 /dev/zero"), out, to_stdout=True))
    assert cost.written == 10
    assert cost.peak > 0
    assert cost.wall > 0
