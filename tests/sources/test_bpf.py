"""`capture --bpf`: the packets that tcpdump selects, and captures that no lake confuses with the whole file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import netlake
from netlake.errors import InputError, OptionError
from netlake.kernels import bpf as machine
from netlake.sources import bpf, open_capture
from tests.sources.capture_writer import Packet, pcapng

pytest.importorskip("pcapy", reason="pcapy-ng is not installed: pip install 'netlake[bpf]'")
CAPTURES = Path(__file__).resolve().parent.parent / "captures"
FILES = ("demo.pcapng", "any_interface.pcap", "cooked.pcap", "tunnel.pcap", "classic.pcap", "snaplen.pcap")
EXPRESSIONS = (
    "tcp", "udp port 53", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "ip[2:2] > 100", "net 10.0.0.0/8", "vlan and ip",
    "ip6 and tcp", "not arp", "greater 200", "len <= 60", "icmp[icmptype] == icmp-echo", "portrange 1-1024",
    "ip6 protochain 6", "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", "(len - 14) / 2 * 3 % 7 = 1",
    "ip host 10.0.0.1 or ip6 net fe80::/10", "ip[8] ^ 64 = 0 or ip[8] | 1 = 65", "ip[6:2] & 0x1fff = 0",
)  # fmt: skip


def accepted(path: Path, expression: str) -> list[int]:
    """The numbers of the accepted packets."""
    with open_capture(path, sha256=False) as source:
        return [
            number
            for batch in bpf.Filtered(source, expression).batches()
            for number in batch.number[: batch.count].tolist()
        ]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
@pytest.mark.parametrize("name", FILES)
def test_accepts_as_tcpdump(name: str, tmp_path: Path) -> None:
    """Packets are compared by their bytes and times; tcpdump does not write their numbers."""
    some = 0
    with open_capture(CAPTURES / name, sha256=False) as source:
        packets = {number: key for batch in source.batches() for number, key in keys(batch)}
    for expression in EXPRESSIONS:
        out = tmp_path / "selected.pcap"
        command = ["tcpdump", "-r", str(CAPTURES / name), "-w", str(out), expression]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            with pytest.raises(InputError):  # an expression that does not fit the link type
                accepted(CAPTURES / name, expression)
            continue
        with open_capture(out, sha256=False) as source:
            theirs = [key for batch in source.batches() for _, key in keys(batch)]
        ours = [packets[number] for number in accepted(CAPTURES / name, expression)]
        assert ours == theirs, expression
        some += 0 < len(ours) < len(packets)
    assert some


def keys(batch: netlake.packets.Packets) -> list[tuple[int, tuple[int, int, bytes]]]:
    """Number, and time in microseconds, length and bytes of each packet."""
    rows = range(batch.count)
    return [
        (
            int(batch.number[row]),
            (
                int(batch.ts[row]) // 1000,
                int(batch.length[row]),
                batch.data[batch.start[row] : batch.start[row] + batch.captured[row]].tobytes(),
            ),
        )
        for row in rows
    ]


def test_each_expression_is_a_capture_of_its_own(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    file = CAPTURES / "demo.pcapng"
    states = [
        netlake.capture(file, lake, **options).captures[0].state
        for options in ({}, {"bpf": "tcp"}, {"bpf": " tcp "}, {"bpf": "udp"}, {}, {"bpf": "udp", "replace": True})
    ]
    assert states == ["added", "added", "unchanged", "added", "unchanged", "replaced"]
    with netlake.Lake(lake) as opened:
        captures = {facts.report["options"]["bpf"]: facts for facts in opened.captures}
        assert set(captures) == {None, "tcp", "udp"}
        whole, tcp = captures[None], captures["tcp"]
        assert tcp.report["bpf"] == "tcp"
        assert tcp.packets + tcp.report["rejected_by_bpf"] == whole.packets
        numbers = opened.sql("SELECT packet FROM packet WHERE capture = '{}' ORDER BY 1".format(tcp.capture)).rows()  # noqa: S608, UP032
        assert [row[0] for row in numbers] == accepted(file, "tcp")
        # rows of accepted packets are those of the whole capture, but the context of flows that began elsewhere
        same = "SELECT packet, place, seq, ack, flags, ts, src_ip, dst_port FROM tcp WHERE capture = '{}' ORDER BY ALL"
        found = opened.sql(same.format(tcp.capture)).rows()
        every = opened.sql(same.format(whole.capture)).rows()
        assert found == [row for row in every if row[0] in {number for (number,) in numbers}]
        comments = "SELECT packet, ts, comment FROM packet_comment WHERE capture = '{}' ORDER BY ALL"
        kept = set(accepted(file, "udp"))
        ours = opened.sql(comments.format(captures["udp"].capture)).rows()
        assert ours == [row for row in opened.sql(comments.format(whole.capture)).rows() if row[0] in kept]


def test_refresh_keeps_the_expression(tmp_path: Path) -> None:
    from netlake.pipeline.run import Settings

    kept = Settings(netlake.pipeline.options(None, (), bpf="tcp")).kept()
    assert Settings().like(kept).options.bpf == "tcp"


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="empty"):
        netlake.decode(CAPTURES / "demo.pcapng", bpf="  ")
    with pytest.raises(OptionError, match="'tcp prot 80' is no filter expression"):
        netlake.decode(CAPTURES / "demo.pcapng", bpf="tcp prot 80")
    report = netlake.capture(CAPTURES / "demo.pcapng", tmp_path / "lake", bpf="wlan type mgt")
    assert report.exit_code == 1
    assert "link type 1" in report.captures[0].message


def test_the_extra_is_named_without_it() -> None:
    program = "import sys; sys.modules['pcapy'] = None\nfrom netlake.sources.bpf import checked; checked('tcp')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "pip install 'netlake[bpf]'" in ran.stderr


def test_a_program_ends() -> None:
    """A loop without end rejects the packet."""
    program = np.array([[machine.JMP, 0, 0, -1], [machine.RET, 0, 0, 1]], np.int64)
    result = np.ones(1, np.bool_)
    one = np.array([0], np.int64)
    memory = np.zeros(machine.MEMORY, np.int64)
    machine.accepted(program, memory, 1, np.zeros(4, np.uint8), one, one + 4, one + 4, np.array([1], np.int32), result)
    assert not result[0]


def test_packets_of_other_link_types_are_rejected(tmp_path: Path) -> None:
    """Of two interfaces the expression has a meaning for one; the capture is decoded."""
    frame = bytes.fromhex("ffffffffffff 020000000001 0800 45000014000000004001 0000 0a000001 0a000002")
    packets = [Packet(frame[14:], 0, interface=0), Packet(frame, 1, interface=1), Packet(frame[14:], 2, interface=0)]
    path = tmp_path / "two.pcapng"
    path.write_bytes(pcapng(packets, ({"link": 101}, {"link": 1})))
    assert accepted(path, "ether src 02:00:00:00:00:01") == [2]
    path.write_bytes(pcapng(packets[:1], ({"link": 101},)))
    with pytest.raises(InputError, match="link type 101"):
        accepted(path, "ether src 02:00:00:00:00:01")
