"""Data sets of a lake: splits keep their promises, labels are right, bytes repeat, mistakes have a sentence."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import labelled_lake
import numpy as np
import polars as pl
import pytest

from netlake.errors import NetlakeError
from netlake.label.dataset import Options, Result, build
from netlake.label.dataset.groups import components
from netlake.label.dataset.split import spread


def make(lake: Path, out: Path | None, *, parts: bool = False, **options: Any) -> Result:
    return build(lake, out, Options(features="small", **options), labelled_lake.source(lake, parts=parts))


def data(folder: Path, split: str = "*", part: str = "data") -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted((folder / part).glob(f"{split}-*.parquet"))])


def splits(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "splits" / "*.parquet")


@pytest.mark.parametrize(
    "options",
    [
        {"split": "time"},
        {"split": "time", "purge": 60.0, "validation": 0.0},
        {"split": "host"},
        {"split": "attack", "validation": 0.0},
        {"split": "attack", "group": "flow"},
        {"split": "kfold", "folds": 3},
        {"split": "kfold", "group": "host"},
        {"split": "random", "force": True, "seed": 3},
        {"split": "random", "group": "flow"},
    ],
    ids=str,
)
@pytest.mark.parametrize("parts", [False, True], ids=["flows", "parts"])
def test_split_keeps_its_promise(lake: Path, tmp_path: Path, options: dict[str, Any], *, parts: bool) -> None:
    if parts and options == {"split": "random", "group": "flow"}:
        pytest.skip("parts of a flow are in several splits")
    result = make(lake, tmp_path / "out", parts=parts, **options)
    chosen = Options(**options)
    rows = splits(tmp_path / "out")
    used = rows.filter(pl.col("split").is_in(list(chosen.shares)))
    # every row once, and the files have the rows of their split
    assert rows["row_id"].to_list() == list(range(len(rows)))
    assert result.rows == Counter(rows["split"].to_list())
    for split in chosen.shares:
        written = data(tmp_path / "out", split)
        assert written["row_id"].to_list() == used.filter(pl.col("split") == split)["row_id"].to_list()
        assert written["row_id"].is_sorted()
    if options["split"] != "random":
        together = used.group_by("group").agg(pl.col("split").n_unique())
        assert together["split"].max() == 1
    if options["split"] == "time":
        assert_in_time(tmp_path / "out", list(chosen.shares), chosen.purge)
    total = sum(result.rows[split] for split in chosen.shares)
    for split, share in chosen.shares.items():
        tolerance = 0.01 if options["split"] == "random" else 0.15
        assert abs(result.rows[split] / total - share) < tolerance, (split, result.rows)


def assert_in_time(out: Path, names: list[str], purge: float) -> None:
    """Rows of a split end before the next begins, with the gap between them."""
    boundaries = {
        one["split"]: one["begin_us"] for one in json.loads((out / "manifest.json").read_text())["boundaries"]
    }
    for before, after in itertools.pairwise(names):
        last = data(out, before, "identity")["last_ts"].dt.epoch("us").max()
        first = data(out, after, "identity")["first_ts"].dt.epoch("us").min()
        assert isinstance(last, int)
        assert isinstance(first, int)
        assert last < boundaries[after] <= boundaries[after] + purge * 1e6 <= first


@pytest.mark.parametrize("edges", ["packet", "connection"])
@pytest.mark.parametrize("parts", [False, True], ids=["flows", "parts"])
def test_labels_are_those_of_the_flows(tmp_path: Path, edges: str, *, parts: bool) -> None:
    lake = labelled_lake.lake(tmp_path / "lake", edges=edges)
    make(lake, tmp_path / "out", parts=parts)
    kinds = {row["flow"]: row["kind"] for row in labelled_lake.flows()}
    found = splits(tmp_path / "out")
    rows = pl.concat([data(tmp_path / "out"), data(tmp_path / "out", "attempted").head(0)]).join(found, on="row_id")
    assert len(rows) == len(found.filter(pl.col("split") != "purged"))
    for row in rows.iter_rows(named=True):
        kind = kinds[row["flow"]]
        attempt = kind == "scan" and row["flow"] % 10 == 0
        assert row["label"] == ("normal" if kind == "benign" else kind)
        assert row["labels"] == [row["label"]]
        assert row["attempted"] == (1 if attempt else None)
        assert row["target"] == (-1 if attempt else ["benign", "flood", "scan"].index(kind))
        assert row["split"] == "attempted" if attempt else row["split"] in ("train", "validation", "test")
        assert row["label_fraction"] == 1.0


def test_label_of_a_part_is_of_its_packets_only(tmp_path: Path) -> None:
    """Edges to the first packet of each flow label its first part only."""
    lake = labelled_lake.lake(tmp_path / "lake", first_packet_only=True)
    make(lake, tmp_path / "out", parts=True, unknown="keep", attempted="attack")
    rows = data(tmp_path / "out").join(data(tmp_path / "out", part="identity"), on="row_id")
    assert set(rows.filter(pl.col("segment") == 1)["label_state"]) == {"unknown"}
    first = rows.filter(pl.col("segment") == 0)
    assert "unknown" not in set(first["label_state"])
    packets = first["last_packet"] - first["first_packet"] + 1
    assert first["label_fraction"].to_list() == pytest.approx((1 / packets).to_list())


OUTCOMES: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"attempted": "separate"}, {"attempted": 8, "scan": 81, "benign": 444}),
    ({"attempted": "attack"}, {"scan": 89, "benign": 444}),
    ({"attempted": "benign"}, {"scan": 81, "benign": 452}),
    ({"attempted": "drop"}, {"dropped": 8, "scan": 81, "benign": 444}),
)


@pytest.mark.parametrize(("options", "expected"), OUTCOMES, ids=str)
def test_attempts(lake: Path, tmp_path: Path, options: dict[str, Any], expected: dict[str, Any]) -> None:
    make(lake, tmp_path / "out", split="attack", validation=0.0, **options)
    stats = json.loads((tmp_path / "out" / "stats.json").read_text())
    counts: Counter[str] = Counter()
    for found in stats["rows_by_split_and_class"].values():
        counts.update(found)
    counts.update({split: stats["rows_by_split"].get(split, 0) for split in ("attempted", "dropped")})
    assert {name: counts[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("unknown", "benign", "beside"), [("benign", 444, {}), ("keep", 0, {"unknown": 444}), ("drop", 0, {"dropped": 444})]
)
def test_rows_without_a_label(tmp_path: Path, unknown: str, benign: int, beside: dict[str, int]) -> None:
    lake = labelled_lake.lake(tmp_path / "lake", benign=False)
    result = make(lake, tmp_path / "out", split="random", force=True, unknown=unknown, attempted="attack")
    stats = json.loads((tmp_path / "out" / "stats.json").read_text())
    rows = sum(found.get("benign", 0) for found in stats["rows_by_split_and_class"].values())
    assert (rows, {name: result.rows.get(name) for name in beside}) == (benign, beside)
    assert result.classes == (("benign",) if benign else ()) + ("flood", "scan")


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    "options",
    [{"missing": "impute", "pipeline": True}, {"split": "kfold", "seed": 4}, {"split": "random", "force": True}],
    ids=str,
)
def test_second_run_writes_the_same_bytes(lake: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    make(lake, tmp_path / "one", parts=True, **options)
    (tmp_path / "elsewhere").mkdir()
    make(lake, tmp_path / "elsewhere" / "two", parts=True, **options)
    first = digests(tmp_path / "one")
    assert first == digests(tmp_path / "elsewhere" / "two")
    assert len(first) > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "one"]


def test_manifest_and_sums_have_every_file(lake: Path, tmp_path: Path) -> None:
    make(lake, tmp_path / "out")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "out", check=True)
    listed = {line.split("  ")[1] for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines()}
    assert listed == digests(tmp_path / "out").keys() - {"SHA256SUMS"}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {one["path"] for one in manifest["outputs"]} == listed - {"manifest.json"}
    (capture,) = manifest["inputs"]["captures"]
    (truth,) = manifest["inputs"]["truth"]
    assert (capture["sha256"], truth["rules"]) == ("ab" * 32, "0" * 64)
    # the version of these labels is not a text of `label apply`
    stale = ["it does not say what it was made from"]
    assert manifest["labels"] == {"version": "default", "edges": "packet", "stale": stale, "applied": "1" * 64}


def test_identity_is_kept_apart_unless_included(lake: Path, tmp_path: Path) -> None:
    make(lake, tmp_path / "default", exclude=("leak:environment", "service"))
    columns = data(tmp_path / "default").columns
    assert columns[:6] == ["row_id", "duration", "Flow Bytes/s", "packets", "bytes", "sizes"]
    result = make(lake, tmp_path / "included", include=("resp_port", "first_ts"))
    assert {"resp_port", "first_ts"} <= set(data(tmp_path / "included").columns)
    leaks = next(check for check in result.checks if check.name == "leaks")
    assert (leaks.status, leaks.numbers["features"]["identity"]) == ("fail", ["resp_port"])


def test_imputed_values_are_medians_of_the_training_split(lake: Path, tmp_path: Path) -> None:
    make(lake, tmp_path / "raw")
    make(lake, tmp_path / "full", missing="impute")
    raw, full = (data(tmp_path / name, "train") for name in ("raw", "full"))
    known = raw["Flow Bytes/s"].drop_nulls().sort()
    median = known[(len(known) - 1) // 2]
    assert json.loads((tmp_path / "full" / "imputation.json").read_text())["Flow Bytes/s"] == median
    test, masks = data(tmp_path / "full", "test"), data(tmp_path / "full", "test", "masks")
    missing = data(tmp_path / "raw", "test")["Flow Bytes/s"].is_null()
    assert masks["Flow Bytes/s"].to_list() == missing.to_list()
    assert missing.any()
    assert set(test.filter(missing)["Flow Bytes/s"]) == {median}
    assert full.drop("Flow Bytes/s").equals(raw.drop("Flow Bytes/s"))
    archive = np.load(tmp_path / "full" / "npz" / "test.npz", allow_pickle=False)
    assert not np.isnan(archive["X"]).any()
    column = list(archive["feature_names"]).index("Flow Bytes/s")
    assert archive["mask"][:, column].tolist() == missing.to_list()


def test_dry_run_writes_nothing(lake: Path, tmp_path: Path) -> None:
    before = sorted(lake.rglob("*"))
    result = make(lake, None, split="random")
    assert result.path is None
    assert {check.name: check.status for check in result.checks}["groups"] == "fail"
    assert list(tmp_path.iterdir()) == []
    assert sorted(lake.rglob("*")) == before


MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"version": "nightly"}, "The lake has no labels of version nightly; the lake has default: make them with"),
    ({"split": "random"}, r"--split random: \d+ groups .* have rows in several splits.*--force"),
    ({"split": "kfold", "missing": "impute"}, "--missing impute learns from a training split"),
    ({"split": "kfold", "pipeline": True}, "--pipeline learns from a training split"),
    ({"split": "host", "purge": 3.0}, "--purge leaves rows out after the boundaries of --split time, not of host"),
    ({"split": "time", "group": "host"}, "--group is for --split attack, kfold and random"),
    ({"test": 0.6, "validation": 0.5}, "--test and --validation: give shares"),
    ({"exclude": ("duratoin",)}, "--exclude: There is no column duratoin in small; nearest is duration"),
    ({"exclude": ("bytes",), "include": ("bytes",)}, "--exclude and --include both name bytes"),
    ({"split": "attack", "exclude": ("leak:none", "leak:environment")}, "--exclude leaves no feature"),
    ({"split": "time", "purge": 1e6}, "No row is left for validation, test of --split time: .* purged"),
    ({"split": "kfold", "folds": 50, "group": "host"}, "No row is left for fold_.*there are \\d+ groups"),
)  # fmt: skip


@pytest.mark.parametrize(("options", "sentence"), MISTAKES, ids=lambda value: str(value)[:50])
def test_mistake_has_a_sentence_and_leaves_nothing(
    lake: Path, tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NetlakeError, match=sentence):
        make(lake, tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_is_refused(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(NetlakeError, match="out exists: remove it, or choose another folder"):
        make(lake, tmp_path / "out")
    with pytest.raises(NetlakeError, match="nowhere is not a folder: create it first"):
        make(lake, tmp_path / "nowhere" / "out")


def test_labels_of_one_class_are_refused_with_a_hint(tmp_path: Path) -> None:
    lake = labelled_lake.lake(tmp_path / "lake", benign=False, kinds=("flood",))
    with pytest.raises(NetlakeError, match=r"only of the class flood, .* 5\d\d rows have no label; .*--unknown benign"):
        make(lake, None)
    assert make(lake, None, unknown="benign").classes == ("benign", "flood")


def test_groups_that_share_a_row_are_one() -> None:
    assert components([["b", "c"], ["d"], ["a", "c"], ["e", "d"]]) == {
        "a": "a", "b": "a", "c": "a", "d": "d", "e": "d"
    }  # fmt: skip


def test_groups_are_spread_by_class() -> None:
    """Each split gets each class if there are enough groups, and shares of rows are near the targets."""
    counts = np.array([[100, 0]] * 20 + [[0, 40]] * 5 + [[10, 10]] * 4)
    names = [f"g{number}" for number in range(len(counts))]
    shares = {"train": 0.6, "validation": 0.2, "test": 0.2}
    for seed in range(5):
        found = spread(names, counts, shares, seed)
        rows = {split: counts[[one == split for one in found]].sum(axis=0) for split in shares}
        for split, share in shares.items():
            assert rows[split] / counts.sum(axis=0) == pytest.approx(share, abs=0.1)
    assert spread(names, counts, shares, 1) == spread(names, counts, shares, 1)
    assert len({tuple(spread(names, counts, shares, seed)) for seed in range(5)}) > 1
