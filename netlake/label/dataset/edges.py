"""Join the labels of one version to the rows of a feature set.

A version has edges to packets, to connections, or to both. Those to packets are exact for a part of a flow: a row gets
the edges of the packets from its first to its last packet. Without any, a row gets the edges of its connection, and so
does every part of a flow that a timeout has cut.

- An edge belongs to a row of the key (see `rows`) of its flow. Rows of one key do not overlap, so an ASOF join finds
  the one row that contains a packet. A user's set may have rows that overlap; then all pairs are compared.
- A row's edges are counted by rule; `label_fraction` counts packets, each once however many rules name it.
- The class is that of one edge, by the order of netlake.query.labelled: priority, attack before benign, confidence;
  then a full attack before an attempt, and at last by name, so that the order of rules has no influence. For
  `majority` it is attack before benign, then the number of packets, then priority.

Working tables: `work.hit` has a row for each row and rule, `work.mark` one for each row with any edge.
"""

from __future__ import annotations

from collections.abc import Mapping

from netlake.errors import QueryError
from netlake.label.dataset.work import Work

EDGE = "source, rule, state, label, category, attempted, priority, confidence, ambiguous"


def require(version: str, known: Mapping[str, str]) -> None:
    """QueryError if `version` is not among the `known` versions of labels in the lake."""
    if version not in known:
        listed = f"; the lake has {', '.join(sorted(known))}" if known else ""
        raise QueryError(f"The lake has no labels of version {version}{listed}: make them with `netlake label apply`.")


def join(work: Work, version: str, choose: str) -> str:
    """Create `work.hit` and `work.mark`; return the table whose edges were used, packet or connection."""
    table = _edges(work, version)
    if table == "packet":
        _of_packets(work)
    else:
        _of_connections(work)
    _mark(work, choose)
    return table


def _edges(work: Work, version: str) -> str:
    for table in ("packet", "connection"):
        work.run(
            f"CREATE OR REPLACE TABLE work.edge AS SELECT DISTINCT capture, flow, key, packet, fraction, {EDGE}"
            " FROM label LEFT JOIN work.owner o USING (capture, flow) WHERE version = ? AND record_table = ?",
            (version, table),
        )
        if work.value("SELECT count(*) FROM work.edge"):
            return table
    return "packet"


def _of_packets(work: Work) -> None:
    """Edges of packets: `work.touch` has (row, packet, edge), `work.hit` counts packets by row and rule."""
    if work.value("SELECT count(*) FROM work.key WHERE first_packet <> last_packet") == 0:
        pairs = "work.edge e JOIN work.key k ON e.capture = k.capture AND e.packet = k.first_packet"
    elif _overlapping(work):
        pairs = (
            "work.edge e JOIN work.key k ON e.capture = k.capture AND e.key = k.key"
            " AND e.packet BETWEEN k.first_packet AND k.last_packet"
        )
    else:
        pairs = (
            "work.edge e ASOF JOIN work.key k ON e.capture = k.capture AND e.key = k.key AND e.packet >= k.first_packet"
        )
    work.run(
        f"CREATE TABLE work.touch AS SELECT k.id, e.packet, {_prefixed()} FROM {pairs} WHERE e.packet <= k.last_packet"
    )
    work.run(
        f"CREATE TABLE work.hit AS SELECT id, {EDGE}, count(DISTINCT packet) AS packets, NULL::DOUBLE AS fraction"
        f" FROM work.touch GROUP BY id, {EDGE}"
    )
    work.run(
        "CREATE TABLE work.covered AS SELECT id, state, count(DISTINCT packet) AS packets FROM work.touch GROUP BY ALL"
    )
    _sizes(work)


def _sizes(work: Work) -> None:
    """`work.size`: the number of packets of each row that has an edge."""
    if work.value("SELECT count(*) FROM work.key WHERE first_packet <> last_packet") == 0:
        work.run("CREATE TABLE work.size AS SELECT DISTINCT id, 1 AS packets FROM work.hit")
        return
    work.run("CREATE TABLE work.part AS SELECT k.* FROM work.key k SEMI JOIN work.hit h ON k.id = h.id")
    join = "JOIN" if _overlapping(work) else "ASOF JOIN"
    work.run(
        "CREATE TABLE work.size AS SELECT k.id, count(DISTINCT p.packet) AS packets FROM (SELECT DISTINCT capture, key,"
        " packet FROM packet JOIN work.owner USING (capture, flow) WHERE (capture, key) IN"
        " (SELECT (capture, key) FROM work.part)) p"
        f" {join} work.part k ON p.capture = k.capture AND p.key = k.key AND p.packet >= k.first_packet"
        " WHERE p.packet <= k.last_packet GROUP BY k.id"
    )


def _overlapping(work: Work) -> bool:
    """Whether rows of one key share packets."""
    return bool(
        work.value(
            "SELECT count(*) FROM (SELECT lead(first_packet) OVER (PARTITION BY capture, key ORDER BY first_packet, id)"
            " AS next, last_packet FROM work.key WHERE key IS NOT NULL) WHERE next <= last_packet"
        )
    )


def _of_connections(work: Work) -> None:
    """Edges of connections: every row of the flow gets them, and a row of several flows those of each."""
    work.run(
        f"CREATE TABLE work.hit AS SELECT k.id, {_prefixed()}, 1::BIGINT AS packets, max(e.fraction) AS fraction"
        " FROM work.edge e JOIN work.owner o ON e.capture = o.capture AND e.flow = o.flow JOIN work.key k"
        " ON e.capture = k.capture AND e.key = k.key AND (e.flow BETWEEN k.flow AND k.last_flow)"
        " AND o.first_packet <= k.last_packet AND o.last_packet >= k.first_packet"
        f" GROUP BY k.id, {_prefixed()}"
    )
    work.run("CREATE TABLE work.covered AS SELECT id, state, 0::BIGINT AS packets FROM work.hit WHERE false")
    work.run("CREATE TABLE work.size AS SELECT id, 0::BIGINT AS packets FROM work.hit WHERE false")


def _prefixed() -> str:
    return ", ".join(f"e.{name}" for name in EDGE.split(", "))


def _mark(work: Work, choose: str) -> None:
    """`work.mark`: state, label, labels, attempted and label_fraction of each row with an edge."""
    attack = "state = 'attack' DESC"
    first = f"{attack}, packets DESC, priority DESC" if choose == "majority" else f"priority DESC, {attack}"
    order = f"{first}, confidence DESC NULLS LAST, attempted NULLS FIRST, label, packets DESC, source, rule"
    work.run(
        "CREATE TABLE work.mark AS WITH chosen AS (SELECT *, row_number() OVER (PARTITION BY id ORDER BY "
        + order
        + ") AS place FROM work.hit),"
        " every AS (SELECT id, list_sort(list(DISTINCT label)) AS labels, bool_or(ambiguous) AS ambiguous,"
        " max(fraction) FILTER (state = 'attack') AS attack_fraction, max(fraction) AS any_fraction"
        " FROM work.hit GROUP BY id)"
        " SELECT c.id, c.state, c.label, e.labels, c.attempted, e.ambiguous,"
        " coalesce(least(1.0, v.packets / s.packets),"
        " CASE WHEN c.state = 'attack' THEN e.attack_fraction ELSE e.any_fraction END) AS label_fraction"
        " FROM chosen c JOIN every e USING (id) LEFT JOIN work.covered v ON v.id = c.id AND v.state = c.state"
        " LEFT JOIN work.size s ON s.id = c.id WHERE c.place = 1"
    )
