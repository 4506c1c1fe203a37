"""The questions of questions.toml, asked by the command line."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netlake

Run = Callable[..., tuple[int, str, str]]
CASES = tomllib.loads((Path(__file__).resolve().parent / "questions.toml").read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_question(run: Run, path: Path, lake: netlake.Lake, case: dict[str, Any]) -> None:
    options = case["options"] if "--format" in case["options"] else [*case["options"], "--format", "jsonl"]
    code, out, err = run("--lake", path, *options)
    if "error" in case:
        assert (code, out) == (2, "")
        assert case["error"] in err
        return
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0, err
    if "kinds" in case:
        assert Counter(row["kind"] for row in rows) == case["kinds"]
    if "same" in case:
        assert len(rows) == lake.sql(case["same"]).rows()[0][0] > 0
    assert set(case.get("some", ())) <= {row["message"] for row in rows}


def test_every_case_can_fail() -> None:
    assert all(case.keys() & {"kinds", "same", "error"} for case in CASES)
