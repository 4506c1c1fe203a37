"""Every format: its sample is recognized, and gives the rows, problems and skipped rows of cases.toml."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from netlake.label.truth import reader
from tests.label.truth.helpers import SAMPLES, Run, truth

CASES = tomllib.loads((Path(__file__).parent / "cases.toml").read_text(encoding="utf-8"))["case"]

DEFAULTS: dict[str, Any] = {
    "state": "attack", "category": None, "tactics": [], "techniques": [], "attempted": None, "severity": None,
    "priority": 0, "confidence": None, "begin_ts": None, "end_ts": None, "resolution": None, "zone": None,
    "a_networks": [], "a_ports": [], "v_networks": [], "v_ports": [], "protocol": None, "icmp_type": None,
    "icmp_code": None, "direction": "both", "capture": None, "packet": None, "community_id": None, "condition": None,
    "note": None, "line": None,
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_a_sample_gives_its_rows(case: dict[str, Any], run: Run, lake: Path) -> None:
    options = [text for name, value in case.get("options", {}).items() for text in (f"--{name}", value)]
    code, out, err = run("import", SAMPLES / case["file"], "--json", "--problems", 100, *options)
    problems = [line for line in err.splitlines() if f"{case['file']}, line" in line or "not an entry" in line]
    assert len(problems) == len(case.get("problems", []))
    for sentence, part in zip(problems, case.get("problems", []), strict=True):
        assert part in sentence
    assert code == (3 if problems else 0)
    report = json.loads(out)
    assert report["kind"] == case["kind"]
    assert report["skipped"] == case.get("skipped", {})
    rows = truth(lake)
    assert [row["rule"] for row in rows] == list(range(1, len(case["rows"]) + 1))
    for row, expected in zip(rows, case["rows"], strict=True):
        assert (row["format"], row["file"]) == (case["kind"], str(SAMPLES / case["file"]))
        assert {name: row[name] for name in DEFAULTS | {"label": 0, "kind": 0}} == DEFAULTS | expected


def test_every_format_has_a_sample() -> None:
    assert {case["kind"] for case in CASES} | {"pcapng"} == set(reader.every())


@pytest.mark.parametrize("file", sorted(SAMPLES.iterdir()), ids=lambda file: file.name)
def test_no_sample_is_recognized_by_two_readers(file: Path) -> None:
    beginning = reader.head(file)
    assert len([found.kind for found in reader.every().values() if found.detect(beginning)]) == 1
