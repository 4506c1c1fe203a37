"""Makes the edges: of connections from candidates and hits, and of every other table from both.

Connections (`edge`), one edge for each rule:
- direct: a window or tuple whose interval the flow overlaps (or begins in, or is within: the mode), in the direction of
  the rule; an event for which no packet was found, if the flow contains its instant;
- from_packet: an event, a packet number or an ICMP type matched packets of the flow;
- from_flow: an ICMP error flow that quotes a labelled flow.
`fraction` is the share of the flow's packets that match by themselves; it may be 0 for a flow that is silent while the
interval lasts. Packets of a tunnel count for the innermost flow.

Records of other tables have the edge of a rule
- direct: if time and direction of the record match as those of a packet do, or if their packet is a special hit;
- from_flow: if only their connection has it. Packets and their headers (TCP, IP) have these edges only if asked for
  (`spread`): most questions about packets are about those that match by themselves.
Headers without a flow of their own (IP) follow the packet whose addresses they have.
"""

from __future__ import annotations

from netlake.label.join import intervals
from netlake.label.join.opened import Opened, Shape
from netlake.label.join.packets import DISTANCE, DURING, NEEDED, SENDS
from netlake.schema.sql import name as quoted

DIRECT, FROM_FLOW, FROM_PACKET = 0, 1, 2
SCOPES = ("direct", "from_flow", "from_packet")
# which flows a window labels
_MODES = {"overlap": "true", "start": "f.ts BETWEEN u.lo AND u.hi", "contained": "f.ts >= u.lo AND f.last_ts <= u.hi"}
_EDGES = f"""
CREATE OR REPLACE TABLE edge AS
WITH direct AS (
    SELECT c.cap, c.flow, c.id, c.orient, CASE WHEN u.timeless OR f.ts IS NULL THEN NULL ELSE greatest(0,
            epoch_us(least(f.last_ts, u.end_ts)) - epoch_us(greatest(f.ts, u.begin_ts))) / 1e6 END AS overlap,
        CASE WHEN u.timeless OR f.ts IS NULL THEN NULL ELSE greatest(0, epoch_us(u.begin_ts) - epoch_us(f.last_ts),
            epoch_us(f.ts) - epoch_us(u.end_ts)) / 1e6 END AS distance, false AS ambiguous
    FROM candidate c JOIN active u USING (id) JOIN flow f ON f.cap = c.cap AND f.flow = c.flow
    WHERE u.timed AND (u.timeless OR ({{mode}})) AND (u.need IS NULL OR c.orient = 0 OR (c.orient = 1) = u.need)
        AND (u.icmp_type IS NULL OR (u.icmp_type = f.icmp_type AND (u.icmp_code IS NULL OR u.icmp_code = f.icmp_code)))
    UNION ALL SELECT cap, flow, id, orient, 0, distance, ambiguous FROM containing
), hits AS (
    SELECT cap, flow, id, count(*) AS packets, bool_or(special) AS special, bool_or(ambiguous) AS ambiguous,
        min(distance) AS distance
    FROM hit WHERE flow IS NOT NULL GROUP BY cap, flow, id
), own AS (
    SELECT cap, flow, id, {DIRECT} AS scope, orient, overlap, distance, ambiguous FROM direct
    UNION ALL
    SELECT h.cap, h.flow, h.id, {FROM_PACKET}, c.orient, NULL, h.distance, h.ambiguous FROM hits h
    LEFT JOIN candidate c USING (cap, flow, id) ANTI JOIN direct d USING (cap, flow, id) WHERE h.special
), quoting AS (
    SELECT q.cap, q.flow, o.id, {FROM_FLOW} AS scope, NULL::TINYINT AS orient, NULL AS overlap, NULL AS distance,
        bool_or(o.ambiguous) AS ambiguous
    FROM flow q JOIN own o ON o.cap = q.cap AND o.flow = q.quoted_flow ANTI JOIN own x
        ON x.cap = q.cap AND x.flow = q.flow AND x.id = o.id
    WHERE q.quoted_flow IS NOT NULL GROUP BY ALL
)
SELECT e.*, coalesce(h.packets, 0) / nullif(f.packets, 0) AS fraction
FROM (FROM own UNION ALL FROM quoting) e LEFT JOIN hits h USING (cap, flow, id)
LEFT JOIN flow f ON f.cap = e.cap AND f.flow = e.flow
"""  # noqa: S608 - made of constants
# everything that decides about a record of a flow; `labelled`: the connection has the edge
_REACH = """
CREATE OR REPLACE TABLE reach AS
SELECT coalesce(c.cap, e.cap) AS cap, coalesce(c.flow, e.flow) AS flow, coalesce(c.id, e.id) AS id,
    coalesce(c.orient, e.orient) AS orient, u.lo, u.hi, u.begin_ts, u.end_ts, u.timeless, u.need,
    coalesce(u.timed AND u.icmp_type IS NULL AND c.id IS NOT NULL, false) AS timed, e.id IS NOT NULL AS labelled
FROM candidate c FULL JOIN edge e ON e.cap = c.cap AND e.flow = c.flow AND e.id = c.id
JOIN rule u ON u.id = coalesce(c.id, e.id)
WHERE e.id IS NOT NULL OR (u.timed AND u.icmp_type IS NULL)
"""
COLUMNS = "cap, packet, place, flow, id, scope, direction, overlap, distance, fraction, ambiguous"
# the originator of a connection is the sender: 1 is a2v, -1 is v2a
_CONNECTIONS = """
SELECT cap, NULL::BIGINT AS packet, NULL::SMALLINT AS place, flow, id, scope::TINYINT AS scope,
    CASE WHEN NOT u.sideless THEN nullif(orient, 0) END::TINYINT AS direction, overlap::DOUBLE AS overlap,
    distance::DOUBLE AS distance, fraction::DOUBLE AS fraction, e.ambiguous
FROM edge e JOIN (SELECT id, sideless FROM rule) u USING (id) ORDER BY cap, flow, id
"""
_HITS = """
SELECT cap, packet, 0::SMALLINT AS place, flow, id, 0::TINYINT AS scope,
    CASE WHEN NOT u.sideless THEN sent END::TINYINT AS direction,
    CASE WHEN u.begin_ts IS NOT NULL AND NOT u.timeless THEN 0.0 END::DOUBLE AS overlap, distance,
    NULL::DOUBLE AS fraction, h.ambiguous
FROM hit h JOIN (SELECT id, sideless, begin_ts, timeless FROM rule) u USING (id)
"""
_RECORDS = """
WITH found AS ({found})
SELECT cap, packet, place, flow, id, CASE WHEN direct THEN 0 ELSE 1 END::TINYINT AS scope,
    CASE WHEN NOT u.sideless THEN sent END::TINYINT AS direction,
    CASE WHEN direct AND has_time THEN 0.0 END::DOUBLE AS overlap,
    CASE WHEN direct AND has_time THEN distance END::DOUBLE AS distance, NULL::DOUBLE AS fraction, false AS ambiguous
FROM found JOIN (SELECT id, sideless FROM rule) u USING (id) WHERE direct OR {labelled}
"""
_FOUND = """
SELECT {cap} AS cap, t.packet, t.place, {row}.flow, c.id, c.labelled, ({sends})::TINYINT AS sent,
    {direct} AS direct, {distance} AS distance, c.timed AND NOT c.timeless AS has_time
FROM {joins} WHERE {where}
"""


