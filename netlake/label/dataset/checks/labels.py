"""Faults of the labels: rare classes, classes missing from a split, equal rows of different classes."""

from __future__ import annotations

from netlake.label.dataset.checks.verdict import FAIL, PASS, WARN, Check, percent, some
from netlake.label.dataset.frame import Frame

RARE = 0.01
MANY_CONTRADICTIONS = 0.05
# share of the packets of a row that its label covers, below which the label is reported
HALF = 0.5


def counts(frame: Frame) -> dict[str, dict[str, int]]:
    """Split -> class -> number of rows; classes without rows are 0."""
    found = {
        (split, target): rows
        for split, target, rows in frame.work.rows(
            f"SELECT _split, target, count(*) FROM {frame.relation} WHERE {frame.used} GROUP BY ALL"
        )
    }
    return {
        split: {name: found.get((split, number), 0) for number, name in enumerate(frame.classes)}
        for split in frame.splits
    }


def imbalance(frame: Frame) -> Check:
    """Shares of the classes in the training rows."""
    by_split = counts(frame)
    fitted = ["train"] if "train" in by_split else list(by_split)
    total = {name: sum(by_split[split][name] for split in fitted) for name in frame.classes}
    rows = sum(total.values())
    rare = [f"{name} ({percent(count / rows)})" for name, count in total.items() if 0 < count < RARE * rows]
    largest = max(total, key=lambda name: total[name])
    sentence = f"{percent(total[largest] / rows)} of the training rows are {largest}."
    if rare:
        sentence += f" Less than {percent(RARE)}: {some(rare)}; accuracy would hide them."
    return Check("imbalance", WARN if rare else PASS, sentence, {"rows": by_split, "training": total})


def coverage(frame: Frame) -> Check:
    """Classes without rows in a split."""
    by_split = counts(frame)
    absent = {split: [name for name, rows in found.items() if not rows] for split, found in by_split.items()}
    absent = {split: names for split, names in absent.items() if names}
    one = [split for split, found in by_split.items() if sum(rows > 0 for rows in found.values()) < 2]
    sentence = " ".join(f"{split} has no {some(names)}." for split, names in absent.items())
    if one:
        sentence += (
            f" {' and '.join(one)} {'has' if len(one) == 1 else 'have'} one class only: nothing can be measured there."
        )
    return Check(
        "classes",
        FAIL if one else WARN if absent else PASS,
        sentence or "Every class is in every split.",
        {"absent": absent},
    )


def noise(frame: Frame) -> Check:
    """Equal features with different classes, and labels of little evidence."""
    contradicting, rows = frame.work.row(
        "WITH each AS (SELECT hash, target, count(*) AS rows FROM work.hashed GROUP BY ALL)"
        " SELECT coalesce(sum(rows - most), 0)::BIGINT, coalesce(sum(rows), 0)::BIGINT"
        " FROM (SELECT hash, sum(rows) AS rows, max(rows) AS most FROM each GROUP BY hash)"
    )
    partly, ambiguous = frame.work.row(
        f"SELECT count(*) FILTER (target > 0 AND label_fraction < {HALF}), count(*) FILTER (_ambiguous)"
        f" FROM {frame.relation} WHERE {frame.used}"
    )
    share = contradicting / rows if rows else 0.0
    numbers = {"contradicting": contradicting, "share": share, "partly_labelled": partly, "ambiguous": ambiguous}
    found = []
    if contradicting:
        found.append(
            f"{contradicting:,} rows ({percent(share)}) have the features of rows of another, more frequent"
            " class: no model"
            f" of these features can be right in more than {percent(1 - share)}."
        )
    if partly:
        found.append(f"{partly:,} attack rows have labels for fewer than half of their packets.")
    if ambiguous:
        found.append(f"{ambiguous:,} rows have labels that fit several records equally well.")
    status = FAIL if share > MANY_CONTRADICTIONS else WARN if found else PASS
    return Check("noise", status, " ".join(found) or "No row has the features of a row of another class.", numbers)
