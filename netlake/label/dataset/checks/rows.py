"""Rows of one split that give away rows of another: duplicates, hosts, groups, and the order of time."""

from __future__ import annotations

from typing import Any

from netlake.label.dataset.checks.verdict import FAIL, PASS, WARN, Check, percent
from netlake.label.dataset.frame import Frame
from netlake.label.dataset.work import quoted

# share of the evaluated rows that repeat rows of another split
MANY_DUPLICATES = 0.05


def held(frame: Frame) -> str:
    """SQL condition: the rows on which a model is evaluated; every fold is."""
    return f"({frame.used}) AND _split <> 'train'"


def hash_rows(frame: Frame) -> None:
    """Create `work.hashed`: a hash of the features of each row, equal for equal rows (64 bits)."""
    columns = ", ".join(quoted(one.name) for one in frame.features)
    frame.work.run(
        f"CREATE OR REPLACE TABLE work.hashed AS SELECT row_id, hash({columns}) AS hash, target, _split FROM"
        f" {frame.relation}"
        f" WHERE {frame.used}"
    )


def duplicates(frame: Frame) -> Check:
    """Rows whose features equal those of a row in another split."""
    found = frame.work.rows(
        "WITH shared AS (SELECT hash FROM work.hashed GROUP BY hash HAVING count(DISTINCT _split) > 1)"
        " SELECT target, count(*), count(s.hash) FROM work.hashed h LEFT JOIN shared s USING (hash) WHERE"
        f" {held(frame)}"
        " GROUP BY target ORDER BY target"
    )
    rows, repeated = sum(row[1] for row in found), sum(row[2] for row in found)
    share = repeated / rows if rows else 0.0
    by_class = {frame.classes[target]: again / count for target, count, again in found if again}
    status = PASS if not repeated else WARN if share <= MANY_DUPLICATES else FAIL
    sentence = (
        f"{repeated:,} of {rows:,} evaluated rows ({percent(share)}) have the same features as a row of another split."
        if repeated
        else "No evaluated row has the same features as a row of another split."
    )
    inside = frame.work.value("SELECT count(*) - count(DISTINCT (hash, _split)) FROM work.hashed")
    numbers = {"rows": rows, "repeated": repeated, "share": share, "share_by_class": by_class, "within_splits": inside}
    return Check("duplicates", status, sentence, numbers)


def _shared(frame: Frame, value: str) -> dict[str, Any]:
    """How many values of an SQL expression are in several splits, and how many evaluated rows have such a value."""
    values, rows, every = frame.work.row(
        f"WITH valued AS (SELECT {value} AS value, _split FROM {frame.relation} WHERE {frame.used}),"
        " shared AS (SELECT value FROM valued WHERE value IS NOT NULL GROUP BY value HAVING count(DISTINCT _split) > 1)"
        " SELECT (SELECT count(*) FROM shared), count(s.value), count(*) FROM valued v LEFT JOIN shared s USING (value)"
        f" WHERE {held(frame)}"
    )
    return {"shared": values, "rows": rows, "share": rows / every if every else 0.0}


def _verb(hosts: int, verb: str) -> str:
    """As `1 host starts` or `2 hosts start`."""
    return f"1 host {verb}s" if hosts == 1 else f"{hosts:,} hosts {verb}"


def hosts(frame: Frame) -> Check:
    """Hosts with rows in several splits."""
    sides = {"originators": "_host_a", "responders": "_host_b",
             "pairs": "least(_host_a, _host_b) || ' ' || greatest(_host_a, _host_b)"}  # fmt: skip
    numbers = {side: _shared(frame, value) for side, value in sides.items()}
    first = numbers["originators"]
    status = PASS if not first["shared"] else FAIL if frame.options.unit == "host" else WARN
    sentence = (
        f"{_verb(first['shared'], 'start')} connections in several splits: {percent(first['share'])} of the"
        " evaluated rows."
        if first["shared"]
        else "No host starts connections in two splits."
    )
    if numbers["responders"]["shared"]:
        sentence += f" {_verb(numbers['responders']['shared'], 'accept')} connections in several splits."
    return Check("hosts", status, sentence, numbers)


def groups(frame: Frame) -> Check:
    """Groups (flows, hosts or instances of attacks) with rows in several splits."""
    numbers = _shared(frame, "_group")
    unit = {"flow": "flows", "host": "hosts", "attack": "groups (instances of attacks, or pairs of hosts)"}[
        frame.options.unit
    ]
    status = FAIL if numbers["shared"] else PASS
    sentence = (
        f"{numbers['shared']:,} {unit} have rows in several splits: {percent(numbers['share'])} of the evaluated rows."
        if numbers["shared"]
        else f"No {unit} have rows in two splits."
    )
    return Check("groups", status, sentence, numbers)


def order(frame: Frame) -> Check:
    """Training rows from after the begin of the evaluated rows: information from the future."""
    if "train" not in frame.splits:
        return Check(
            "order", WARN, "Folds are not in the order of time: each is evaluated on models of later rows too."
        )
    last, first = frame.work.row(
        f"SELECT max(_last) FILTER (_split = 'train'), min(_first) FILTER (_split <> 'train') FROM {frame.relation}"
        f" WHERE {frame.used}"
    )
    late, rows, early, evaluated = frame.work.row(
        "SELECT count(*) FILTER (_split = 'train' AND _last >= $first), count(*) FILTER (_split = 'train'),"
        " count(*) FILTER (_split <> 'train' AND _first <= $last), count(*) FILTER (_split <> 'train')"
        f" FROM {frame.relation} WHERE {frame.used}".replace("$first", str(first)).replace("$last", str(last))
    )
    numbers = {
        "late_training_rows": late,
        "training_rows": rows,
        "early_evaluated_rows": early,
        "evaluated_rows": evaluated,
    }
    if not late:
        gap = (first - last) / 1e6
        return Check(
            "order",
            PASS,
            f"All training rows end {gap:,.6g} s before the evaluated rows begin.",
            {**numbers, "gap": gap},
        )
    sentence = (
        f"{late:,} of {rows:,} training rows end after the first evaluated row begins, and {early:,} of {evaluated:,}"
        " evaluated rows begin before the last training row ends: the evaluation is not one of the future."
    )
    return Check("order", FAIL if frame.options.split == "time" else WARN, sentence, numbers)
