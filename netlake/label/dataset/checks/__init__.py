"""Checks of a data set: each is a function of the finished rows that returns a verdict with numbers.

The checks only report. What they find is in the rows that are written, and in checks.json and the card with them, so
that a reader of a result can judge it. `fail` is a fault that invalidates a usual evaluation; `warn` is a fact that a
reader must know; thresholds are constants beside each check.

- `rows`: duplicates and hosts, groups and times across splits
- `columns`: constant columns, missing values, classes of leaks
- `shortcut`: single columns that nearly are the label
- `labels`: imbalance, classes missing from a split, contradicting labels
"""

from __future__ import annotations

from netlake.label.dataset.checks import columns, labels, rows, shortcut
from netlake.label.dataset.checks.verdict import FAIL, PASS, WARN, Check
from netlake.label.dataset.frame import Frame

__all__ = ["CHECKS", "FAIL", "PASS", "WARN", "Check", "run"]

CHECKS = (
    rows.duplicates,
    rows.hosts,
    rows.groups,
    rows.order,
    columns.leaks,
    shortcut.shortcuts,
    columns.constants,
    columns.missing,
    labels.imbalance,
    labels.coverage,
    labels.noise,
)


def run(frame: Frame) -> list[Check]:
    """Every check, in the order of CHECKS."""
    rows.hash_rows(frame)
    return [check(frame) for check in CHECKS]
