"""README.md of a data set: the card, by the questions of datasheets for data sets (Gebru et al., 2018).

Everything in it is computed, from the definitions, the statistics and the checks. The answers that only a person has
(motivation, consent, licence) are named as open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netlake.label.dataset.checks import Check
from netlake.label.dataset.checks.verdict import counted
from netlake.label.dataset.frame import Frame
from netlake.query.output.visible import harmless

SIGNS = {"pass": "pass", "warn": "**warn**", "fail": "**FAIL**"}
LABEL_DOCS = {
    "row_id": "Number of the row, from 0, in the order of the first packets.",
    "target": "Class of the row: its number in the list of classes, 0 is benign; -1 in splits without a class.",
    "label_state": "attack, benign or unknown.",
    "label": "Name of the label of the row, as the ground truth spells it; null without one.",
    "labels": "Names of all labels of the row, sorted.",
    "attempted": "Category of an attempt that had no effect; null if not attempted.",
    "label_fraction": "Share of the packets of the row that its state covers; null if not known.",
}
SPLITTING = {
    "time": "Rows are in the order of their first packets: the later splits are the future of the earlier ones.",
    "host": "Each host that starts connections is in one split, with all rows that it starts.",
    "attack": "Each group ({unit}) is in one split.",
    "kfold": "{folds} folds; each group ({unit}) is in one fold.",
    "random": "Rows are assigned alone, at random, within each class. Rows of one attack are in several splits:"
    " results are better than on traffic that was never seen.",
}
UNITS = {
    "attack": "an instance of an attack, or the other traffic of a pair of hosts",
    "host": "a host that starts connections",
    "flow": "the parts of a flow",
}
LOAD = """\
```python
import datasets
rows = datasets.load_dataset("{folder}"{config})

import numpy
train = numpy.load("{folder}/npz/{first}.npz", allow_pickle=False)
X, y = train["X"], train["y"]

import polars
train = polars.read_parquet("{folder}/data/{first}-*.parquet")
```
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card describes beside the frame."""

    stats: Mapping[str, Any]
    checks: Sequence[Check]
    captures: Sequence[Mapping[str, Any]]
    truths: Sequence[Mapping[str, Any]]
    edges: str
    command: str


def card(frame: Frame, facts: Facts) -> str:
    """The text of the card, without front matter."""
    rows, captures = counted(facts.stats["rows"], "row"), counted(len(facts.captures), "capture")
    head = (
        f"{rows} of {captures}, {counted(len(frame.features), 'feature')}, {len(frame.classes)} classes. Made by"
        " netlake; the files and their SHA-256 are in `manifest.json`.\n"
    )
    parts = [
        f"# {title(frame)}\n",
        head,
        "![Rows by split and class](plots/class-balance.svg)\n\n![Rows over time](plots/timeline.svg)\n",
        _checks(facts.checks),
        _motivation(),
        _composition(frame, facts),
        _collection(facts),
        _labelling(frame, facts),
        _preprocessing(frame),
        _uses(frame, facts),
        _features(frame),
    ]
    return "\n".join(parts)


def title(frame: Frame) -> str:
    """The name of the data set."""
    return f"Labelled network flows: {harmless(frame.options.features)}, split by {frame.options.split}"


def _cell(text: object) -> str:
    return harmless(str(text)).replace("|", "\\|").replace("\n", " ")


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _checks(checks: Sequence[Check]) -> str:
    rows = [(check.name, SIGNS[check.status], check.sentence) for check in checks]
    return "## Checks\n\nNumbers are in `checks.json`.\n\n" + _table(("check", "result", "finding"), rows)


def _motivation() -> str:
    return (
        "## Motivation\n\nFor which purpose, by whom and with which funding the traffic was recorded is not"
        " recorded in it:"
        " the person who publishes the data set answers these questions here, and names its licence.\n"
    )


def _composition(frame: Frame, facts: Facts) -> str:
    by_split = facts.stats["rows_by_split_and_class"]
    rows = [[split, *(f"{count:,}" for count in found.values())] for split, found in by_split.items()]
    beside = {split: count for split, count in facts.stats["rows_by_split"].items() if split not in by_split}
    text = "## Composition\n\nA row is a flow, a part of one, or a packet, as the feature set defines it.\n\n"
    text += _table(("split", *frame.classes), rows)
    meaning = {
        "attempted": "in the split `attempted`: attempts that had no effect, without a class",
        "unknown": "in the split `unknown`: no rule says what they are",
        "purged": "left out at the boundaries of splits",
        "dropped": "left out (--unknown, --attempted)",
    }
    for split, count in beside.items():
        text += f"\n- {count:,} rows are {meaning.get(split, split)}."
    text += "\n\nThe addresses of hosts are in `identity/` and `splits/`; traffic of people may be personal data.\n"
    return text


def _collection(facts: Facts) -> str:
    rows = [
        (one["capture"], one["source"].rpartition("/")[2], f"{one['packets']:,}", one["begin"] or "", one["end"] or "",
         one["sha256"] or "not computed")
        for one in facts.captures
    ]  # fmt: skip
    return "## Collection\n\n" + _table(("capture", "file", "packets", "first packet", "last packet", "SHA-256"), rows)


def _labelling(frame: Frame, facts: Facts) -> str:
    options = frame.options
    rows = [
        (one["source"], one["format"], one["file"], one["count"], one["sha256"] or "no file") for one in facts.truths
    ]
    exact = {
        "packet": "Labels of packets: a row has those of its own packets.",
        "connection": "Labels of connections: each part of a flow has those of the whole connection.",
    }[facts.edges]
    choice = {
        "priority": "the rule of the highest priority",
        "majority": "the rule with most packets of the row",
    }[options.choose]
    text = f"## Labelling\n\nVersion `{_cell(options.version)}` of the labels. {exact} If several rules apply, attack"
    text += f" precedes benign, and the class is that of {choice}; `labels` has all, `labels/` the rules.\n\n"
    text += _table(("source", "format", "file", "rules", "SHA-256"), rows)
    if idle := facts.stats["rules_without_rows"]:
        text += f"\n{idle:,} rules apply to no row.\n"
    unknown = {"drop": "are left out", "benign": "count as benign", "keep": "are in the split `unknown`"}[
        options.unknown
    ]
    attempts = {"separate": "are in the split `attempted`", "attack": "have the class of the attack",
                "benign": "count as benign", "drop": "are left out"}[options.attempted]  # fmt: skip
    return text + f"\nRows that no rule names {unknown}. Attempts without an effect {attempts}.\n"


def _preprocessing(frame: Frame) -> str:
    options = frame.options
    text = "## Splits and preprocessing\n\n" + SPLITTING[options.split].format(
        unit=UNITS[options.unit], folds=options.folds
    )
    if options.purge:
        text += f" Rows that begin up to {options.purge:g} s after a boundary are left out."
    if options.split == "time":
        text += " Rows that run at a boundary, and further parts of flows of an earlier split, are left out too."
    missing = {
        "null": "Values are raw; undefined values are null.",
        "impute": "Values are raw, but nulls are replaced by the median of the training split (text: the most frequent"
        " value); `imputation.json` has the values, `masks/` and `mask` of the npz files say where.",
    }[options.missing]
    return text + f"\n\n{missing} Nothing was oversampled, scaled or encoded.\n"


def _uses(frame: Frame, facts: Facts) -> str:
    config = ', "fold_0"' if options_folds(frame) else ""
    load = LOAD.format(folder="FOLDER", config=config, first=frame.splits[0])
    return (
        "## Uses and limits\n\nFor training and comparing detectors on traffic like that of the captures. A"
        " result on one"
        " network does not transfer to another; accuracy on unbalanced classes says little: report precision and"
        " recall of"
        f" each class.\n\n{load}\nMade again, byte by byte, with the same inputs and versions, by:\n\n"
        f"```console\n$ {facts.command}\n```\n"
    )


def options_folds(frame: Frame) -> bool:
    """Whether the splits are folds."""
    return frame.options.split == "kfold"


def _features(frame: Frame) -> str:
    rows = [
        (one.name, frame.types[one.name], one.unit or "", one.leak if one.leak != "none" else "", one.null_when or "",
         one.description)
        for one in frame.features
    ]  # fmt: skip
    apart = ", ".join(f"`{_cell(one.name)}`" for one in frame.apart)
    labels = list(LABEL_DOCS.items())
    text = "## Columns\n\n" + _table(("feature", "type", "unit", "leak", "null when", "meaning"), rows)
    return text + f"\nKept apart, in `identity/`: {apart}.\n\n" + _table(("column", "meaning"), labels)
