"""A capture merged from many, with planted attacks: precision and recall of packets and connections are 1.

Benign captures are those of the corpus whose addresses the attacks do not use. The attacks are a real web attack, moved
in time, and a SYN scan; windows overlap, the tuple of an attack is used again later, packets are out of order. The
truth of a packet is the file that it came from, known by its place in the merged file.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import frames
import pytest
from frames import at
from truths import ask, connections, packets, put, rule

from netlake.label.join import apply

BENIGN = ("dns_doh", "dns_exfiltration", "dnscrypt-v2", "ftp", "ftp_failed", "http-lines-split", "googledns_android10")
SCANNER, TARGET, ATTACKER, VICTIM = "198.51.100.7", "203.0.113.9", "172.16.0.1", "192.168.10.50"
FIRST = 1499348407.419016
SECOND = 1_000_000


def program(*arguments: Any) -> str:
    if shutil.which(str(arguments[0])) is None:
        pytest.skip(f"needs {arguments[0]}")
    done = subprocess.run([str(part) for part in arguments], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.slow
def test_planted_attacks_are_found_and_nothing_else(shared_captures: Path, tmp_path: Path, decode: Any) -> None:
    corpus = shared_captures / "ndpi"
    benign = [path for name in BENIGN if (path := corpus / f"default__pcap__{name}.pcap").is_file()]
    assert len(benign) >= 5
    moved = tmp_path / "web.pcap"
    shift = frames.BEGIN / 1e6 + 100 - FIRST
    program("editcap", "-t", f"{shift:.6f}", shared_captures / "labelled" / "WebattackSQLinj.pcap", moved)
    scan = frames.scan(105 * SECOND, SCANNER, TARGET, range(20, 220))
    reused = frames.session(400 * SECOND, ATTACKER, VICTIM, 36_196)
    disordered = [*scan[:100:2], *scan[1:100:2], *scan[100:]]
    planted = {
        "scan": frames.write(tmp_path / "scan.pcap", disordered), "web": moved,
        "reused": frames.write(tmp_path / "reused.pcap", reused),
    }  # fmt: skip
    merged = tmp_path / "merged.pcap"
    # -a keeps the order of the files, so that the origin of each packet is known: packets are not in order of time
    program("mergecap", "-a", "-F", "nsecpcap", "-w", merged, *benign, *planted.values())
    counts = [len(program("tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.number").split())
              for path in (*benign, *planted.values())]  # fmt: skip
    first = sum(counts[: len(benign)]) + 1
    origin = {"scan": set(range(first, first + counts[-3]))}
    origin["web"] = set(range(max(origin["scan"]) + 1, max(origin["scan"]) + 1 + counts[-2]))
    lake = decode(merged)
    begin, end = 99 * SECOND, 260 * SECOND
    put(lake, "truth", [
        rule("web", [ATTACKER], [VICTIM], begin=at(begin), end=at(end), v_ports=[80], protocol=6),
        rule("scan", [SCANNER], ["203.0.113.0/24"], begin=at(100 * SECOND), end=at(110 * SECOND)),
        rule("wide scan", [SCANNER], [], begin=at(begin), end=at(108 * SECOND), direction="a2v"),
    ])  # fmt: skip
    report = apply(lake)
    assert (report.missed, report.findings) == ([], [])
    attacks = sorted(origin["scan"] | origin["web"])
    assert packets(lake, where="label = 'web'") == origin["web"]
    assert packets(lake, where="label = 'scan'") == origin["scan"]
    own = {row[0] for row in ask(lake, f"SELECT packet FROM packet WHERE src_ip = '{SCANNER}'")}  # noqa: S608
    assert packets(lake, where="label = 'wide scan'") == own
    flows = {row[0] for row in ask(lake, f"SELECT flow FROM packet WHERE packet IN {tuple(attacks)}")}  # noqa: S608
    assert connections(lake) == flows
    ports = (
        "SELECT count(DISTINCT (orig_port, resp_port)) FROM labelled.connection WHERE state = 'attack' AND orig_ip = "
    )
    assert (ask(lake, f"{ports}'{ATTACKER}'"), ask(lake, f"{ports}'{SCANNER}'")) == ([(9,)], [(200,)])
    # the tuple that is used again is not the attack
    later = f"SELECT state FROM labelled.connection WHERE ts >= '{at(end)}' AND orig_ip = '{ATTACKER}'"  # noqa: S608
    assert ask(lake, later) == [("unknown",)]
    states = dict(ask(lake, "SELECT state, count(*) FROM labelled.packet GROUP BY state"))
    assert states == {"attack": len(attacks), "unknown": sum(counts) - len(attacks)}
