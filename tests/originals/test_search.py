"""`netlake search` finds what Python's `re` finds in the whole streams, however they are cut into segments."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlake
from netlake.cli import main
from netlake.originals.payloads import NONE, Payloads, Piece
from netlake.originals.searched import LONGEST, Search, compiled
from tests.layers import build as layers
from tests.originals.test_follow import segment
from tests.sources import capture_writer as writer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return command


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A word that crosses two segments of TCP, in UDP, and in a frame without IP; the segments are out of order."""
    frames = [
        layers.ethernet(b"a secret frame", kind=0x88B5),
        layers.ethernet(layers.ipv4(layers.udp(b"one secret, two Secret\xff\x00"), 17)),
        segment(1, b"tell no "), segment(12, b"ret to anyone"), segment(9, b"sec"), segment(25, b"", flags=0x11),
    ]  # fmt: skip
    path = tmp_path / "made.pcap"
    path.write_bytes(writer.pcap([writer.Packet(frame, number * 1000) for number, frame in enumerate(frames)]))
    netlake.capture([path], tmp_path / "lake", jobs=1)
    return tmp_path / "lake"


def found(run: Run, lake: Path, *arguments: object) -> list[tuple[int, str, int, int]]:
    code, out, err = run("search", *arguments, "--lake", lake, "--format", "jsonl")
    assert (code, err) == (0, "")
    rows = map(json.loads, out.splitlines())
    return [(row["packet"], row["source"], row["offset"], row["length"]) for row in rows]


def test_matches_have_packet_and_offset(run: Run, lake: Path) -> None:
    expected = [(1, "frame", 16, 6), (2, "datagram", 4, 6), (5, "stream", 8, 6)]
    assert found(run, lake, "secret") == expected
    assert found(run, lake, "SECRET", "--ignore-case") == [*expected[:2], (2, "datagram", 16, 6), expected[2]]
    assert found(run, lake, "--hex", "ff:00") == [(2, "datagram", 22, 2)]
    assert found(run, lake, "^tell.*anyone$") == [(3, "stream", 0, 24)]
    assert found(run, lake, "^no|^ret|nobody|x*") == []


def test_flow_and_direction_are_those_of_the_lake(run: Run, captures: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    netlake.capture([captures / "demo.pcapng"], lake, jobs=1)
    code, out, _ = run("search", "HTTP/1.1", "--lake", lake, "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    sql = "SELECT unnest([packet, last_packet]), flow, from_originator FROM tcp"
    packets = netlake.Lake(lake).sql(sql).rows()
    known = {packet: (flow, "originator" if mine else "responder") for packet, flow, mine in packets}
    assert code == 0
    assert len(rows) > 20
    assert all(known[row["packet"]] == (row["flow"], row["direction"]) for row in rows if row["source"] == "stream")
    flow = rows[0]["flow"]
    code, out, _ = run("search", "HTTP/1.1", "--lake", lake, "--flow", flow, "--format", "jsonl")
    assert [json.loads(line) for line in out.splitlines()] == [row for row in rows if row["flow"] == flow]


def test_packets_are_those_of_tshark(run: Run, captures: Path, tmp_path: Path) -> None:
    """A match in one frame is in a packet whose bytes contain it."""
    lake = tmp_path / "lake"
    netlake.capture([captures / "demo.pcapng"], lake, jobs=1)
    command = ["tshark", "-r", str(captures / "demo.pcapng"), "-Y", 'udp contains "server" && !icmp && !icmpv6',
               "-T", "fields", "-e", "frame.number"]  # fmt: skip
    theirs = {int(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()}
    ours = {packet for packet, source, *_ in found(run, lake, "server") if source == "datagram"}
    assert len(ours) > 0
    assert ours == theirs


def test_excerpt_is_safe_for_a_terminal(run: Run, lake: Path) -> None:
    _, out, _ = run("search", "two", "--lake", lake)
    assert out.splitlines()[2].endswith("one secret, two Secret\\xff\\x00")


def test_limit(run: Run, lake: Path) -> None:
    code, out, err = run("search", "secret", "--lake", lake, "--format", "csv", "--limit", 2)
    assert (code, len(out.splitlines())) == (0, 3)
    assert err == "netlake: showing the first 2 matches; --limit 0 for all.\n"
    assert run("search", "secret", "--lake", lake, "--format", "csv", "--limit", 3)[2] == ""


def test_mistakes_are_one_sentence(run: Run, lake: Path, tmp_path: Path) -> None:
    for arguments, sentence in (
        (("(x",), "REGEX: '(x' is no regular expression of RE2"),
        ((), "Give either a REGEX or --hex"),
        (("x", "--hex", "00"), "Give either a REGEX or --hex"),
        (("",), "REGEX is empty"),
    ):
        code, out, err = run("search", *arguments, "--lake", lake)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert sentence in err
    (tmp_path / "made.pcap").unlink()
    code, out, err = run("search", "x", "--lake", lake, "--format", "csv")
    assert (code, "made.pcap is gone" in err) == (1, True)


@settings(max_examples=200)
@given(
    st.binary(max_size=300).map(lambda data: bytes(b"abc\n"[one % 4] for one in data)),
    st.lists(st.integers(1, 40), max_size=40),
    st.sampled_from(["ab", "a+", "a[^c]*c", "(?s)a.{3}", "^a", "c$", "b\\b", "a|ab|abc"]),
    st.integers(0, 2**32),
)
def test_matches_do_not_depend_on_segments(data: bytes, cuts: list[int], pattern: str, seed: int) -> None:
    parts, at = [], 0
    for size in [*cuts, len(data)]:
        if at < len(data):
            parts.append(Piece(1, True, len(parts) + 1, at, memoryview(data[at : at + size])))
            at += size
    search, drawn, matches = Search(compiled(pattern.encode()), Payloads()), random.Random(seed), []  # noqa: S311 - not a secret
    while parts:
        count = drawn.randint(1, len(parts))
        matches += search._pieces(parts[:count])
        parts = parts[count:]
    matches += search._pieces([Piece(1, True, 0, len(data), NONE, is_end=True)])
    expected = [
        one.span() for one in re.finditer(pattern.replace("$", "\\Z").encode(), data) if one.end() > one.start()
    ]
    assert [(one.offset, one.offset + one.length) for one in matches] == expected


def test_matches_behind_many_bytes() -> None:
    """Only the last bytes of a stream are kept; a match that crosses the cut has its offset in the stream."""
    search, matches, offset = Search(compiled(b"needle"), Payloads()), [], 0
    for number in range(50):
        data = b"x" * (LONGEST - 3) + (b"nee" if number % 2 == 0 else b"dle")
        data = data if number % 2 == 0 else data[-3:] + data[:-3]
        matches += search._pieces([Piece(1, True, number + 1, offset, memoryview(data))])
        offset += len(data)
    assert [one.packet for one in matches] == list(range(1, 50, 2))
    assert [one.offset for one in matches] == [LONGEST - 3 + 2 * LONGEST * place for place in range(25)]
    assert search._streams[1, True].kept.__sizeof__() < 2 * LONGEST
    assert len(search._streams[1, True].marks) < 5


def test_a_gap_is_not_crossed() -> None:
    search = Search(compiled(b"needle"), Payloads())
    pieces = [
        Piece(1, True, 1, 0, memoryview(b"nee")),
        Piece(1, True, 2, 3, NONE, 5),
        Piece(1, True, 3, 8, memoryview(b"dle needle")),
    ]
    assert [(one.packet, one.offset) for one in search.pieces(pieces)] == [(3, 12)]
