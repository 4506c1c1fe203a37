"""The command from a capture to a data set: labels of real traffic, exit codes, sentences."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import netlake
from netlake.cli import main

ATTACKS = """\
zone: UTC
defaults: {attackers: 10.10.0.66, victims: 10.20.0.2}
rules:
  - {label: SSH brute force, begin: "2026-11-23 05:27:13", end: "2026-11-23 05:27:40"}
  - {label: port scan, begin: "2026-11-23 05:28:16", end: "2026-11-23 05:28:17"}
  - {label: beacon, begin: "2026-11-23 05:28:26", end: "2026-11-23 05:28:34"}
"""
# connections of the attacker by port, counted in the SYNs by tshark: password guesses, scanned ports, beacons
CONNECTIONS = {"SSH brute force": 3, "port scan": 44, "beacon": 8}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> Path:
    """A lake of the capture with labels."""
    folder = tmp_path_factory.mktemp("attacked")
    lake, truth = folder / "lake", folder / "attacks.yaml"
    truth.write_text(ATTACKS, encoding="utf-8")
    netlake.capture([captures / "demo.pcapng"], lake)
    assert main(["label", "import", str(truth), "--lake", str(lake)]) == 0
    assert main(["label", "apply", "--lake", str(lake)]) == 0
    return lake


@pytest.mark.parametrize("features", ["cic", "netflow-v2"])
def test_rows_of_attacks_are_those_of_the_traffic(attacked: Path, tmp_path: Path, features: str) -> None:
    out = tmp_path / "out"
    options = ["--features", features, "--unknown", "benign", "--split", "random", "--force", "--lake", str(attacked)]
    # groups are cut, so a check fails
    assert main(["label", "dataset", str(out), *options]) == 3
    rows = pl.concat([pl.read_parquet(path) for path in (out / "data").glob("*.parquet")])
    found = {label: count for label, count in rows.group_by("label").len().iter_rows() if label}
    assert found == CONNECTIONS
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["inputs"]["captures"][0]["sha256"] == netlake.Lake(attacked).captures[0].sha256
    assert manifest["features"]["set"] == features
    (truth,) = manifest["inputs"]["truth"]
    assert truth["sha256"]


def test_rows_of_packets(attacked: Path, tmp_path: Path) -> None:
    """A set of packets has the labels of packets."""
    options = ["--features", "kitsune", "--unknown", "benign", "--split", "time", "--lake", str(attacked)]
    assert main(["label", "dataset", str(tmp_path / "out"), *options]) in (0, 3)
    rows = pl.read_parquet(tmp_path / "out" / "splits" / "*.parquet")
    opened = netlake.Lake(attacked)
    ((count,),) = opened.sql(
        "SELECT count(DISTINCT packet) FROM label WHERE record_table = 'packet' AND state = 'attack'"
    ).rows()
    assert len(rows.filter(pl.col("state") == "attack")) == count


CASES: tuple[tuple[list[str], int, str], ...] = (
    (["--split", "random", "--unknown", "benign"], 2, "--split random: .* in several splits.*give --force"),
    (["--features", "no"], 2, "There is no feature set 'no'"),
    (["--exclude", "leak:no"], 2, "--exclude: 'no' is no class of leak; classes are none, identity"),
    (["--version", "no"], 1, "The lake has no labels of version no; the lake has default"),
    (["--memory", "1MB"], 1, "The memory is too small for this work: give more with --memory, such as 4GB"),
    (["--split", "kfold", "--folds", "50"], 1, "for fold_.* and [0-9]+ more of --split kfold"),
    (["--memory", "much"], 2, "'--memory': 'much' is not a size"),
    (["--policy", "no"], 2, "--policy: 'no' is no policy"),
    (["--lake", "nowhere"], 1, "nowhere"),
)


@pytest.mark.parametrize(("options", "code", "sentence"), CASES, ids=lambda value: str(value)[:40])
def test_mistake(
    attacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, sentence: str
) -> None:
    given = options if "--lake" in options else [*options, "--lake", str(attacked)]
    assert main(["label", "dataset", str(tmp_path / "out"), *given]) == code
    printed = capsys.readouterr().err
    assert printed.startswith("netlake: ")
    assert re.search(sentence, printed), printed
    assert list(tmp_path.iterdir()) == []


def test_manifest_has_the_digest_of_the_file_that_was_imported(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file may change, and the command may run in another folder: the inputs and the bytes are the same."""
    monkeypatch.chdir(tmp_path)
    Path("attacks.yaml").write_text(ATTACKS, encoding="utf-8")
    netlake.capture([captures / "demo.pcapng"], tmp_path / "lake")
    assert main(["label", "import", "attacks.yaml", "--lake", "lake"]) == 0
    assert main(["label", "apply", "--lake", "lake"]) == 0
    options = ["--unknown", "benign", "--lake", str(tmp_path / "lake")]
    assert main(["label", "dataset", "one", *options]) in (0, 3)
    Path("attacks.yaml").write_text("# another file\n", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["label", "dataset", "two", *options]) in (0, 3)
    one, two = tmp_path / "one", tmp_path / "elsewhere" / "two"
    assert (one / "SHA256SUMS").read_text() == (two / "SHA256SUMS").read_text()
    manifest = json.loads((two / "manifest.json").read_text())
    assert manifest["inputs"]["truth"][0]["sha256"] == hashlib.sha256(ATTACKS.encode()).hexdigest()
    applied = manifest["labels"]["applied"]
    assert (applied["mode"], applied["tolerance"], manifest["labels"]["stale"]) == ("overlap", None, [])
    assert "stale" not in capsys.readouterr().err


