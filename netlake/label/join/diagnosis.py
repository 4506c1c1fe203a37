"""What is probably wrong with ground truth that matches little: zone, clock, address translation, another capture.

Everything said here has a figure from the lake, and nothing is corrected by itself: the user imports the file again
with another zone, or applies it with a tolerance.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from netlake.label.join import reasons, shifts
from netlake.label.join.opened import Opened
from netlake.label.join.report import Finding, Missed
from netlake.label.join.shifts import Intervals, Shift
from netlake.label.join.traffic import Traffic
from netlake.lake import Stored

# rules whose absent attackers are looked for
NAMELESS = 20
_PRESENT = (
    "SELECT DISTINCT side FROM member SEMI JOIN (SELECT o AS host FROM flow UNION SELECT r FROM flow) USING (host)"
)
# the peers of victims in the windows of rules whose attackers have no flow at all
_PEERS = """
WITH absent AS (
    SELECT id, v_side, lo, hi FROM active WHERE a_side IS NOT NULL AND v_side IS NOT NULL AND kind <> 'packet'
        AND a_side NOT IN (SELECT side FROM here) AND v_side IN (SELECT side FROM here) ORDER BY id LIMIT {most}
), near AS (
    SELECT a.id, c.orig_ip AS victim, c.resp_ip AS peer, c.orig_packets + c.resp_packets AS packets FROM connection c
    JOIN host h ON h.ip = c.orig_ip JOIN member m ON m.host = h.id JOIN absent a ON a.v_side = m.side
    WHERE c.ts <= a.hi AND c.last_ts >= a.lo
    UNION ALL
    SELECT a.id, c.resp_ip, c.orig_ip, c.orig_packets + c.resp_packets FROM connection c
    JOIN host h ON h.ip = c.resp_ip JOIN member m ON m.host = h.id JOIN absent a ON a.v_side = m.side
    WHERE c.ts <= a.hi AND c.last_ts >= a.lo
)
SELECT id, victim, peer, sum(packets)::BIGINT FROM near GROUP BY ALL ORDER BY ALL
"""
_TIMED = """
SELECT id, source, epoch_us(begin_ts) AS begin_ts, epoch_us(end_ts) AS end_ts, kind = 'event' AS event,
    a_side IS NOT NULL AND v_side IS NOT NULL AS both
