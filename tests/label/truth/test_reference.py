"""Real captures with known answers: packs and answer keys against what tshark finds in the captures."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from netlake.label import truth
from tests.label.truth.helpers import truth as rows_of

ROOT = Path(__file__).resolve().parents[3]

# the times of the first and last packet of the SQL injection of CIC-IDS2017, microseconds since 1970
FIRST, LAST = 1_499_348_407_419_016, 1_499_348_519_077_716


def tshark(file: Path, *fields: str, only: str = "") -> list[list[str]]:
    """The fields of the packets of a capture that match a display filter."""
    chosen = [part for name in fields for part in ("-e", name)]
    command = ["tshark", "-r", str(file), "-T", "fields", "-E", "occurrence=f", *chosen, "-Y", only]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def micros(text: str) -> int:
    """A time of tshark in microseconds."""
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))


def covering(rows: Iterable[dict[str, Any]], begin: str, end: str) -> list[str]:
    """The labels of the rules whose interval contains another."""
    return [row["label"] for row in rows if row["begin_ts"] <= begin and row["end_ts"] >= end]


@pytest.mark.parametrize("name", ["cic-ids2017", "cic-ids2017-corrected"])
def test_a_pack_has_the_sql_injection_where_its_packets_are(name: str, shared_captures: Path, lake: Path) -> None:
    file = shared_captures / "labelled" / "WebattackSQLinj.pcap"
    found = tshark(file, "frame.time_epoch", "ip.src", "ip.dst", "tcp.dstport", only="ip")
    stamps = sorted(micros(packet[0]) for packet in found)
    assert (len(found), stamps[0], stamps[-1]) == (94, FIRST, LAST)
    truth.import_truth(lake, f"pack:{name}")
    rows = [row for row in rows_of(lake) if row["attempted"] is None]
    labels = covering(rows, "2017-07-06 13:40:07.419016", "2017-07-06 13:41:59.077716")
    assert labels == ["Web Attack - SQL Injection"]
    (rule,) = (row for row in rows if row["label"] == labels[0])
    ends = {rule["a_networks"][0].removesuffix("/32"), rule["v_networks"][0].removesuffix("/32")}
    assert {frozenset(packet[1:3]) for packet in found} == {frozenset(ends)}
    assert rule["v_ports"] == [80]


# scenario, attacker, what tshark shows of the attack, and the number of its packets
SCENARIOS = [
    ("it-baseline-operations", None, "", 0),
    ("it-bulk-upload", "172.28.32.107", "ip.addr == 203.0.113.205", None),
    ("it-https-beaconing", "172.21.253.169", "ip.addr == 203.0.113.11", None),
    ("it-rogue-dhcp", "172.27.207.95", "ip", None),
    ("it-scan-auth-failures", "172.28.187.73", "ip.addr == 10.247.179.0/24", None),
    ("ot-bacnet-unauthorized-write", "172.31.231.79", "ip", 4),
    ("ot-iec104-command-injection", "172.27.53.35", "ip", None),
    ("ot-modbus-discovery", "10.41.10.34", "tcp", None),
]


@pytest.fixture(scope="session")
def labelled() -> Path:
    """The folder of generated captures with answer keys, `$LABELLED` or beside the project; skipped without it."""
    folder = Path(os.environ.get("LABELLED") or ROOT.parent / "shared" / "labelled")
    if not folder.is_dir():
        pytest.skip(f"there are no generated captures in {folder.name}; name their folder with LABELLED")
    return folder


@pytest.mark.parametrize(("scenario", "attacker", "only", "count"), SCENARIOS)
def test_the_rules_of_an_answer_key_contain_exactly_the_packets_of_the_attack(
    scenario: str, attacker: str | None, only: str, count: int | None, labelled: Path, lake: Path
) -> None:
    folder = labelled / scenario
    if not (folder / "answers.json").exists():
        pytest.skip(f"{scenario} was not generated")
    report = truth.import_truth(lake, folder / "answers.json")
    assert (report.source, report.bad) == (scenario, 0)
    rows = rows_of(lake)
    rules = [row for row in rows if row["state"] == "attack"]
    assert [row["label"] for row in rows if row["state"] == "benign"] == ["benign"]
    if attacker is None:
        assert rules == []
        return
    assert {tuple(rule["a_networks"]) for rule in rules} == {(f"{attacker}/32",)}
    every = tshark(folder / "capture.pcap", "frame.number", "frame.time_epoch", "ip.src", "ip.dst",
                   only=f"ip.addr == {attacker}")  # fmt: skip
    expected = {packet[0] for packet in tshark(folder / "capture.pcap", "frame.number",
                                               only=f"ip.addr == {attacker} and ({only})")}  # fmt: skip
    assert expected
    assert count in {None, len(expected)}
    assert {packet[0] for packet in every if any(_applies(rule, packet, attacker) for rule in rules)} == expected


def _applies(rule: dict[str, Any], packet: list[str], attacker: str) -> bool:
    _, stamp, source, destination = packet
    peer = destination if source == attacker else source
    known = not rule["v_networks"] or f"{peer}/32" in rule["v_networks"]
    return known and _micros(rule["begin_ts"]) <= micros(stamp) <= _micros(rule["end_ts"])


def _micros(text: str) -> int:
    from netlake.label.truth import times

    return times.moment(f"{text}Z").value


def test_an_answer_key_names_its_capture(labelled: Path, lake: Path) -> None:
    from netlake import pipeline

    folder = labelled / "ot-bacnet-unauthorized-write"
    if not folder.is_dir():
        pytest.skip("the scenario was not generated")
    assert pipeline.capture([str(folder / "capture.pcap")], lake).exit_code == 0
    truth.import_truth(lake, folder / "answers.json")
    key = json.loads((folder / "answers.json").read_text())
    assert {row["capture"] for row in rows_of(lake)} != {None}, key["capture"]["sha256"]
