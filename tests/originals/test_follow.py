"""`netlake follow` writes what tshark's `follow` shows: equal bytes in equal order, and it is safe for a terminal."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

import netlake
from netlake.cli import main
from netlake.originals.payloads import Piece
from netlake.query import carve, follow
from netlake.query.connection import Connection
from netlake.query.output.content import Digits, Text
from tests.layers import build as layers
from tests.sources import capture_writer as writer
from tests.streams.follow import LOST, PREFERENCES

Turns = list[tuple[bool, bytes]]
Run = Callable[..., tuple[int, str, str]]
SHARED = (
    "ndpi/default__pcap__imap.pcap", "ndpi/default__pcap__telnet.pcap", "tcpdump/dns_tcp.pcap", "tcpdump/dns_udp.pcap",
    "tcpdump/ipv4_tcp_http_xml.pcap", "tcpdump/tftp.pcap", "suricata-verify/ftp__ftp-upload-active__input.pcap",
)  # fmt: skip

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def tshark(path: Path, *arguments: str) -> str:
    preferences = (word for one in PREFERENCES for word in ("-o", one))
    command = ["tshark", "-n", *preferences, "-r", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, errors="replace").stdout


def turns(parts: list[tuple[bool, bytes]]) -> Turns:
    """What each side sent until the other one did."""
    return [(side, b"".join(data for _, data in part)) for side, part in groupby(parts, key=lambda one: one[0])]


def theirs(path: Path, protocol: str, count: int) -> dict[int, tuple[str, Turns]]:
    """By number, address and port of the first node of tshark's streams, and the turns; it sent those with True."""
    found = {}
    arguments = [word for one in range(count) for word in ("-z", f"follow,{protocol},raw,{one}")]
    for text in tshark(path, "-q", *arguments).split(f"Follow: {protocol},raw")[1:]:
        lines = text.splitlines()
        number = next(int(line.split()[-1]) for line in lines if line.startswith("Filter: "))
        node = next(line.split()[-1] for line in lines if line.startswith("Node 0: "))
        parts = [
            (not line.startswith("\t"), bytes.fromhex(line.strip()))
            for line in lines
            if line.strip() and set(line.strip()) <= set("0123456789abcdef")
        ]
        found[number] = node, turns(parts)
    return found


def ours(lake: Path, flow: int) -> tuple[Turns, int]:
    """(turns of a flow, missing bytes); the originator sent those with True."""
    snapshot, connection = carve.opened(lake, None, ()), Connection()
    found = follow.found(snapshot, connection, flow)
    pieces = [
        (piece.from_originator, bytes(piece.data), piece.missing)
        for piece in follow.pieces(found, snapshot, connection, carve.Originals())
    ]
    return turns([(side, data) for side, data, missing in pieces if not missing]), sum(one[2] for one in pieces)