def test_labels_that_are_not_those_of_the_present_truth_are_reported(
    attacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = shutil.copytree(attacked, tmp_path / "lake")
    later = tmp_path / "attacks.yaml"
    later.write_text(ATTACKS.replace("05:27:40", "05:27:39"), encoding="utf-8")
    assert main(["label", "import", str(later), "--name", "attacks", "--lake", str(lake)]) == 0
    out = tmp_path / "out"
    assert main(["label", "dataset", str(out), "--unknown", "benign", "--lake", str(lake)]) in (0, 3)
    stale = "source attacks was changed"
    printed = capsys.readouterr().err
    assert f"version default are stale: {stale}. Make them again with `netlake label apply" in printed
    assert json.loads((out / "manifest.json").read_text())["labels"]["stale"] == [stale]


def test_without_constants_trees_train_on_columns_with_nulls(attacked: Path, tmp_path: Path) -> None:
    """scikit-learn's trees take nulls, but no column that is null in all rows; netflow-v2 has two."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    options = ["--features", "netflow-v2", "--unknown", "benign", "--split", "random", "--force"]
    for name, more in (("all", []), ("some", ["--exclude", "check:constants"])):
        given = [*options, *more, "--lake", str(attacked)]
        assert main(["label", "dataset", str(tmp_path / name), *given]) in (0, 3)
    every, some = (np.load(tmp_path / name / "npz" / "train.npz") for name in ("all", "some"))
    assert set(some["feature_names"]) < set(every["feature_names"])
    assert np.isnan(every["X"]).all(axis=0).any()
    assert all(len(set(column[~np.isnan(column)])) > 1 for column in some["X"].T)
    ensemble.HistGradientBoostingClassifier(max_iter=3).fit(some["X"], some["y"])
    apart = pl.read_parquet(tmp_path / "some" / "identity" / "train-00000.parquet").columns
    assert set(every["feature_names"]) - set(some["feature_names"]) <= set(apart)


def test_folder_that_cannot_be_written(attacked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = "/proc/netlake-dataset"
    assert main(["label", "dataset", out, "--unknown", "benign", "--lake", str(attacked)]) == 2
    assert f"netlake: {out} cannot be written: " in capsys.readouterr().err
