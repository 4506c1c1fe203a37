"""Finds the packets that rules concern, in the candidate flows, and the flows of events without a packet.

`hit` has one row for each packet and rule of a direct match. `sent` is 1 if the attacker's side sent the packet, -1 if
the victim's did, null if the rule does not tell. `special` hits are those that time alone does not decide.

- window, tuple: the packets of candidate flows within the interval.
- exact numbers: that packet; with endpoints, only if it is of a candidate flow.
- event: of the packets in candidate flows within the tolerance, sent as the rule says, the nearest in time; among
  equals the one whose number is the hint; several that remain are all hits, and ambiguous. Each capture by itself.
- ICMP type and code: those of the packet, from the tables of ICMP; a flow has the type of its first message only.
- bare rules: packets without a flow too.
"""

from __future__ import annotations

from collections.abc import Iterator

from netlake.label.join import intervals
from netlake.label.join.opened import Opened

_HIT = """
CREATE OR REPLACE TABLE hit (cap INTEGER, packet BIGINT, flow BIGINT, id INTEGER, sent TINYINT, distance DOUBLE,
    special BOOLEAN, ambiguous BOOLEAN)
"""
_CANDIDATES = """
CREATE OR REPLACE TABLE chosen AS SELECT c.cap, c.flow, c.id, c.orient, u.lo, u.hi, u.begin_ts, u.end_ts, u.timeless,
    u.need, u.icmp_type, u.icmp_code, u.packet AS wanted, u.number, u.tolerance, u.sideless
FROM candidate c JOIN active u USING (id) WHERE {which}
"""
SENDS = "CASE WHEN c.orient = 0 THEN NULL WHEN {row}.from_originator = (c.orient = 1) THEN 1 ELSE -1 END"
# the direction of the rule, if it has one
NEEDED = "(c.need IS NULL OR c.orient = 0 OR ({row}.from_originator = (c.orient = 1)) = c.need)"
DISTANCE = (
    "CASE WHEN c.timeless THEN NULL ELSE greatest(0, epoch_us(c.begin_ts) - epoch_us({row}.ts),"
    " epoch_us({row}.ts) - epoch_us(c.end_ts)) / 1e6 END"
)
DURING = "(c.timeless OR {row}.ts BETWEEN c.lo AND c.hi)"
_FROM = """
SELECT {cap} AS cap, p.packet, p.flow, c.id, ({sends})::TINYINT, {distance}, {special}, false
FROM {joins} WHERE {during} AND {needed} AND {also}
"""
_ICMP = """
CREATE OR REPLACE TEMP VIEW icmp AS SELECT capture, packet, type, code FROM icmpv4
UNION ALL SELECT capture, packet, type, code FROM icmpv6
"""
_NEAR = """
CREATE OR REPLACE TABLE near (cap INTEGER, packet BIGINT, flow BIGINT, id INTEGER, sent TINYINT, wanted BIGINT,
    distance DOUBLE)
"""
_EVENTS = """
INSERT INTO near
SELECT {cap} AS cap, p.packet, p.flow, c.id, ({sends})::TINYINT AS sent, c.wanted,
    abs(epoch_us(p.ts) - epoch_us(c.begin_ts)) / 1e6 AS distance
FROM {joins} WHERE p.ts BETWEEN c.lo AND c.hi AND {needed} AND {also}
"""
_NEAREST = """
INSERT INTO hit
WITH ranked AS (
    SELECT *, rank() OVER (PARTITION BY cap, id ORDER BY distance, coalesce(packet = wanted, false) DESC) AS r
    FROM near)
SELECT cap, packet, flow, id, sent, distance, true, count(*) OVER (PARTITION BY cap, id) > 1 FROM ranked WHERE r = 1
"""
# flows that contain the instant of an event for which no packet was found
_CONTAINING = """
CREATE OR REPLACE TABLE containing AS
WITH found AS (
    SELECT c.cap, c.flow, c.id, c.orient,
        greatest(0, epoch_us(f.ts) - epoch_us(u.begin_ts), epoch_us(u.begin_ts) - epoch_us(f.last_ts)) / 1e6 AS distance
    FROM candidate c JOIN active u USING (id) JOIN flow f ON f.cap = c.cap AND f.flow = c.flow
    WHERE u.kind = 'event' AND u.begin_ts IS NOT NULL AND u.icmp_type IS NULL
        AND coalesce(u.number, '') <> 'exact' AND (c.cap, c.id) NOT IN (SELECT (cap, id) FROM hit)),
ranked AS (SELECT *, rank() OVER (PARTITION BY cap, id ORDER BY distance) AS r FROM found)
SELECT cap, flow, id, orient, distance, count(*) OVER (PARTITION BY cap, id) > 1 AS ambiguous FROM ranked WHERE r = 1
"""
_NUMBERS = """
INSERT INTO hit
SELECT cap.id, p.packet, p.flow, u.id, NULL, NULL, true, false
FROM rule u JOIN packet p ON p.packet = u.packet JOIN cap ON cap.capture = p.capture
WHERE u.number = 'exact' AND u.shape = 'none' AND (u.capture IS NULL OR u.capture = p.capture)
"""
_BARE = """
INSERT INTO hit
SELECT {cap}, p.packet, NULL, c.id, NULL, {distance}, true, false FROM packet p {caps} JOIN active c ON true
WHERE p.flow IS NULL AND c.bare AND c.timed AND {during} AND (c.cap IS NULL OR c.cap = {cap})
"""


