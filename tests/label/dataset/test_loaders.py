"""The programs of the field read a data set: datasets, mlcroissant, scikit-learn, LightGBM, PyTorch, ids-lint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import labelled_lake
import numpy as np
import polars as pl
import pytest

from netlake.label.dataset import Options, build

# warnings of other projects are not ours
pytestmark = pytest.mark.filterwarnings("ignore")

CLASSES = ["benign", "flood", "scan"]


@pytest.fixture(scope="module")
def made(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An imputed data set with a pipeline, of a random split: every class is in every split."""
    out = tmp_path_factory.mktemp("made") / "out"
    options = Options(features="small", split="random", force=True, missing="impute", pipeline=True)
    build(lake, out, options, labelled_lake.source(lake, parts=True))
    return out


@pytest.fixture(scope="module")
def raw(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with nulls."""
    out = tmp_path_factory.mktemp("raw") / "out"
    build(lake, out, Options(features="small", split="random", force=True), labelled_lake.source(lake, parts=True))
    return out


def arrays(folder: Path, split: str) -> tuple[Any, Any]:
    archive = np.load(folder / "npz" / f"{split}.npz", allow_pickle=False)
    return archive["X"], archive["y"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package `datasets`, with its cache in a temporary folder."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    return datasets


def test_datasets_loads_every_configuration(made: Path, tmp_path: Path, hub: Any) -> None:
    assert sorted(hub.get_dataset_config_names(str(made))) == ["default", "identity", "masks"]
    loaded = hub.load_dataset(str(made), cache_dir=str(tmp_path))
    assert list(loaded) == ["train", "validation", "test", "attempted"]
    assert loaded["train"].features["target"].names == CLASSES
    for split in loaded:
        written = pl.read_parquet(made / "data" / f"{split}-*.parquet")
        assert loaded[split]["row_id"][:] == written["row_id"].to_list()
        assert loaded[split]["Flow Bytes/s"][:] == written["Flow Bytes/s"].to_list()
        assert loaded[split]["sizes"][:] == written["sizes"].to_list()
    identity = hub.load_dataset(str(made), "identity", cache_dir=str(tmp_path))
    assert identity["test"]["row_id"][:] == loaded["test"]["row_id"][:]


def test_datasets_loads_folds(lake: Path, tmp_path: Path, hub: Any) -> None:
    options = Options(features="small", split="kfold", folds=3, group="host")
    build(lake, tmp_path / "out", options, labelled_lake.source(lake))
    every: list[int] = []
    for fold in range(3):
        loaded = hub.load_dataset(str(tmp_path / "out"), f"fold_{fold}", cache_dir=str(tmp_path / "cache"))
        test, train = set(loaded["test"]["row_id"]), set(loaded["train"]["row_id"])
        assert not test & train
        every += test
    assert len(every) == len(set(every)) == len(test | train)


def test_mlcroissant_validates_and_reads_records(made: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    described = mlcroissant.Dataset(jsonld=str(made / "croissant.json"))
    assert not described.metadata.ctx.issues.errors
    assert {one.uuid for one in described.metadata.record_sets} >= {"data-train-00000", "identity-test-00000"}
    written = pl.read_parquet(made / "data" / "test-*.parquet")
    rows = list(described.records("data-test-00000"))
    assert [row["data-test-00000/row_id"] for row in rows] == written["row_id"].to_list()
    assert [row["data-test-00000/Flow_Bytes/s"] for row in rows] == written["Flow Bytes/s"].to_list()
    assert [row["data-test-00000/label_state"].decode() for row in rows] == written["label_state"].to_list()


def test_npz_has_the_values_of_parquet(raw: Path) -> None:
    archive = np.load(raw / "npz" / "test.npz", allow_pickle=False)
    written = pl.read_parquet(raw / "data" / "test-*.parquet")
    assert archive["class_names"].tolist() == CLASSES
    assert archive["omitted"].tolist() == ["service"]
    names = ["duration", "Flow Bytes/s", "packets", "bytes", "sizes_0", "sizes_1", "sizes_2", "ttl"]
    assert archive["feature_names"].tolist() == names
    assert archive["y"].tolist() == written["target"].to_list()
    assert archive["row_id"].tolist() == written["row_id"].to_list()
    for column, name in enumerate(names):
        stem, _, place = name.rpartition("_")
        series = written["sizes"].list.get(int(place), null_on_oob=True) if stem == "sizes" else written[name]
        expected = series.cast(pl.Float32).to_numpy()
        assert np.array_equal(archive["X"][:, column], expected, equal_nan=True), name


def test_csv_has_the_values_of_parquet(raw: Path) -> None:
    written = pl.read_parquet(raw / "data" / "train-*.parquet")
    read = pl.read_csv(raw / "csv" / "train.csv")
    assert read.columns[-1] == "label"
    assert [CLASSES.index(name) for name in read["label"]] == written["target"].to_list()
    for name in ("duration", "Flow Bytes/s", "service", "ttl"):
        assert read[name].to_list() == written[name].to_list()


def test_scikit_learn_trains_on_npz(made: Path) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    (X, y), (held, truth) = arrays(made, "train"), arrays(made, "test")  # noqa: N806 - the field's name
    model = linear.LogisticRegression(max_iter=1000).fit(scaler.fit_transform(X), y)
    assert model.score(scaler.transform(held), truth) > 0.8


def test_scikit_learn_trees_take_nulls(raw: Path) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    (X, y), (held, truth) = arrays(raw, "train"), arrays(raw, "test")  # noqa: N806
    assert np.isnan(X).any()
    model = ensemble.HistGradientBoostingClassifier(random_state=0, max_iter=20).fit(X, y)
    assert model.score(held, truth) > 0.8


def test_lightgbm_trains_on_npz(raw: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    (X, y), (held, truth) = arrays(raw, "train"), arrays(raw, "test")  # noqa: N806
    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
    model = lightgbm.train(settings, lightgbm.Dataset(X, y), 20)
    assert (model.predict(held).argmax(axis=1) == truth).mean() > 0.8


def test_torch_data_loader_trains_on_npz(made: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    X, y = arrays(made, "train")  # noqa: N806
    mean, deviation = X.mean(axis=0), X.std(axis=0) + 1e-6
    rows = torch.utils.data.TensorDataset(torch.from_numpy((X - mean) / deviation), torch.from_numpy(y))
    loader = torch.utils.data.DataLoader(rows, batch_size=64, shuffle=True)
    model = torch.nn.Linear(X.shape[1], len(CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(20):
        for features, target in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(features), target).backward()
            optimizer.step()
    held, truth = arrays(made, "test")
    found = model(torch.from_numpy((held - mean) / deviation)).argmax(dim=1)
    assert (found.numpy() == truth).mean() > 0.8


def test_pipeline_is_fitted_on_the_training_split_only(raw: Path, lake: Path, tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io")
    options = Options(features="small", split="random", force=True, pipeline=True)
    build(lake, tmp_path / "out", options, labelled_lake.source(lake, parts=True))
    path = tmp_path / "out" / "pipeline" / "pipeline.skops"
    pipeline = skops.load(path, trusted=skops.get_untrusted_types(file=path))
    train = pl.read_parquet(tmp_path / "out" / "data" / "train-*.parquet")
    facts = json.loads((tmp_path / "out" / "pipeline" / "pipeline.json").read_text())
    assert facts["rows"] == len(train)
    assert facts["numbers"]["bytes"]["mean"] == pytest.approx(train["bytes"].mean())
    assert facts["numbers"]["Flow Bytes/s"]["median"] == pytest.approx(train["Flow Bytes/s"].median())
    scaled = pipeline.transform(train)
    assert scaled[:, 3].mean() == pytest.approx(0, abs=1e-9)
    held = pipeline.transform(pl.read_parquet(tmp_path / "out" / "data" / "test-*.parquet"))
    assert held.shape[1] == scaled.shape[1] == 5 + 3
    # the tables stay raw
    assert train.equals(pl.read_parquet(raw / "data" / "train-*.parquet"))


@pytest.mark.parametrize(("imputed", "rules"), [(True, set()), (False, {"non-finite-values"})])
def test_ids_lint(made: Path, raw: Path, *, imputed: bool, rules: set[str]) -> None:
    """Its errors are about missing values only, and imputation removes them; duplicates of rows are in the traffic."""
    lint = pytest.importorskip("idsdata.lint")
    for path in sorted(((made if imputed else raw) / "csv").glob("*.csv")):
        found = lint.lint(path, labels=CLASSES)
        assert {one.rule.name for one in found if one.rule.severity == "error"} <= rules
        details = [one.detail for one in found]
        assert not any("infinite" in detail or "appears" in detail for detail in details)
