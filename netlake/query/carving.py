"""The SQL of `netlake carve`: which packets, where their records are, and their labels.

Rules
- `flows` and `packets` name packets by number; `where` is a condition on table `packet`, or a statement whose columns
  `capture` and `packet` name them; a display filter is compiled by netlake.query.filter. A packet must fulfil all that
  are given, and one of `flows`, one of `packets`.
- A packet is of each flow whose IP header it carries: a tunnel is a flow, and so is each connection in it. Table
  `packet` has the innermost one, so the tables of what IP carries (`ip.protocol=` among their keys) are read too.
- A label is that of the packet. A capture whose labels are of connections only has them for all packets of these.
- Rows are in the order of capture and packet, with the columns of `netlake.originals.carved`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from netlake.errors import OptionError
from netlake.originals.carved import COLUMNS
from netlake.query import labelled
from netlake.query.dump import check_condition
from netlake.query.selection import Selection
from netlake.query.snapshot import Snapshot
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted
from netlake.tables import entries

if TYPE_CHECKING:
    from netlake.query.connection import Connection

# the table of headers that the walk enters without a key
IP_IN_IP = "ip_in_ip"
_STATEMENT = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:select|from|with|values)\b", re.IGNORECASE | re.DOTALL)
_EDGE = "flow, label, state, source, rule, attempted"
_ORDER = "priority DESC, state = 'attack' DESC, attempted NULLS FIRST, label, source, rule"


@dataclass(frozen=True, slots=True)
class Carving:
    """Which packets: see the head of the module. `packets` are (first, last) numbers.

    `labels` is the version of labels that comments are made of, None for none.
    """

    flows: Sequence[int] = ()
    packets: Sequence[Sequence[int]] = ()
    where: str | None = None
    filter: str | None = None
    limit: int | None = None
    labels: str | None = None

    def selection(self, snapshot: Snapshot, connection: Connection) -> Selection:
        """The statement, and the tables that it needs; OptionError or FilterError for an invalid option."""
        conditions = [_of_flows(self.flows, snapshot)] if self.flows else []
        if self.packets:
            ranges = (f"packet BETWEEN {int(first)} AND {int(last)}" for first, last in self.packets)
            conditions.append(" OR ".join(ranges))
        if self.where is not None:
            conditions.append(_where(self.where, connection.database))
        given = {}
        if self.filter is not None:
            from netlake.query.filter import applied

            found = applied.rows(self.filter, "packet", snapshot, connection)
            conditions.append(found.sql)
            given = dict(found.tables)
        where = " AND ".join(f"(\n{one}\n)" for one in conditions) or "true"
        limit = "" if self.limit is None else f" LIMIT {self.limit}"
        columns = ", ".join(map(quoted, COLUMNS))
        chosen = f"SELECT {columns} FROM packet WHERE {where} ORDER BY capture, packet{limit}"  # noqa: S608
        return Selection(chosen if self.labels is None else _with_labels(chosen, self.labels), given)


def _of_flows(flows: Sequence[int], snapshot: Snapshot) -> str:
    """The condition that a row of `packet` is of one of the flows."""
    numbers = ", ".join(str(int(flow)) for flow in sorted(set(flows)))
    stored = set(snapshot.stored())
    above = [
        f"SELECT capture, packet FROM {quoted(name)} WHERE flow IN ({numbers})"  # noqa: S608
        for name, entry in entries().items()
        if name in stored
        and (name == IP_IN_IP or any(key.startswith("ip.protocol=") for key in entry.table.on))
        and any(field.name == "flow" for field in snapshot.fields(name))
    ]
    own = f"flow IN ({numbers})"
    return f"{own} OR (capture, packet) IN ({' UNION ALL '.join(above)})" if above else own


def has_labels(snapshot: Snapshot, version: str | None) -> str | None:
    """The version of labels to use: `version`, which the lake must have; without it `default` if the lake has that."""
    if version is None:
        return labelled.DEFAULT if labelled.DEFAULT in snapshot.catalog.owners(labelled.EDGES, snapshot.at) else None
    labelled.check([labelled.Labelled(version, "packet")], snapshot)
    return version


def _where(text: str, database: duckdb.DuckDBPyConnection) -> str:
    """The condition of --where: a condition as it is, or that packets are among those of a statement."""
    if not _STATEMENT.match(text):
        check_condition(database, text)
        return text
    try:
        count = len(database.extract_statements(text))
    except duckdb.Error as error:
        raise OptionError(f"--where: {str(error).partition(chr(10))[0]}") from error
    if count != 1:
        raise OptionError(f"--where: it has {count} statements; give a condition, or one statement.")
    return f"(capture, packet) IN (SELECT capture, packet FROM (\n{text.strip().rstrip(';')}\n))"  # noqa: S608


def _with_labels(chosen: str, version: str) -> str:
    """The statement `chosen` with the labels of its packets, in the order of precedence."""
    edges = f"FROM label WHERE version = {literal(version)} AND record_table ="
    direct = f"{edges} 'packet'"
    fields = ", ".join(f"{name}: {name}" for name in _EDGE.split(", "))
    return f"""
        WITH chosen AS MATERIALIZED ({chosen}),
        edge AS (
            SELECT DISTINCT capture, packet, {_EDGE}, priority {direct}
            UNION ALL
            SELECT DISTINCT l.capture, c.packet, {", ".join(f"l.{name}" for name in _EDGE.split(", "))}, l.priority
            FROM (SELECT * {edges} 'connection') l JOIN chosen c ON c.capture = l.capture AND c.flow = l.flow
            WHERE l.capture NOT IN (SELECT capture {direct})
        ),
        labelled AS (
            SELECT capture, packet, list({{{fields}}} ORDER BY {_ORDER}) AS labels
            FROM edge SEMI JOIN chosen USING (capture, packet) GROUP BY capture, packet
        )
        SELECT chosen.*, labels FROM chosen LEFT JOIN labelled USING (capture, packet) ORDER BY capture, packet
    """  # noqa: S608
