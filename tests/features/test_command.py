"""`netlake label features` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import netlake
from netlake.cli import main


def test_parquet_has_definitions_and_policy(lake: netlake.Lake, tmp_path: Path) -> None:
    out = tmp_path / "cic.parquet"
    text = "nfstream:idle=60"
    assert main(["label", "features", "cic", "--lake", str(lake.path), "--policy", text, "-o", str(out)]) == 0
    schema = pq.read_schema(out)
    assert schema.metadata[b"netlake.policy"].decode() == text
    assert schema.field("Flow Duration").metadata[b"unit"] == b"us"


@pytest.mark.parametrize(("arguments", "code", "words"), [
    ([], 2, "Give either SET"), (["cicc"], 2, "no feature set 'cicc'"), (["cic", "--json"], 2, "--json is for"),
    (["cic", "--features", "x.sql"], 2, "Give either SET"), (["--features", "x.sql"], 2, "cannot be read"),
    (["cic", "--lake", "missing"], 1, "There is no lake"), (["cic", "-o", "x.foo"], 2, "choose one with --format"),
    (["cic", "--policy", "x"], 2, "'x' is no policy"), (["nprint", "--policy", "nfstream"], 2, "no segmentation"),
])  # fmt: skip
def test_mistakes_get_one_sentence(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["label", "features", *arguments]) == code
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["parquet", "arrow", "csv", "jsonl"])
def test_condition_that_fails_leaves_one_sentence_and_no_file(lake: netlake.Lake, tmp_path: Path, form: str) -> None:
    command = [
        sys.executable,
        "-m",
        "netlake",
        "label",
        "features",
        "cic",
        "--lake",
        lake.path,
        "--where",
        "nothing = 1",
    ]
    ran = subprocess.run([*command, "-o", tmp_path / f"out.{form}"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), ran.stderr
    assert ran.stderr.startswith("netlake: --where: ")
    assert list(tmp_path.iterdir()) == []


def test_list_and_definitions_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "features", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["sets"]["cic"]["columns"] == 93
    assert main(["label", "features", "cic", "--define", "--json"]) == 0
    defined = json.loads(capsys.readouterr().out)
    assert {"name", "kind", "unit", "description", "null_when", "leak", "sources"} == set(defined[0])
