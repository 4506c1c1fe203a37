"""One order of labels everywhere: the view, a data set and a labelled capture choose the same label of several."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import netlake
from netlake.cli import main

SCHEDULE = """\
zone: UTC
defaults: {{attackers: 10.10.0.66, victims: 10.20.0.2}}
rules:
  - {{label: scan, begin: "2026-11-23 05:28:16", end: "2026-11-23 05:28:17", priority: {attack}}}
  - {{label: test, state: benign, begin: "2026-11-23 05:28:16", end: "2026-11-23 05:28:17", priority: {benign}}}
  - {{label: beacon, begin: "2026-11-23 05:28:26", end: "2026-11-23 05:28:34"}}
"""


@pytest.mark.parametrize(
    ("attack", "benign", "label"), [(0, 0, "scan"), (5, 0, "scan"), (0, 5, "test"), (-2, -1, "test")]
)
def test_larger_priority_is_first_and_then_attack(
    captures: Path, tmp_path: Path, attack: int, benign: int, label: str
) -> None:
    lake, schedule, out = tmp_path / "lake", tmp_path / "schedule.yaml", tmp_path / "out"
    schedule.write_text(SCHEDULE.format(attack=attack, benign=benign), encoding="utf-8")
    netlake.capture([captures / "demo.pcapng"], lake, include=["packet", "connection", "ipv4", "ipv6", "tcp", "udp"])
    for command in (["import", str(schedule)], ["apply"]):
        assert main(["label", *command, "--lake", str(lake)]) == 0
    viewed = netlake.Lake(lake).sql(
        "SELECT packet, label FROM labelled.packet WHERE list_contains(labels, 'scan') ORDER BY packet"
    )
    packets = dict(viewed.rows())
    assert set(packets.values()) == {label}

    commented = tmp_path / "commented.pcapng"
    assert main(["label", "pcap", str(captures / "demo.pcapng"), str(commented), "--lake", str(lake)]) == 0
    again = tmp_path / "again"
    netlake.capture([commented], again, include=["packet_comment"])
    first = netlake.Lake(again).sql("SELECT packet, arg_min(comment, place) FROM packet_comment GROUP BY ALL").rows()
    assert {number for number, text in first if f"label={label}," in text} == packets.keys()

    options = ["--unknown", "benign", "--split", "random", "--force", "--lake", str(lake)]
    assert main(["label", "dataset", str(out), *options]) in (0, 3)
    rows = pl.concat([pl.read_parquet(path) for path in (out / "data").glob("*.parquet")])
    both = rows.filter(pl.col("labels").list.contains("scan"))
    assert len(both) == 44
    assert set(both["label"]) == {label}
