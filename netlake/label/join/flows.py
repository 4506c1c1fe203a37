"""Finds the flows that rules concern: the first step of the join, on connections only.

A packet belongs to one flow, whose ends and protocol are its own. So rules are joined with connections, which are one
or two orders of magnitude fewer than packets, and packets are then found by the number of their flow and their time.

Shape of the join. `(o = a AND r = v) OR (o = v AND r = a)` cannot be hashed, so each orientation is an equi-join of
its own, and both are joined by UNION ALL. `ends` has the pairs of hosts that occur, for each pair of sides of a rule;
times are a filter on the pairs found. A flow that matches a rule in both orientations is one candidate.

Tables: `flow`, the connections that can match; `candidate`, flow and rule of every match with the rule's interval.
`orient` is 1 if the originator is on the attacker's side, -1 if the responder is, 0 if both are.
"""

from __future__ import annotations

from collections.abc import Sequence

from netlake.label.join import intervals
from netlake.label.join.opened import Opened
from netlake.schema.sql import literal

_FLOWS = """
CREATE OR REPLACE TABLE flow AS
SELECT cap.id AS cap, c.flow, c.ts, c.last_ts, o.id AS o, r.id AS r, c.orig_port AS op, c.resp_port AS rp, c.protocol,
    c.icmp_type, c.icmp_code, c.community_id, c.orig_packets + c.resp_packets AS packets, c.quoted_flow
FROM connection c JOIN cap ON cap.capture = c.capture LEFT JOIN host o ON o.ip = c.orig_ip
LEFT JOIN host r ON r.ip = c.resp_ip WHERE {wanted}
"""
# connections of captures that were decoded without the table `connection`, from the flows of their packets
_FROM_PACKETS = """
CREATE OR REPLACE TEMP VIEW connection AS
WITH f AS (
    SELECT capture, flow, min(ts) AS ts, max(ts) AS last_ts, min(packet) AS first_packet, max(packet) AS last_packet,
        coalesce(max(src_ip) FILTER (from_originator), max(dst_ip) FILTER (NOT from_originator)) AS orig_ip,
        coalesce(max(dst_ip) FILTER (from_originator), max(src_ip) FILTER (NOT from_originator)) AS resp_ip,
        coalesce(max(src_port) FILTER (from_originator), max(dst_port) FILTER (NOT from_originator)) AS orig_port,
        coalesce(max(dst_port) FILTER (from_originator), max(src_port) FILTER (NOT from_originator)) AS resp_port,
        count(*) FILTER (from_originator) AS orig_packets, count(*) FILTER (NOT from_originator) AS resp_packets,
        max(split_part(stack, ':', -1)) AS top
    FROM packet WHERE flow IS NOT NULL GROUP BY capture, flow)
SELECT * EXCLUDE (top), CASE top WHEN 'tcp' THEN 6 WHEN 'udp' THEN 17 WHEN 'icmpv4' THEN 1 WHEN 'icmpv6' THEN 58
    WHEN 'sctp' THEN 132 END::SMALLINT AS protocol, NULL::SMALLINT AS icmp_type, NULL::SMALLINT AS icmp_code,
    NULL::VARCHAR AS community_id, NULL::BIGINT AS quoted_flow
FROM f
"""
_ENDS = """
CREATE OR REPLACE TABLE ends AS
WITH pair AS (SELECT DISTINCT o, r FROM flow WHERE o IS NOT NULL AND r IS NOT NULL),
sides AS (SELECT DISTINCT a_side, v_side FROM rule WHERE shape IN ('pair', 'tuple'))
SELECT o, r, a_side, v_side, 1::TINYINT AS orient FROM pair JOIN member a ON a.host = o JOIN member v ON v.host = r
    JOIN sides ON a_side = a.side AND v_side = v.side
UNION ALL
SELECT o, r, a_side, v_side, -1::TINYINT FROM pair JOIN member a ON a.host = r JOIN member v ON v.host = o
    JOIN sides ON a_side = a.side AND v_side = v.side
"""
_ACTIVE = """
CREATE OR REPLACE TABLE active AS SELECT rule.*, cap.id AS cap FROM rule LEFT JOIN cap ON cap.capture = rule.capture
WHERE shape <> 'none' AND (rule.capture IS NULL OR cap.id IS NOT NULL) AND {during}
"""
# one row for each directed equi-join: (shape, join of flow f with its sides, what it finds, rule u of these sides).
# The first join is materialized: otherwise DuckDB may join flows with rules by port and time before it looks at hosts
_JOINS = (
    ("pair", "JOIN ends e ON e.o = f.o AND e.r = f.r", "e.a_side, e.v_side, e.orient",
     "u.a_side = f.a_side AND u.v_side = f.v_side"),
    ("tuple", "JOIN t ON t.o = f.o AND t.r = f.r AND t.op = f.op AND t.rp = f.rp", "t.id, t.orient", "u.id = f.id"),
    ("side", "JOIN member m ON m.host = f.o", "m.side, 1 AS orient", "u.a_side = f.side"),
    ("side", "JOIN member m ON m.host = f.r", "m.side, -1 AS orient", "u.a_side = f.side"),
    ("side", "JOIN member m ON m.host = f.o", "m.side, -1 AS orient", "u.v_side = f.side"),
    ("side", "JOIN member m ON m.host = f.r", "m.side, 1 AS orient", "u.v_side = f.side"),
    ("community", "", "1 AS orient", "u.community_id = f.community_id"),
    ("community", "", "-1 AS orient", "u.community_id = f.community_id"),
    ("any", "", "1 AS orient", "true"),
    ("any", "", "-1 AS orient", "true"),
)  # fmt: skip
_TUPLES = """t AS (
    SELECT id, a.host AS o, v.host AS r, a_port AS op, v_port AS rp, 1::TINYINT AS orient
    FROM active JOIN member a ON a.side = a_side JOIN member v ON v.side = v_side WHERE shape = 'tuple'
    UNION ALL
    SELECT id, v.host, a.host, v_port, a_port, -1::TINYINT
    FROM active JOIN member a ON a.side = a_side JOIN member v ON v.side = v_side WHERE shape = 'tuple')
"""
_DURING = "(u.timeless OR (f.ts <= u.hi AND f.last_ts >= u.lo))"
_CONDITION = "(u.condition IS NULL OR (u.checked, f.cap, f.flow) IN (SELECT (checked, cap, flow) FROM holds))"


