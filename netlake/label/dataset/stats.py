"""Counts of the finished rows, for stats.json, the plots and the card.

All numbers are counts, extremes and medians, which do not depend on the order in which threads add them.
"""

from __future__ import annotations

from typing import Any

from netlake.label.dataset.checks.labels import counts
from netlake.label.dataset.frame import Frame
from netlake.label.dataset.work import quoted

HOSTS = 20
BINS = 96


def stats(frame: Frame) -> dict[str, Any]:
    """The content of stats.json."""
    work = frame.work
    every = dict(work.rows(f"SELECT _split, count(*) FROM {frame.relation} GROUP BY _split ORDER BY _split"))
    states = dict(
        work.rows(f"SELECT label_state, count(*) FROM {frame.relation} GROUP BY label_state ORDER BY label_state")
    )
    rules = work.rows(
        "SELECT t.source, t.rule, t.label, t.state, count(DISTINCT h.id) FROM truth t LEFT JOIN work.hit h"
        " ON h.source = t.source AND h.rule = t.rule WHERE t.source IN (SELECT DISTINCT source FROM work.hit)"
        " GROUP BY ALL ORDER BY t.source, t.rule"
    )
    hours = work.rows(
        "SELECT _split, target, strftime(make_timestamp(_first // 3600000000 * 3600000000), '%Y-%m-%dT%H:00Z')"
        " AS hour,"
        f" count(*) FROM {frame.relation} WHERE {frame.used} AND _first IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    hosts = work.rows(
        "SELECT target, host, rows FROM (SELECT *, row_number() OVER (PARTITION BY target ORDER BY rows DESC,"
        " host) AS place"
        f" FROM (SELECT target, _host_a AS host, count(*) AS rows FROM {frame.relation} WHERE {frame.used}"
        f" AND _host_a IS NOT NULL GROUP BY ALL)) WHERE place <= {HOSTS} ORDER BY target, place"
    )
    return {
        "rows": sum(every.values()),
        "rows_by_split": every,
        "rows_by_state": states,
        "rows_by_split_and_class": counts(frame),
        "rows_by_split_class_and_hour": [
            {"split": split, "class": frame.classes[target], "hour": hour, "rows": rows}
            for split, target, hour, rows in hours
        ],
        "originators_by_class": [
            {"class": frame.classes[target], "host": host, "rows": rows} for target, host, rows in hosts
        ],
        "rules": [
            {"source": source, "rule": rule, "label": label, "state": state, "rows": rows}
            for source, rule, label, state, rows in rules
        ],
        "rules_without_rows": sum(row[4] == 0 for row in rules),
        "features": _features(frame),
    }


def _features(frame: Frame) -> dict[str, dict[str, Any]]:
    """Least, median and greatest value, and nulls, of each numeric feature in the training rows."""
    result = {}
    for name in frame.numeric:
        column = quoted(name)
        least, median, greatest, nulls = frame.work.row(
            f"SELECT min({column}), quantile_disc({column}, 0.5), max({column}), count(*) - count({column})"
            f" FROM {frame.relation} WHERE {frame.fitted} AND ({column} IS NULL OR isfinite({column}::DOUBLE))"
        )
        result[name] = {"min": least, "median": median, "max": greatest, "null": nulls}
    return result


def timeline(frame: Frame) -> tuple[int, int, list[tuple[int, int, int]]]:
    """(begin, end in microseconds, (bin, class, rows)): rows of the splits over time, in BINS bins."""
    begin, end = frame.work.row(f"SELECT min(_first), max(_first) FROM {frame.relation} WHERE {frame.used}")
    if begin is None:
        return 0, 0, []
    width = max(1, -(-(end - begin + 1) // BINS))
    found = frame.work.rows(
        f"SELECT (_first - {begin}) // {width}, target, count(*) FROM {frame.relation} WHERE {frame.used}"
        " AND _first IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    return begin, begin + width * BINS, [(int(place), target, rows) for place, target, rows in found]