@needs_tshark
@pytest.mark.parametrize("name", ["demo.pcapng", "tunnel.pcap", *SHARED])
def test_content_is_that_of_tshark(name: str, captures: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue("shared_captures") / name if "/" in name else captures / name
    lake = tmp_path / "lake"
    netlake.capture([path], lake, jobs=1)
    equal = 0
    for protocol, number in (("tcp", 6), ("udp", 17)):
        streams: dict[int, int] = {}
        for line in tshark(path, "-T", "fields", "-e", "frame.number", "-e", f"{protocol}.stream").splitlines():
            packet, _, text = line.partition("\t")
            if text and "," not in text:
                streams.setdefault(int(packet), int(text))
        shown = theirs(path, protocol, min(120, max(streams.values(), default=-1) + 1))
        sql = f"""SELECT c.flow, min(p.packet), any_value(orig_ip), any_value(orig_port)
                  FROM connection c JOIN packet p USING (flow) WHERE protocol = {number} GROUP BY c.flow"""
        flows = [row for row in netlake.Lake(lake).sql(sql).rows() if streams.get(row[1]) in shown]
        for flow, packet, address, port in flows[:25]:
            node, wanted = shown[streams[packet]]
            mine, missing = ours(lake, flow)
            if missing or any(LOST in data for _, data in wanted):
                continue
            if node not in (f"{address}:{port}", f"[{address}]:{port}"):
                mine = [(not side, data) for side, data in mine]
            assert mine == wanted, (protocol, flow)
            equal += bool(mine)
    assert equal > 0


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return command


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A flow of UDP with terminal escapes, and one of TCP whose third segment was not captured."""
    datagrams = [layers.ethernet(layers.ipv4(layers.udp(b"\x1b[31mred\r\n\xe2\x80\xaex \xff\x00"), 17))]
    segments = [segment(1, b"one "), segment(5, b"two\n"), segment(13, b"four\n"), segment(18, b"end", flags=0x11)]
    packets = [writer.Packet(frame, number * 1000) for number, frame in enumerate(datagrams + segments)]
    path = tmp_path / "made.pcap"
    path.write_bytes(writer.pcap(packets))
    netlake.capture([path], tmp_path / "lake", jobs=1)
    return tmp_path / "lake"


def segment(seq: int, data: bytes, flags: int = 0x10) -> bytes:
    head = (1024).to_bytes(2) + (80).to_bytes(2) + seq.to_bytes(4) + bytes(4) + bytes([0x50, flags]) + bytes(6)
    return layers.ethernet(layers.ipv4(head + data, 6))


def flow(lake: Path, protocol: int) -> int:
    number: int = netlake.Lake(lake).sql(f"SELECT flow FROM connection WHERE protocol = {protocol}").rows()[0][0]
    return number


def test_text_is_safe_for_a_terminal(lake: Path, run: Run) -> None:
    expected = "> \\x1b[31mred\n> \\u202ex \\xff\\x00\n"
    assert run("follow", "--lake", lake, "--flow", flow(lake, 17)) == (0, expected, "")


def test_missing_bytes_are_stated(lake: Path, run: Run, tmp_path: Path) -> None:
    number, out = flow(lake, 6), tmp_path / "out.bin"
    expected = "> one two\n> [4 bytes missing]\n> four\n> end\n"
    assert run("follow", "--lake", lake, "--flow", number) == (0, expected, "")
    code, printed, _ = run("follow", "--lake", lake, "--flow", number, "--hex")
    assert code == 0
    assert [line[2:10] for line in printed.splitlines()] == ["00000000", "00000004", "[4 bytes", "0000000c", "00000011"]
    code, printed, err = run("follow", "--lake", lake, "--flow", number, "--raw", "-o", out)
    assert (code, printed, out.read_bytes()) == (0, "", b"one two\nfour\nend")
    assert err == f"netlake: 4 bytes of flow {number} are missing in the capture.\n"
    assert run("follow", "--lake", lake, "--flow", number, "--direction", "responder") == (0, "", "")


def test_unknown_flows_and_other_protocols(lake: Path, captures: Path, tmp_path: Path, run: Run) -> None:
    code, _, err = run("follow", "--lake", lake, "--flow", 99)
    assert (code, err) == (2, "netlake: --flow: the lake has no flow 99; table connection has their numbers.\n")
    code, _, err = run("follow", "--lake", lake, "--flow", 1, "--raw", "--hex")
    assert (code, "not both" in err) == (2, True)
    (tmp_path / "made.pcap").unlink()
    code, printed, err = run("follow", "--lake", lake, "--flow", 1)
    assert (code, printed, "made.pcap is gone" in err) == (1, "", True)


def test_a_line_ends_when_the_other_side_speaks() -> None:
    form = Text()
    parts = [Piece(1, True, 1, 0, memoryview(b"ab")), Piece(1, True, 2, 2, memoryview(b"c\nd")),
             Piece(1, False, 3, 0, memoryview(b"e"))]  # fmt: skip
    assert b"".join(line for part in parts for line in form.piece(part)) == b"> abc\n> d\n"
    assert b"".join(form.end()) == b"< e\n"


def test_digits_have_offsets_of_each_direction() -> None:
    form = Digits()
    lines = [
        *form.piece(Piece(1, True, 1, 0, memoryview(bytes(20)))),
        *form.piece(Piece(1, False, 1, 0, memoryview(b"A"))),
    ]
    assert [line[:10] for line in lines] == [b"> 00000000", b"> 00000010", b"< 00000000"]
    assert lines[2].endswith(b"  A\n")
