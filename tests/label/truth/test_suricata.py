"""`netlake label suricata`, with the real program and rules of our own.

Each rule alerts on every packet of a protocol, so tshark gives the truth: one alert a packet, with its time and tuple.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from netlake import pipeline
from netlake.cli import main
from netlake.label import truth
from netlake.label.truth import suricata
from netlake.lake import Catalog
from tests.label.truth.helpers import Run
from tests.label.truth.helpers import truth as rows_of

pytestmark = pytest.mark.skipif(
    shutil.which("suricata") is None, reason="Suricata is not installed (Debian: apt-get install suricata)"
)

RULES = """\
alert ip any any -> any any (msg:"any packet"; ttl:>0; classtype:misc-activity; sid:1; rev:3;)
alert udp any any -> any 2049 (msg:"request"; sid:2; metadata:mitre_technique_id T1039, mitre_tactic_name Collection;)
"""
CAPTURES = ("nfs3-01", "sctp-keywords", "bug-814", "WebattackSQLinj")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A file of rules."""
    file = tmp_path / "local.rules"
    file.write_text(RULES)
    return file


def capture(lake: Path, *files: Path) -> None:
    """Decode captures into a lake."""
    assert pipeline.capture([str(file) for file in files], lake).exit_code == 0


def packets(file: Path) -> list[list[str]]:
    """Number, time, addresses, ports and protocol of every IP packet, by tshark."""
    names = ("frame.number", "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport",
             "udp.dstport", "tcp.srcport", "tcp.dstport", "sctp.srcport", "sctp.dstport")  # fmt: skip
    fields = [part for name in names for part in ("-e", name)]
    command = ["tshark", "-r", str(file), "-T", "fields", "-E", "occurrence=f", *fields, "-Y", "ip or ipv6"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", CAPTURES)
def test_an_alert_is_an_event_of_its_packet(name: str, shared_captures: Path, rules: Path, tmp_path: Path) -> None:
    file = shared_captures / "labelled" / f"{name}.pcap"
    lake = tmp_path / "lake"
    capture(lake, file)
    suricata.label(lake, [file], suricata.Options(rules=rules))
    (identity,) = (entry.facts.capture for entry in Catalog(lake).captures())
    alerts = {row["packet"]: row for row in rows_of(lake) if row["label"] == "any packet"}
    seen = packets(file)
    assert {int(packet[0]) for packet in seen} == set(alerts)
    for packet in seen:
        assert _tuple(alerts[int(packet[0])]) == _expected(packet, identity)


def _tuple(row: dict[str, Any]) -> tuple[object, ...]:
    return (row["capture"], row["kind"], row["direction"], row["begin_ts"][17:], row["a_networks"], row["v_networks"],
            row["a_ports"], row["v_ports"], row["category"], row["note"])  # fmt: skip


def _expected(packet: list[str], capture: str) -> tuple[object, ...]:
    _, time, *rest = packet
    source, destination = [rest[0] or rest[2]], [rest[1] or rest[3]]
    suffix = "/128" if ":" in source[0] else "/32"
    ports = [int(text) for text in rest[4:10] if text]
    seconds = f"{int(time.partition('.')[0]) % 60:02d}.{time.partition('.')[2][:6]}"
    return (capture, "event", "a2v", seconds, [source[0] + suffix], [destination[0] + suffix], ports[:1], ports[1:2],
            "Misc activity", "gid 1 sid 1 rev 3")  # fmt: skip


def test_several_captures_are_one_source_that_is_replaced(shared_captures: Path, rules: Path, tmp_path: Path) -> None:
    files = [shared_captures / "labelled" / f"{name}.pcap" for name in ("nfs3-01", "bug-814")]
    packed = tmp_path / "packed.pcap.gz"
    packed.write_bytes(gzip.compress(files[1].read_bytes()))
    lake = tmp_path / "lake"
    capture(lake, files[0], packed)
    report = suricata.label(lake, [files[0], packed], suricata.Options(rules=rules, name="s"))
    assert (report.status, report.problems, set(report.labels)) == ("added", [], {"any packet", "request"})
    assert sum(report.alerts.values()) == report.rules == len(rows_of(lake))
    requests = [row for row in rows_of(lake) if row["label"] == "request"]
    assert {tuple(row["techniques"]) for row in requests} == {("T1039",)}
    assert {tuple(row["tactics"]) for row in requests} == {("Collection",)}
    first = Catalog(lake).owners("truth")
    assert suricata.label(lake, [files[0], packed], suricata.Options(rules=rules, name="s")).status == "replaced"
    assert Catalog(lake).owners("truth") == first, "two runs give the same alerts"
    assert [source.name for source in truth.sources(lake)] == ["s"]
    rules.write_text('alert tcp any any -> any 1 (msg:"never"; sid:1;)\n')
    assert suricata.label(lake, files[:1], suricata.Options(rules=rules, name="s")).status == "removed"
    assert truth.sources(lake) == []
    assert suricata.label(lake, files[:1], suricata.Options(rules=rules, name="s")).status == "unchanged"


def test_mistakes_get_one_sentence(shared_captures: Path, rules: Path, run: Run, lake: Path, tmp_path: Path) -> None:
    file = shared_captures / "labelled" / "bug-814.pcap"
    assert "is not in the lake; decode it first with `netlake capture" in run("suricata", file)[2]
    assert run("suricata", rules)[0] == 1
    capture(lake, file)
    wrong = tmp_path / "wrong.rules"
    wrong.write_text('alert tcp any any -> any 80 (msg:"no sid";)\n')
    code, _, err = run("suricata", file, "--rules", wrong)
    assert (code, "wrong.rules, line 1: Suricata cannot use this rule" in err) == (1, True)
    assert f"Suricata found no usable rule in {wrong}" in err
    wrong.write_text(wrong.read_text() + RULES)
    assert run("suricata", file, "--rules", wrong)[0] == 3
    assert "none' does not exist" in run("suricata", file, "--rules", tmp_path / "none")[2]
    assert run("suricata", file, "--name", "a b")[0] == 2
    assert run("suricata", file, "--rules", rules)[0] == 0


def test_suricata_that_is_not_installed_is_named(shared_captures: Path, lake: Path, capfd: Any) -> None:
    file = shared_captures / "labelled" / "bug-814.pcap"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        assert main(["label", "suricata", str(file), "--lake", str(lake)]) == 1
    assert "suricata is not installed; on Debian: apt-get install suricata" in capfd.readouterr().err
