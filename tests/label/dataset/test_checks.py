"""Each check passes on clean rows, and reports its planted violation with the right number."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from netlake.label.dataset import Options, Plain
from netlake.label.dataset.checks import CHECKS, Check, run
from netlake.label.dataset.frame import Frame
from netlake.label.dataset.work import Work

Row = dict[str, Any]
FEATURES = ("a", "b", "c")
SHARES = (("train", 600), ("validation", 100), ("test", 200))


def clean() -> list[Row]:
    """900 rows in the order of time; the classes differ in `a` and `b` a little; each row has a host of its own."""
    rng = random.Random(7)  # noqa: S311 - not for security
    rows = []
    for split, count in SHARES:
        for _ in range(count):
            number = len(rows)
            target = rng.choices([0, 1, 2], [6, 3, 1])[0]
            rows.append(
                {
                    "row_id": number,
                    "a": rng.gauss(target, 2.0),
                    "b": rng.randrange(1_000_000) + 100_000 * target,
                    "c": rng.choice(["tcp", "udp", "icmp"]) if rng.random() < 0.9 else None,
                    "target": target,
                    "_split": split,
                    "_group": f"group {number // 10}",
                    "_host_a": f"10.0.{number // 250}.{number % 250}",
                    "_host_b": f"10.1.{number // 250}.{number % 250}",
                    "_first": number * 1_000_000,
                    "_last": number * 1_000_000 + 999_999,
                    "label_fraction": 1.0,
                    "_ambiguous": False,
                }
            )
    return rows


def _each(rows: list[Row], change: Callable[[Row], None], split: str = "test", count: int = 10**6) -> list[Row]:
    """The rows, of which `change` changes up to `count` of a split."""
    for row in [row for row in rows if row["_split"] == split][:count]:
        change(row)
    return rows


def duplicated(rows: list[Row]) -> list[Row]:
    for target, source in zip(rows[-30:], rows[:30], strict=True):
        target.update({name: source[name] for name in FEATURES}, target=source["target"])
    return rows


def copied(rows: list[Row]) -> list[Row]:
    return [{**row, "a": float(row["target"] != 0)} for row in rows]


def banded(rows: list[Row]) -> list[Row]:
    """`a` is near 5 for attacks and around it for benign rows: no threshold separates them."""
    rng = random.Random(8)  # noqa: S311 - not for security
    return [
        {**row, "a": 5 + rng.random() / 10 if row["target"] else rng.choice([rng.random(), 9 + rng.random()])}
        for row in rows
    ]


def contradicted(rows: list[Row]) -> list[Row]:
    for place in range(0, 40, 2):
        rows[place + 1].update({name: rows[place][name] for name in FEATURES})
        rows[place]["target"], rows[place + 1]["target"] = 0, 1
    return rows


def set_all(name: str, value: Any, split: str = "test", count: int = 10**6) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: _each(rows, lambda row: row.update({name: value}), split, count)


def rare(rows: list[Row]) -> list[Row]:
    kept = iter([2, 2, 2])
    for row in rows:
        if row["target"] == 2 and next(kept, None) is None:
            row["target"] = 0
    return rows


# name of the check, what is planted, options of the data set, (status, path of a number, its value)
PLANTED: tuple[tuple[str, str, Any, dict[str, Any], tuple[str, str, Any]], ...] = (
    ("duplicates", "30 rows of test repeat rows of train", duplicated, {}, ("fail", "repeated", 30)),
    ("hosts", "20 rows of test have an originator of train", set_all("_host_a", "10.0.0.1", count=20), {},
     ("warn", "originators.rows", 20)),
    ("hosts", "a split by host has a host twice", set_all("_host_a", "10.0.0.1", count=20), {"split": "host"},
     ("fail", "originators.shared", 1)),
    ("groups", "12 rows of test are of a group of train", set_all("_group", "group 3", count=12), {},
     ("fail", "rows", 12)),
    ("order", "five training rows are from the future", set_all("_last", 880_000_000, "train", 5), {},
     ("fail", "late_training_rows", 5)),
    ("order", "a random order of time", lambda rows: [{**row, "_first": 900_000_000 - row["_first"]} for row in rows],
     {"split": "attack"}, ("warn", "early_evaluated_rows", 300)),
    ("leaks", "an address is a feature", {"a": "identity"}, {}, ("fail", "features.identity", ["a"])),
    ("leaks", "a TTL is a feature", {"b": "environment"}, {}, ("warn", "features.environment", ["b"])),
    ("leaks", "a value of the end of the flow", {"b": "outcome"}, {}, ("warn", "features.outcome", ["b"])),
    ("shortcuts", "a copy of the label", copied, {}, ("fail", "auc.a.auc", 1.0)),
    ("shortcuts", "a band of values is attack", banded, {}, ("warn", "auc.a.class", "attack")),
    ("constants", "a feature has one value in train", set_all("b", 7, "train"), {}, ("warn", "columns", ["b"])),
    ("constants", "a feature is null in train", set_all("a", None, "train"), {}, ("warn", "columns", ["a"])),
    ("constants", "one value, or null", lambda rows: [{**row, "b": 7 if row["row_id"] % 2 else None} for row in rows],
     {}, ("warn", "with_nulls", ["b"])),
    ("constants", "null in train, which trees of scikit-learn do not take", set_all("a", None, "train"), {},
     ("warn", "only_null", ["a"])),
    ("missing", "an infinity in test", set_all("a", float("inf"), count=3), {}, ("fail", "infinite.a", 3)),
    ("missing", "a NaN in train", set_all("a", float("nan"), "train", 2), {}, ("fail", "nan.a", 2)),
    ("missing", "a feature is mostly null", set_all("a", None, "train"), {}, ("warn", "null.a", 600)),
    ("imbalance", "three rows of a class", rare, {}, ("warn", "training.scan", 3)),
    ("classes", "a class is not in test", lambda rows: _each(rows, lambda row: row.update(target=row["target"] % 2)),
     {}, ("warn", "absent.test", ["scan"])),
    ("classes", "test is benign", set_all("target", 0), {}, ("fail", "absent.test", ["flood", "scan"])),
    ("noise", "20 pairs contradict each other", contradicted, {}, ("warn", "contradicting", 20)),
    ("noise", "labels of few packets",
     lambda rows: _each(rows, lambda row: row.update(label_fraction=0.1, target=1), "test", 9), {},
     ("warn", "partly_labelled", 9)),
    ("noise", "ambiguous labels", set_all("_ambiguous", value=True, count=4), {}, ("warn", "ambiguous", 4)),
)  # fmt: skip


def checked(folder: Path, rows: list[Row], leaks: dict[str, str], options: dict[str, Any]) -> dict[str, Check]:
    """The results of all checks on rows."""
    work = Work.alone(folder)
    schema = pa.schema([("a", pa.float64()), ("b", pa.int64()), ("c", pa.string())])
    names = [name for name in rows[0] if name not in FEATURES]
    table = pa.table({**{name: pa.array([row[name] for row in rows], schema.field(name).type) for name in FEATURES},
                      **{name: pa.array([row[name] for row in rows]) for name in names}})  # fmt: skip
    work.cursor.register("given", table)
    work.run("CREATE TABLE work.final AS SELECT * FROM given")
    features = tuple(Plain(name, leaks.get(name, "none")) for name in FEATURES)
    frame = Frame(
        work, features, (), ("benign", "flood", "scan"), tuple(name for name, _ in SHARES), Options(**options)
    )
    results = run(frame)
    work.close()
    return {check.name: check for check in results}


def number(check: Check, path: str) -> Any:
    found: Any = check.numbers
    for part in path.split("."):
        found = found[part]
    return found


def test_clean_rows_pass_every_check(tmp_path: Path) -> None:
    results = checked(tmp_path, clean(), {}, {})
    assert {name: (check.status, check.sentence) for name, check in results.items() if check.status != "pass"} == {}
    assert len(results) == len(CHECKS)


@pytest.mark.parametrize(
    ("name", "what", "plant", "options", "expected"), PLANTED, ids=[f"{case[0]}: {case[1]}" for case in PLANTED]
)
def test_planted_violation_is_reported(
    tmp_path: Path, name: str, what: str, plant: Any, options: dict[str, Any], expected: tuple[str, str, Any]
) -> None:
    leaks = plant if isinstance(plant, dict) else {}
    rows = clean() if leaks else plant(clean())
    check = checked(tmp_path, rows, leaks, options)[name]
    status, path, value = expected
    assert (check.status, number(check, path)) == (status, value), (what, check)
    assert check.sentence.endswith(".")


def test_one_host_is_counted_as_one(tmp_path: Path) -> None:
    rows = set_all("_host_a", "10.0.0.1", count=20)(clean())
    sentence = checked(tmp_path, rows, {}, {})["hosts"].sentence
    assert sentence.startswith("1 host starts connections in several splits")


def test_every_check_has_a_planted_violation(tmp_path: Path) -> None:
    assert set(checked(tmp_path, clean(), {}, {})) == {case[0] for case in PLANTED}


def test_folds_are_compared_with_each_other(tmp_path: Path) -> None:
    """In folds, every row is evaluated."""
    rows = [{**row, "_split": f"fold_{row['row_id'] % 3}"} for row in clean()]
    rows[4].update({name: rows[3][name] for name in FEATURES})
    work = Work.alone(tmp_path)
    work.cursor.register("given", pa.Table.from_pylist(rows))
    work.run("CREATE TABLE work.final AS SELECT * FROM given")
    folds = ("fold_0", "fold_1", "fold_2")
    features = tuple(map(Plain, FEATURES))
    frame = Frame(work, features, (), ("benign", "flood", "scan"), folds, Options(split="kfold", folds=3))
    results = {check.name: check for check in run(frame)}
    work.close()
    assert results["duplicates"].numbers["repeated"] == 2
    assert results["groups"].status == "fail"
    assert results["order"].status == "warn"