def make(lake: Opened, mode: str) -> None:
    """Create `edge` and `reach` from `candidate`, `hit` and `containing`."""
    lake.sql.execute(_EDGES.format(mode=_MODES[mode]))
    lake.sql.execute(_REACH)
    lake.sql.execute("CREATE OR REPLACE TABLE special AS SELECT DISTINCT cap, packet, flow, id FROM hit WHERE special")


def of_connections() -> str:
    """The SQL of the edges of connections, with the columns COLUMNS."""
    return _CONNECTIONS


def of_packets(lake: Opened, *, one: bool, spread: bool) -> str:
    """The SQL of the edges of packets: the hits, and with `spread` those from their flows."""
    if not spread:
        return _HITS
    packet = Shape("packet", header=True, flow=True, last_packet=False, from_originator=True)
    rest = of_records(lake, packet, one=one, spread=True)
    return f"SELECT {COLUMNS} FROM ({_HITS}) UNION ALL SELECT {COLUMNS} FROM ({rest}) WHERE scope = {FROM_FLOW}"  # noqa: S608


def of_records(lake: Opened, shape: Shape, *, one: bool, spread: bool) -> str:
    """The SQL of the edges of another table, whose view is bound."""
    caps = "" if one else "JOIN cap ON cap.capture = t.capture"
    row, rows, where = "t", f"{quoted(shape.name)} t {caps}", "true"
    if not shape.flow:
        row, rows = "p", f"{rows} JOIN packet p ON p.capture = t.capture AND p.packet = t.packet"
        where = "p.src_ip = t.src_ip AND p.dst_ip = t.dst_ip AND p.flow IN (SELECT flow FROM reach)"
    of_flow = ("" if one else "{0}.cap = cap.id AND ") + "{0}.flow = " + f"{row}.flow"
    # a record without its sender is that of its packet; the direction is then unknown
    sender = shape.from_originator or not shape.flow
    cap, labelled = "0" if one else "cap.id", not shape.header or spread
    direct, special = "", bool(lake.value("SELECT count(*) FROM special"))
    if special:
        last = "t.last_packet" if shape.last_packet else "t.packet"
        direct = (
            f" OR EXISTS (SELECT 1 FROM special s WHERE s.cap = {cap} AND s.id = c.id"  # noqa: S608
            f" AND s.flow = {row}.flow AND s.packet BETWEEN t.packet AND coalesce({last}, t.packet))"
        )

    def found(cap: str, row: str, joins: str, where: str, direct: str = "") -> str:
        needed, sends = (NEEDED.format(row=row), SENDS.format(row=row)) if sender else ("c.need IS NULL", "NULL")
        direct = f"coalesce((c.timed AND {needed} AND {DURING.format(row='t')}){direct}, false)"
        return _FOUND.format(cap=cap, row=row, sends=sends, direct=direct, distance=DISTANCE.format(row="t"),
                             joins=joins, where=where)  # fmt: skip

    # only what matches by its time: flows with many rules are compared by the ranks of their intervals
    if not (labelled or special) and intervals.rank(lake, "reach", "cap, flow", "timed"):
        columns = f"{cap} AS cap, t.packet, t.place, t.ts, {row}.flow{f', {row}.from_originator' if sender else ''}"
        ranked = intervals.numbered("reach", rows, columns, ("t.ts", "t.ts"), f"{of_flow.format('k')} AND {where}")
        parts = [
            found(cap, row, f"{rows} JOIN reach_rest c ON {of_flow.format('c')}", where),
            found("t.cap", "t", f"{ranked} t JOIN reach_ranked c ON {intervals.same('c', 't')}", "true"),
        ]
    else:
        parts = [found(cap, row, f"{rows} JOIN reach c ON {of_flow.format('c')}", where, direct)]
    return _RECORDS.format(found=" UNION ALL ".join(parts), labelled=str(labelled and "labelled").lower())
