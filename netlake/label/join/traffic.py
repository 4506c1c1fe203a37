"""Flows that match a rule in everything but time: what the diagnosis compares the intervals of rules with.

Rules that differ in their times only share a key. Memory is bounded: at most KEYS keys, chosen evenly, and FLOWS flows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from netlake.label.join import flows
from netlake.label.join.opened import Opened

Longs = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
_NOTHING = (np.zeros(0, np.int64),) * 3
# shorter flows are taken as instants, microseconds
SHORT = 1_000_000
KEYS, FLOWS = 20_000, 4_000_000
_KEYED = """
CREATE OR REPLACE TABLE keyed AS SELECT id, dense_rank() OVER (
    ORDER BY shape, community_id, a_side, v_side, a_port, v_port, a_list, v_list, protocol, capture)::INTEGER - 1 AS key
FROM rule WHERE shape IN ('pair', 'tuple', 'side', 'community')
"""
_ONE = """
CREATE OR REPLACE TABLE one AS SELECT key, min(id) AS id FROM keyed
WHERE key % {step} = 0 GROUP BY key ORDER BY key LIMIT {keys}
"""
_FLOWS = """
SELECT key, epoch_us(f.ts) AS ts, epoch_us(f.last_ts) AS last FROM ({matching}) m JOIN one USING (id)
JOIN flow f ON f.cap = m.cap AND f.flow = m.flow WHERE f.ts IS NOT NULL LIMIT {most}
"""


class Flows:
    """The flows of a key: `starts` and `ends` of their packets, each sorted, microseconds since 1970."""

    def __init__(self, start: Longs, end: Longs) -> None:
        self.starts, self.ends = np.sort(start), np.sort(end)
        self._base = int(self.starts[0])
        long = end - start >= SHORT
        self._instants = np.sort((start + (end - start) // 2)[~long])
        self._rising = _Slopes(start[long] - self._base, (end - start)[long], start[long] - self._base)
        self._level = _Slopes(end[long] - self._base, (end - start)[long], start[long] - self._base)

    def before(self, times: Longs) -> Reals:
        """Number of flows before each time, with the share of those that have begun but not ended."""
        relative = times - self._base
        ended = np.searchsorted(self._level.times, relative, "right")
        share = self._rising.at(relative) - self._level.at(relative)
        return np.searchsorted(self._instants, times, "right") + ended + share

    def starting(self, begin: Longs, end: Longs) -> Longs:
        """Number of flows that start in each closed interval."""
        return np.searchsorted(self.starts, end, "right") - np.searchsorted(self.starts, begin, "left")

    def active(self, begin: Longs, end: Longs) -> Longs:
        """Number of flows that overlap each closed interval."""
        return np.searchsorted(self.starts, end, "right") - np.searchsorted(self.ends, begin, "left")


class _Slopes:
    """The sum of (time - start) / duration over the flows whose entry in `times` is not after a time."""

    def __init__(self, times: Longs, durations: Longs, starts: Longs) -> None:
        order = np.argsort(times)
        self.times = times[order]
        self._slope = np.concatenate([[0.0], np.cumsum(1 / durations[order])])
        self._offset = np.concatenate([[0.0], np.cumsum(starts[order] / durations[order])])

    def at(self, times: Longs) -> Reals:
        """The sum at each of `times`."""
        count = np.searchsorted(self.times, times, "right")
        result: Reals = times * self._slope[count] - self._offset[count]
        return result


@dataclass(slots=True)
class Traffic:
    """The traffic of all keys; `key` has that of each rule, -1 for rules without."""

    key: Longs
    examined: set[int]
    parts: list[tuple[Longs, Longs, Longs]] = field(default_factory=list)
    _sorted: tuple[Longs, Longs, Longs] | None = None
    _flows: dict[int, Flows | None] = field(default_factory=dict)

    @classmethod
    def of(cls, lake: Opened, rules: int) -> Traffic:
        """The keys of the rules in the table `rule`, whose number is given; no traffic yet."""
        lake.sql.execute(_KEYED)
        count = lake.value("SELECT coalesce(max(key) + 1, 0) FROM keyed")
        lake.sql.execute(_ONE.format(step=max(1, -(-count // KEYS)), keys=KEYS))
        key = np.full(rules, -1, np.int64)
        found = lake.sql.execute("SELECT id, key FROM keyed").fetchnumpy()
        key[found["id"]] = found["key"]
        return cls(key, {row[0] for row in lake.rows("SELECT key FROM one")})

    def add(self, lake: Opened) -> None:
        """Add the flows of the present captures."""
        left = FLOWS - sum(len(part[0]) for part in self.parts)
        if not self.examined or left <= 0:
            return
        matching = flows.matching(lake, (), "u.id IN (SELECT id FROM one)")
        found = lake.sql.execute(_FLOWS.format(matching=matching, most=left)).fetchnumpy()
        self.parts.append(tuple(np.asarray(found[name], np.int64) for name in ("key", "ts", "last")))  # type: ignore[arg-type]

    def of_key(self, key: int) -> Flows | None:
        """The flows of a key; None if there are none."""
        if key not in self._flows:
            start, end = self._times(key)
            self._flows[key] = Flows(start, end) if len(start) else None
        return self._flows[key]

    def _times(self, key: int) -> tuple[Longs, Longs]:
        if self._sorted is None:
            keys, start, end = (np.concatenate(column) for column in zip(*self.parts, _NOTHING, strict=True))
            order = np.argsort(keys, kind="stable")
            self._sorted = (keys[order], start[order], end[order])
        keys, start, end = self._sorted
        rows = slice(*np.searchsorted(keys, [key, key + 1]))
        return start[rows], end[rows]

    def distance(self, rule: int, begin: int, end: int) -> float | None:
        """Seconds from an interval to the nearest flow of its rule: 0 if one overlaps, below 0 if it is before.

        None if there is no flow.
        """
        flows_of = self.of_key(int(self.key[rule]))
        if flows_of is None:
            return None
        starts, ends = flows_of.starts, flows_of.ends
        after, before = np.searchsorted(starts, end, "right"), np.searchsorted(ends, begin, "left")
        if after > before:
            return 0.0
        later = (starts[after] - end) / 1e6 if after < len(starts) else np.inf
        earlier = (begin - ends[before - 1]) / 1e6 if before > 0 else np.inf
        return float(later if later <= earlier else -earlier)
