"""Single features that separate a class: a copy of the label, or a shortcut.

For each feature and class, two numbers are computed from a sample of the training rows, and the larger is kept:
- the area under the ROC curve (AUC) of the value itself, in the better direction (Mann-Whitney statistic, ties count a
  half);
- the AUC of a histogram of 32 bins of equal frequency, learned from half of the sample and evaluated on the other half,
  which also finds values in the middle of a range, and categories.
Nulls are a bin, and the least value. A feature above SUSPECT solves the task alone; real features rarely do, and
artefacts of a testbed often.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netlake.label.dataset.checks.verdict import FAIL, PASS, WARN, Check, counted, some
from netlake.label.dataset.frame import Frame, is_number
from netlake.label.dataset.work import quoted

SUSPECT = 0.95
# an AUC that only a copy of the label reaches
COPY = 1 - 1e-9
SAMPLE = 200_000
BINS = 32
# rows that a class and the others need: fewer are separated by chance
LEAST = 10

Floats = npt.NDArray[np.float64]


def shortcuts(frame: Frame) -> Check:
    """Features that nearly are the label."""
    usable = [one.name for one in frame.features if _usable(frame.types[one.name])]
    table = _sample(frame, usable)
    target = table["target"].to_numpy()
    wanted = _questions(frame, target)
    if not wanted:
        sentence = (
            f"No class has {LEAST} training rows, and as many others: too few to compare features with the label."
        )
        return Check("shortcuts", WARN, sentence, {"rows": len(target)})
    names, truth = list(wanted), np.stack(list(wanted.values()), axis=1)
    best: dict[str, dict[str, Any]] = {}
    for name in usable:
        areas = separation(codes(table[name]), truth)
        place = int(np.argmax(areas))
        best[name] = {"auc": round(float(areas[place]), 6), "class": names[place]}
    ranked = dict(sorted(best.items(), key=lambda item: (-item[1]["auc"], item[0])))
    copies = [name for name, found in ranked.items() if found["auc"] >= COPY]
    suspects = [
        f"{name} ({found['auc']:.3f}, {found['class']})" for name, found in ranked.items() if found["auc"] > SUSPECT
    ]
    status = FAIL if copies else WARN if suspects else PASS
    sentence = (
        f"{len(suspects)} of {counted(len(usable), 'feature')} alone with an AUC above {SUSPECT} for a class:"
        f" {some(suspects)}."
        if suspects
        else f"No feature alone separates a class with an AUC above {SUSPECT}."
    )
    if copies:
        sentence += f" Without any error, as a copy of the label: {some(copies)}."
    numbers = {"rows": len(target), "auc": ranked}
    return Check("shortcuts", status, sentence, numbers)


def _usable(kind: pa.DataType) -> bool:
    return is_number(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _sample(frame: Frame, names: list[str]) -> pa.Table:
    """Up to SAMPLE training rows, evenly spaced."""
    rows = frame.work.value(f"SELECT count(*) FROM {frame.relation} WHERE {frame.fitted}")
    step = max(1, -(-rows // SAMPLE))
    columns = ", ".join(map(quoted, [*names, "target"]))
    return frame.work.table(
        f"SELECT {columns} FROM (SELECT {columns}, row_number() OVER (ORDER BY row_id) AS _place FROM {frame.relation}"
        f" WHERE {frame.fitted}) WHERE _place % {step} = 0 ORDER BY _place"
    )


def _questions(frame: Frame, target: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.bool_]]:
    """Name -> truth of each row: attack against benign, and each class against the others, where both are frequent."""
    asked = {"attack": target != 0} if frame.classes[0] == "benign" else {}
    asked |= {name: target == number for number, name in enumerate(frame.classes) if name != "benign"}
    return {
        name: truth for name, truth in asked.items() if min(int(truth.sum()), len(truth) - int(truth.sum())) >= LEAST
    }


def codes(column: pa.ChunkedArray) -> Floats:
    """A column as numbers of which only order and equality matter; nulls and NaN are NaN."""
    if is_number(column.type):
        return np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(), np.float64)
    encoded: Floats = pc.rank(column.fill_null(""), sort_keys="ascending", tiebreaker="dense").to_numpy().astype(float)
    encoded[column.is_null().to_numpy()] = np.nan
    return encoded


def separation(values: Floats, truth: npt.NDArray[np.bool_]) -> Floats:
    """The AUC, 0.5 to 1, by which `values` (rows) separate each question of `truth` (rows x questions)."""
    values = np.where(np.isnan(values), -np.inf, values)
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    alone = areas(_counted(group, truth, len(sizes)), sizes)
    alone = np.maximum(alone, 1 - alone)
    learned, rest = slice(0, None, 2), slice(1, None, 2)
    edges = np.unique(np.quantile(values[learned], np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    place = np.searchsorted(edges, values, side="left")
    bins = len(edges) + 1
    seen, evaluated = (np.bincount(place[half], minlength=bins) for half in (learned, rest))
    hits, tested = (_counted(place[half], truth[half], bins) for half in (learned, rest))
    result = alone.copy()
    for question in range(truth.shape[1]):
        hit, test = hits[:, question], tested[:, question]
        if min(hit.sum(), (seen - hit).sum(), test.sum(), (evaluated - test).sum()) < LEAST // 2:
            continue
        rate = np.where(seen > 0, hit / np.maximum(1, seen), hit.sum() / seen.sum())
        _, level = np.unique(rate, return_inverse=True)
        levels = _counted(level, np.stack([test, evaluated], axis=1), int(level.max()) + 1)
        result[question] = max(result[question], areas(levels[:, :1], levels[:, 1])[0])
    return result


def _counted(group: npt.NDArray[np.intp], weights: npt.NDArray[Any], groups: int) -> Floats:
    """The sums of `weights` (rows x columns) by group (groups x columns)."""
    columns = [np.bincount(group, column, groups) for column in weights.T]
    return np.stack(columns, axis=1)


def areas(positive: Floats, sizes: npt.NDArray[Any]) -> Floats:
    """The AUC of each question; `positive` has its rows by distinct value in rising order, `sizes` all rows of each."""
    middle = np.cumsum(sizes) - (sizes - 1) / 2
    hits = positive.sum(axis=0)
    others = sizes.sum() - hits
    return np.asarray((middle @ positive - hits * (hits + 1) / 2) / np.maximum(1, hits * others), np.float64)