FROM rule WHERE begin_ts IS NOT NULL AND kind <> 'packet' AND shape IN ('pair', 'tuple', 'community') ORDER BY id
"""


class Diagnosis:
    """Collects facts while groups of captures are processed; `result` returns the conclusions."""

    def __init__(self, lake: Opened, captures: list[Stored]) -> None:
        self.lake, self.captures = lake, captures
        self.traffic = Traffic.of(lake, lake.value("SELECT count(*) FROM rule"))
        self.present: set[int] = set()
        self.peers: dict[int, Counter[tuple[str, str]]] = {}

    def add(self) -> None:
        """Add the facts of the present captures."""
        lake = self.lake
        lake.sql.execute(f"CREATE OR REPLACE TABLE here AS {_PRESENT}")
        self.present |= {row[0] for row in lake.rows("FROM here")}
        self.traffic.add(lake)
        for rule, victim, peer, packets in lake.rows(_PEERS.format(most=NAMELESS)):
            self.peers.setdefault(rule, Counter())[victim, peer] += packets

    def result(self, found: npt.NDArray[np.int64]) -> tuple[list[Finding], list[Missed]]:
        """(what is probably wrong, rules without a match); `found` is the number of matches of each rule."""
        missed = reasons.missed(self.lake, found, self.present, self.traffic)
        findings = self._other_captures(found)
        known = {finding.source for finding in findings if finding.kind == "hosts"}
        timed = self.lake.sql.execute(_TIMED).fetchnumpy()
        for source in sorted(set(timed["source"].tolist())):
            if source in known:
                continue
            rows = timed["source"] == source
            columns = (np.asarray(timed[name][rows]) for name in ("id", "begin_ts", "end_ts", "event"))
            shifted = shifts.find(self.traffic, Intervals(*columns))
            findings += [_moved(source, shift, int(rows.sum())) for shift in shifted]
        moved = {finding.source for finding in findings}
        findings += [one for one in self._outside() if one.source not in moved]
        return findings + self._translated(found), missed

    def _other_captures(self, found: npt.NDArray[np.int64]) -> list[Finding]:
        """Sources none of whose hosts occur."""
        query = (
            "SELECT source, list(DISTINCT a_side), list(DISTINCT v_side), list(id) FROM rule GROUP BY source ORDER BY 1"
        )
        result = []
        for source, a_sides, v_sides, ids in self.lake.rows(query):
            sides = {side for side in (*a_sides, *v_sides) if side is not None}
            if sides and not sides & self.present and not found[ids].any():
                texts = self._networks(sides)
                sentence = (
                    f"none of the {len(texts):,} addresses and networks of its rules ({_few(texts)}) occurs in the"
                    " lake; it is probably the truth of another capture."
                )
                result.append(Finding("hosts", source, sentence))
        return result

    def _networks(self, sides: set[int]) -> list[str]:
        listed = ", ".join(map(str, sorted(sides)))
        rows = self.lake.rows(f"SELECT DISTINCT unnest(networks) FROM side WHERE id IN ({listed}) ORDER BY 1")  # noqa: S608
        return [row[0] for row in rows]

    def _outside(self) -> list[Finding]:
        """Sources whose times lie outside those of all captures."""
        times = [time for one in self.captures for time in (one.facts.begin, one.facts.end) if time is not None]
        if not times:
            return []
        query = (
            "SELECT source, min(begin_ts)::VARCHAR, max(end_ts)::VARCHAR FROM rule WHERE begin_ts IS NOT NULL"
            " AND kind <> 'packet' GROUP BY source HAVING min(lo) > $1 OR max(hi) < $2 ORDER BY 1"
        )
        span = f"{_moment(min(times))} to {_moment(max(times))}"
        return [
            Finding("other_capture", source, f"its times are {begin[:19]} to {end[:19]} UTC, those of the captures"
                    f" {span} UTC; it is the truth of another capture, or its zone is wrong.")
            for source, begin, end in self.lake.rows(query, [max(times), min(times)])
        ]  # fmt: skip

    def _translated(self, found: npt.NDArray[np.int64]) -> list[Finding]:
        result: dict[str, Finding] = {}
        for rule, peers in sorted(self.peers.items()):
            query = f"SELECT source, rule, s.networks FROM rule JOIN side s ON s.id = a_side WHERE rule.id = {rule}"  # noqa: S608
            absent = self.lake.value(f"SELECT a_side FROM rule WHERE id = {rule}") not in self.present  # noqa: S608
            source, number, networks = self.lake.rows(query)[0]
            if found[rule] or not absent or source in result:
                continue
            victims = sorted({victim for victim, _ in peers})
            busiest = [f"{peer} ({count:,} packets)" for (_, peer), count in peers.most_common(3)]
            sentence = (
                f"the attacker {_few(networks)} of rule {number} never occurs in the lake, but its victim"
                f" {_few(victims)} has traffic in the window, most with {', '.join(busiest)}: the attacker is probably"
                " behind address translation (NAT)."
            )
            result[source] = Finding("nat", source, sentence)
        return list(result.values())


def _moved(source: str, shift: Shift, rules: int) -> Finding:
    seconds = shift.shift / 1e6
    way = f"{_span(abs(seconds))} {'later' if seconds > 0 else 'earlier'}"
    if shift.kind == "half_day":
        sentence = (
            f"{shift.after:,.0f} of {rules:,} rules match only if their times are {way}: the file probably has times of"
            " a 12-hour clock without AM and PM."
        )
        return Finding("zone", source, sentence, seconds)
    if shift.kind == "zone":
        sentence = (
            f"its rules match {shift.before:,.0f} connections as they are, and {shift.after:,.0f} if all times are"
            f" {way}: the time zone is probably wrong; import the file again with a --zone whose offset differs"
            f" by {_hours(seconds)}."
        )
        return Finding("zone", source, sentence, seconds)
    sentence = (
        f"its windows contain {shift.before:,.1f} connections of their hosts, and {shift.after:,.1f} if all times are"
        f" {way}: the clocks probably differ, or the windows are too narrow; correct the times, or use --tolerance"
        f" {int(-(-abs(seconds) // 1))}."
    )
    return Finding("skew", source, sentence, seconds)


def _hours(seconds: float) -> str:
    """The change of the zone's offset from UTC: local times are later if the zone is behind."""
    minutes = round(-seconds / 60)
    return f"{'+' if minutes >= 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _span(seconds: float) -> str:
    if seconds >= 900 and seconds % 60 == 0:
        minutes = round(seconds / 60)
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{seconds:.1f} s"


def _moment(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"


def _few(texts: list[Any]) -> str:
    """The first three of some texts; hosts without the length of their network."""
    shown = [str(text).removesuffix("/32").removesuffix("/128") for text in texts[:3]]
    return ", ".join(shown) + (", ..." if len(texts) > 3 else "")