class Packets:
    """The statements for the captures that are bound; `one`: it is a single one, so they are not joined by capture."""

    def __init__(self, lake: Opened, *, one: bool) -> None:
        self.lake = lake
        self.cap = "0" if one else "cap.id"
        self.caps = "" if one else "JOIN cap ON cap.capture = p.capture"
        self.same_flow = ("" if one else "{0}.cap = cap.id AND ") + "{0}.flow = p.flow"

    def find(self, captures: list[str]) -> None:
        """Create `hit` and `containing`."""
        sql = self.lake.sql
        sql.execute(_HIT)
        self._timed("u.timed AND u.icmp_type IS NULL", special=False)
        if self.lake.value("SELECT count(*) FROM active WHERE icmp_type IS NOT NULL"):
            for table in ("icmpv4", "icmpv6"):
                self.lake.bind(table, captures)
            sql.execute(_ICMP)
            self._timed("u.timed AND u.icmp_type IS NOT NULL", special=True)
        self._events()
        sql.execute(_NUMBERS)
        if self.lake.value("SELECT count(*) FROM active WHERE bare AND timed"):
            sql.execute(_BARE.format(cap=self.cap, caps=self.caps, **_parts()))

    def _timed(self, which: str, *, special: bool) -> None:
        self._choose(which)
        bounds = self._bounds()
        for cap, found in self._pairs(bounds):
            joins, also = self._typed(found, typed=special)
            parts = _parts() | {"also": f"{also} AND {bounds}", "special": str(special).lower()}
            self.lake.sql.execute("INSERT INTO hit " + _FROM.format(cap=cap, joins=joins, **parts))

    def _all(self, chosen: str = "chosen") -> str:
        """Packets p with each chosen rule c of their flow."""
        return f"packet p {self.caps} JOIN {chosen} c ON {self.same_flow.format('c')}"

    def _pairs(self, bounds: str) -> Iterator[tuple[str, str]]:
        """(number of the capture, relation with packets p and rules c), in which all pairs that match in time are.

        Flows with many rules are compared by the ranks of their intervals. `bounds` is a condition on packets.
        """
        if not intervals.rank(self.lake, "chosen", "cap, flow"):
            yield self.cap, self._all()
            return
        yield self.cap, self._all("chosen_rest")
        columns = f"{self.cap} AS cap, p.capture, p.packet, p.flow, p.ts, p.from_originator"
        on = f"{self.same_flow.format('k')} AND {bounds}"
        packets = intervals.numbered("chosen", f"packet p {self.caps}", columns, ("p.ts", "p.ts"), on)
        yield "p.cap", f"{packets} p JOIN chosen_ranked c ON {intervals.same('c', 'p')}"

    def _choose(self, which: str) -> None:
        self.lake.sql.execute(_CANDIDATES.format(which=which))

    @staticmethod
    def _typed(joins: str, *, typed: bool) -> tuple[str, str]:
        """(joins, condition) with the type and code of a packet's ICMP message."""
        if not typed:
            return joins, "true"
        return (
            f"{joins} JOIN icmp ON icmp.capture = p.capture AND icmp.packet = p.packet",
            "icmp.type = c.icmp_type AND (c.icmp_code IS NULL OR icmp.code = c.icmp_code)",
        )

    def _bounds(self) -> str:
        """A filter on time that the files' statistics can use; true if a rule has no time."""
        lo, hi, timeless = self.lake.rows("SELECT min(lo)::VARCHAR, max(hi)::VARCHAR, bool_or(timeless) FROM chosen")[0]
        if timeless or lo is None:
            return "true"
        return f"p.ts BETWEEN '{lo}'::TIMESTAMPTZ AND '{hi}'::TIMESTAMPTZ"

    def _events(self) -> None:
        """Nearest packets, then flows that contain the instant, then packets of exact numbers in candidate flows."""
        sql, parts = self.lake.sql, _parts()
        for typed in (False, True):
            known = "IS NOT NULL" if typed else "IS NULL"
            self._choose(
                f"u.kind = 'event' AND u.icmp_type {known} AND coalesce(u.number, '') <> 'exact' AND NOT u.timeless"
            )
            if self.lake.value("SELECT count(*) FROM chosen"):
                bounds = self._bounds()
                sql.execute(_NEAR)
                for cap, found in self._pairs(bounds):
                    joins, also = self._typed(found, typed=typed)
                    also = f"{also} AND {bounds}"
                    sql.execute(
                        _EVENTS.format(cap=cap, joins=joins, sends=parts["sends"], needed=parts["needed"], also=also)
                    )
                sql.execute(_NEAREST)
        sql.execute(_CONTAINING)
        self._choose("u.number = 'exact'")
        if self.lake.value("SELECT count(*) FROM chosen"):
            parts |= {"also": "p.packet = c.wanted", "special": "true"}
            sql.execute("INSERT INTO hit " + _FROM.format(cap=self.cap, joins=self._all(), **parts))


def _parts() -> dict[str, str]:
    return {
        "sends": SENDS.format(row="p"),
        "needed": NEEDED.format(row="p"),
        "distance": DISTANCE.format(row="p"),
        "during": DURING.format(row="p"),
    }
