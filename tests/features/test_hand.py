"""Flows whose features were computed by hand, written as data in hand.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake import features
from tests.features import build
from tests.features.test_cic import equal

CASES = tomllib.loads((Path(__file__).parent / "hand.toml").read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_hand_computed_flow(case: dict[str, Any], tmp_path: Path) -> None:
    path = build.write(tmp_path / "case.pcap", case["packets"])
    netlake.capture([path], tmp_path / "lake")
    for expect in case["expect"]:
        found = [
            row
            for batch in features.compute(tmp_path / "lake", expect["set"], policy=expect.get("policy"))
            for row in batch.to_pylist()
        ]
        assert len(found) >= len(expect["rows"]), expect["set"]
        for row, values in zip(found, expect["rows"], strict=False):
            for name, value in values.items():
                wanted = None if value == "null" else value
                assert equal(row[name], wanted), (expect["set"], name, row[name], wanted)