def prepare(lake: Opened, captures: Sequence[str], *, connections: bool) -> None:
    """Create `cap` (id, capture) and bind `packet` and `connection`; `connections`: the captures have the latter."""
    values = ", ".join(f"({index}, {literal(capture)})" for index, capture in enumerate(captures))
    lake.sql.execute(f"CREATE OR REPLACE TABLE cap AS FROM (VALUES {values}) v(id, capture)")
    lake.bind("packet", captures)
    if connections:
        lake.bind("connection", captures)
    else:
        lake.sql.execute(_FROM_PACKETS)


def find(lake: Opened, during: str = "true") -> None:
    """Create `flow`, `active`, `ends` and `candidate`; `during` selects rules by their interval."""
    # rules without a side may concern any flow, and packets by number may lie in any
    every = lake.value("SELECT count(*) FROM rule WHERE shape IN ('any', 'community', 'none')")
    lake.sql.execute(_FLOWS.format(wanted="true" if every else "o.id IS NOT NULL OR r.id IS NOT NULL"))
    lake.sql.execute(_ACTIVE.format(during=during))
    lake.sql.execute(_ENDS)
    lake.sql.execute("CREATE OR REPLACE TABLE holds (checked INTEGER, cap INTEGER, flow BIGINT)")
    query = "SELECT DISTINCT checked, condition FROM active WHERE condition IS NOT NULL ORDER BY 1"
    found = lake.rows(query)
    for checked, condition in found:
        # the condition was checked when the rules were loaded
        lake.sql.execute(
            f"INSERT INTO holds SELECT {checked}, cap.id, flow FROM connection JOIN cap USING (capture)"  # noqa: S608
            f" WHERE (\n{condition}\n)"
        )
    conditions = (_DURING, _CONDITION) if found else (_DURING,)
    crowded = intervals.rank(lake, "active", "shape, a_side, v_side", "shape IN ('pair', 'side')")
    lake.sql.execute(f"CREATE OR REPLACE TABLE candidate AS {matching(lake, conditions, crowded=crowded)}")


def matching(lake: Opened, conditions: Sequence[str], only: str = "true", *, crowded: bool = False) -> str:
    """The SQL of all pairs of flow and active rule: cap, flow, id, orient.

    `conditions` are on flow f and rule u, `only` selects rules. `crowded`: some rules have been ranked by their times,
    which `conditions` compare.
    """
    shapes = {row[0] for row in lake.rows("SELECT DISTINCT shape FROM active")}
    wanted = [join for join in _JOINS if join[0] in shapes]
    if not wanted:
        return "SELECT NULL::INTEGER AS cap, NULL::BIGINT AS flow, NULL::INTEGER AS id, 0 AS orient WHERE false"
    found = [
        f"f{place} AS MATERIALIZED (SELECT f.*, {finds} FROM flow f {joins})"  # noqa: S608 - made of constants
        for place, (_, joins, finds, _) in enumerate(wanted)
    ]
    parts = []
    for place, (shape, _, _, sides) in enumerate(wanted):
        flow, rules = f"f{place} f", f"active{'_rest' if crowded else ''} u ON {sides}"
        parts.append(_part(flow, rules, shape, conditions, only))
        if crowded and shape in ("pair", "side"):
            on = f"{sides.replace('u.', 'k.')} AND k.shape = '{shape}'"
            flow = intervals.numbered("active", flow, "f.*", ("f.ts", "f.last_ts"), on) + " f"
            parts.append(_part(flow, f"active_ranked u ON {intervals.same('u', 'f')}", shape, conditions, only))
    return (
        f"WITH {', '.join([_TUPLES, *found])} SELECT cap, flow, id, CASE WHEN min(orient) = max(orient)"  # noqa: S608
        f" THEN min(orient) ELSE 0 END AS orient FROM ({' UNION ALL '.join(parts)}) GROUP BY cap, flow, id"
    )


def _part(flows: str, rules: str, shape: str, conditions: Sequence[str], only: str) -> str:
    """The matches of one equi-join; `flows` and `rules` are the relations f and u with the join of both."""
    ports = " AND ".join(
        f"(u.{side}_port IS NULL OR u.{side}_port = {port}) AND (u.{side}_list IS NULL OR list_contains(u.{side}_list,"
        f" {port}))"
        for side, port in (
            ("a", "CASE WHEN f.orient > 0 THEN f.op ELSE f.rp END"),
            ("v", "CASE WHEN f.orient > 0 THEN f.rp ELSE f.op END"),
        )
    )
    where = [
        f"u.shape = '{shape}'", only, ports, *conditions,
        "(u.cap IS NULL OR u.cap = f.cap)", "(u.protocol IS NULL OR u.protocol = f.protocol)",
        "(u.icmp_type IS NULL OR f.protocol IN (1, 58))",
    ]  # fmt: skip
    return (
        f"SELECT f.cap, f.flow, u.id, f.orient::TINYINT AS orient FROM {flows} JOIN {rules}"  # noqa: S608
        f" WHERE {' AND '.join(where)}"
    )
