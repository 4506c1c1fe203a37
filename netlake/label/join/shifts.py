"""Finds the shift of a source's clock or time zone: the one by which its intervals meet the traffic of their rules.

Score of a shift: for windows, the mean of two numbers, of the flows that start in the moved window, and of those in it
where a flow that overlaps it in part counts by that part; for events, 1 if a flow contains the moved instant.

- Zone: of the multiples of a quarter hour up to 14 hours, the one with the best score, if at least twice as many rules
  match as without. Whole hours win over quarters, small shifts over large ones.
- Twelve hours: rules without a match of which most match 12 hours later, if others match as they are, and if this
  explains more rules than a zone.
- Skew: the shifts that move the begin of a window to the first packet of a flow within 2 minutes, or its end to a last
  one. A shift is a skew if it adds at least 2 % and loses almost nothing: a true skew moves the windows over all of the
  attack, a chance shift loses at one end what it gains at the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netlake.label.join.traffic import Flows, Longs, Traffic

QUARTER, SECOND, NEAR = 900_000_000, 1_000_000, 120_000_000
HALF_DAY = 48 * QUARTER
_QUARTERS = np.arange(-56, 57, dtype=np.int64) * QUARTER
# rules of a source that are examined, evenly chosen, and candidates of a skew
RULES, CANDIDATES = 400, 128
GAIN, LOSS, PART = 1.02, 0.02, 0.1
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Intervals:
    """The intervals of rules of a source with flows: rule ids, begin and end in microseconds, events or windows."""

    rule: Longs
    begin: Longs
    end: Longs
    event: npt.NDArray[np.bool_]

    def of(self, rows: npt.NDArray[Any] | slice) -> Intervals:
        """Those at `rows`."""
        return Intervals(self.rule[rows], self.begin[rows], self.end[rows], self.event[rows])

    def chosen(self) -> Intervals:
        """At most RULES of them, evenly chosen."""
        return self.of(slice(None, None, -(-len(self.rule) // RULES) or 1))


@dataclass(frozen=True, slots=True)
class Shift:
    """Microseconds to add to the times of a source, and the score before and after, as flows.

    `rules` is the number of rules that then match; for half days `before` and `after` are rules.
    """

    kind: str
    shift: int
    before: float
    after: float
    rules: int


def scores(traffic: Traffic, intervals: Intervals, shifts: Longs) -> Reals:
    """The score of each rule (rows) for each shift (columns)."""
    result = np.zeros((len(intervals.rule), len(shifts)))
    for rows, flows in _keys(traffic, intervals):
        begin = intervals.begin[rows][:, None] + shifts
        end = intervals.end[rows][:, None] + shifts
        inside = flows.starting(begin, end) + flows.before(end) - flows.before(begin - 1)
        result[rows] = np.where(intervals.event[rows][:, None], flows.active(begin, end) > 0, inside / 2)
    return result


def _kept(traffic: Traffic, intervals: Intervals, shift: int) -> Reals:
    """The score of the part of each window that a shift keeps."""
    both = Intervals(
        intervals.rule,
        np.maximum(intervals.begin, intervals.begin + shift),
        np.minimum(intervals.end, intervals.end + shift),
        intervals.event,
    )
    kept = scores(traffic, both, np.zeros(1, np.int64))[:, 0]
    return np.where(both.begin <= both.end, kept, 0)


def _keys(traffic: Traffic, intervals: Intervals) -> Iterator[tuple[Longs, Flows]]:
    """(rows of intervals, flows) of each key with flows."""
    keys = traffic.key[intervals.rule]
    order = np.argsort(keys, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        if len(rows):
            flows = traffic.of_key(int(keys[rows[0]]))
            if flows is not None:
                yield rows, flows


def find(traffic: Traffic, intervals: Intervals) -> list[Shift]:
    """The shifts that the intervals of a source probably need, at most one of each kind."""
    chosen = intervals.chosen()
    found = []
    base = 0
    zone, half = _zone(traffic, chosen), _half_day(traffic, chosen)
    if half and (zone is None or half.rules > zone.rules):
        found.append(half)
    elif zone:
        found.append(zone)
        base = zone.shift
    moved = Intervals(chosen.rule, chosen.begin + base, chosen.end + base, chosen.event)
    if skew := _skew(traffic, moved):
        found.append(skew)
    return found


def _zone(traffic: Traffic, intervals: Intervals) -> Shift | None:
    score = scores(traffic, intervals, _QUARTERS)
    matching, total = (score > 0).sum(axis=0), score.sum(axis=0)
    # the best by rules, then by flows, then whole hours, then small shifts
    order = np.lexsort((np.abs(_QUARTERS), _QUARTERS % (4 * QUARTER) != 0, -total, -matching))
    best, zero = int(order[0]), len(_QUARTERS) // 2
    if best == zero or matching[best] < 2 * max(1, matching[zero]) - (matching[zero] == 0):
        return None
    return Shift("zone", int(_QUARTERS[best]), float(total[zero]), float(total[best]), int(matching[best]))


def _half_day(traffic: Traffic, intervals: Intervals) -> Shift | None:
    """A shift of 12 hours that only some rules need."""
    for shift in (HALF_DAY, -HALF_DAY):
        score = scores(traffic, intervals, np.array([0, shift], np.int64))
        missed, later = score[:, 0] == 0, score[:, 1] > 0
        needing = missed & later
        if needing.any() and needing.sum() * 2 > missed.sum() and not missed.all():
            both = (score > 0).any(axis=1).sum()
            return Shift("half_day", shift, float((~missed).sum()), float(needing.sum()), int(both))
    return None


def _skew(traffic: Traffic, intervals: Intervals) -> Shift | None:
    windows = ~intervals.event
    if windows.any():
        intervals = intervals.of(windows)
    candidates = _candidates(traffic, intervals)
    if not len(candidates):
        return None
    score = scores(traffic, intervals, np.concatenate([np.zeros(1, np.int64), candidates]))
    total = score.sum(axis=0)
    for best in np.lexsort((np.abs(candidates), -total[1:])).tolist():
        shift, gain = int(candidates[best]), total[best + 1]
        if gain < total[0] * GAIN + 0.001:
            return None
        lost = total[0] - _kept(traffic, intervals, shift).sum() if windows.any() else 0
        if lost <= max(LOSS * total[0], PART * (gain - total[0])):
            return Shift("skew", shift, float(total[0]), float(gain), int((score[:, best + 1] > 0).sum()))
    return None


def _candidates(traffic: Traffic, intervals: Intervals) -> Longs:
    found: list[Longs] = []
    for rows, flows in _keys(traffic, intervals):
        for times, edges in ((flows.starts, intervals.begin), (flows.ends, intervals.end)):
            for edge in edges[rows].tolist():
                low, high = np.searchsorted(times, [edge - NEAR, edge + NEAR])
                near = times[low:high] - edge
                # the outermost and some between
                found.append(near[np.unique(np.linspace(0, len(near) - 1, 16).astype(np.int64))] if len(near) else near)
    every = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
    every = every[np.abs(every) >= SECOND]
    return every[np.unique(np.linspace(0, len(every) - 1, CANDIDATES).astype(np.int64))] if len(every) else every
