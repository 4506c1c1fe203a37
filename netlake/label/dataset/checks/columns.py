"""Columns that carry nothing, values that are not numbers, and columns of a class of leak."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from netlake.label.dataset.checks.verdict import FAIL, PASS, WARN, Check, counted, percent, some
from netlake.label.dataset.frame import CONSTANTS, Frame
from netlake.label.dataset.work import quoted

# share of nulls from which a column is reported
MOSTLY_NULL = 0.5
WHY = {
    "identity": "addresses, ports and numbers name hosts and flows",
    "time": "times name the moment of an attack",
    "environment": "values such as the TTL come from the test network, not from behaviour",
    "context": "values depend on other rows, also across the boundary of a split",
    "outcome": "values are known only after the flow has ended",
}


def leaks(frame: Frame) -> Check:
    """Features of a class of leak."""
    found: dict[str, list[str]] = {}
    for one in frame.features:
        if one.leak != "none":
            found.setdefault(one.leak, []).append(one.name)
    apart: dict[str, list[str]] = {}
    for one in frame.apart:
        apart.setdefault(one.leak, []).append(one.name)
    status = FAIL if {"identity", "time"} & found.keys() else WARN if found else PASS
    sentence = " ".join(
        f"{counted(len(names), 'feature')} of class {leak} ({some(names)}): {WHY[leak]}."
        for leak, names in sorted(found.items())
    )
    if "context" in found and frame.options.split == "time" and not frame.options.purge:
        sentence += " A gap between the splits (--purge) would separate their contexts."
    return Check("leaks", status, sentence or "No feature is of a class of leak.", {"features": found, "apart": apart})


def constant(frame: Frame) -> dict[str, tuple[bool, bool]]:
    """Features with one value, or none, in the training rows: (whether some rows are null, whether all are)."""
    names = [one.name for one in frame.features]
    parts = ", ".join(
        f"min({c}) IS NOT DISTINCT FROM max({c}), count({c}) < count(*), count({c}) = 0" for c in map(quoted, names)
    )
    found = frame.work.row(f"SELECT {parts} FROM {frame.relation} WHERE {frame.fitted}")
    return {
        name: (some, every)
        for name, one, some, every in zip(names, found[::3], found[1::3], found[2::3], strict=True)
        if one
    }


def constants(frame: Frame) -> Check:
    """Features with one value, or none, in the training rows; some of them may be null besides."""
    names, given = [one.name for one in frame.features], constant(frame)
    nulls, empty = ([name for name, found in given.items() if found[place]] for place in (0, 1))
    status = PASS if not given else FAIL if len(given) == len(names) else WARN
    sentence = (
        f"{len(given)} of {counted(len(names), 'feature')} with one value in all training rows: {some(list(given))}."
        if given
        else "Every feature has several values in the training rows."
    )
    if nulls:
        sentence += f" Of them also with nulls: {len(nulls)}."
    if empty:
        sentence += (
            f" Null in all of them: {len(empty)}, with which scikit-learn's HistGradientBoosting fails: --exclude"
            f" {CONSTANTS} leaves them out, --missing impute fills them."
        )
    return Check("constants", status, sentence, {"columns": list(given), "with_nulls": nulls, "only_null": empty})


def missing(frame: Frame) -> Check:
    """Nulls, and floating-point values that are not finite."""
    numbers: dict[str, Any] = {"rows": 0, "null": {}, "nan": {}, "infinite": {}}
    parts = ["count(*)"]
    for one in frame.features:
        column = quoted(one.name)
        floats = pa.types.is_floating(frame.types[one.name])
        parts.append(f"count(*) - count({column})")
        parts += [f"count(*) FILTER (isnan({column}))", f"count(*) FILTER (isinf({column}))"] if floats else ["0", "0"]
    rows, *found = frame.work.row(f"SELECT {', '.join(parts)} FROM {frame.relation} WHERE {frame.used}")
    numbers["rows"] = rows
    for place, one in enumerate(frame.features):
        for offset, kind in enumerate(("null", "nan", "infinite")):
            if count := found[3 * place + offset]:
                numbers[kind][one.name] = count
    wrong = [*numbers["nan"], *(name for name in numbers["infinite"] if name not in numbers["nan"])]
    mostly = [name for name, count in numbers["null"].items() if count > MOSTLY_NULL * rows]
    if wrong:
        return Check(
            "missing",
            FAIL,
            f"{counted(len(wrong), 'feature')} with NaN or infinite values, written as null: {some(wrong)}.",
            numbers,
        )
    cells = sum(numbers["null"].values())
    share = cells / (rows * len(frame.features)) if rows else 0.0
    sentence = (
        f"{counted(cells, 'null')} ({percent(share)}) in {counted(len(numbers['null']), 'feature')};"
        " no NaN, no infinity."
    )
    if mostly:
        sentence += f" Null in most rows: {some(mostly)}."
    return Check("missing", WARN if mostly else PASS, sentence, numbers)
