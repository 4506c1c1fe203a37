"""The rules of the chosen sources as a table of DuckDB, one row a rule, ready for the join.

Interval of a rule, with its tolerance: `lo` to `hi`, both included. The tolerance that a rule has by itself:
- packet: none, the number decides;
- event: the unit of its time, at least 1 us, because tools print microseconds of captures with nanoseconds;
- window and tuple: none, because the end of their interval already includes the unit of the source.

`number` says how a packet number is used:
- `exact`: the capture is known (named, or the only one of the lake), so the number decides. If the rule also has
  endpoints they must agree, because the number may be that of another capture.
- `hint`: an event in a lake of several captures. Time and tuple decide, the number among equals.
- `lost`: a rule of kind packet that names no capture, in a lake of several: it matches nothing.

`shape` is the way in which flows are found: community (by Community ID), tuple (one host and port on each side: an
equality of four columns), pair (networks on both sides), side (on one side), any (neither), none (by number alone).
`bare` rules restrict nothing but capture and time: packets without a flow match them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from netlake.errors import LakeError, QueryError
from netlake.label.conditions import Conditions
from netlake.label.join.opened import Opened
from netlake.label.join.options import Options
from netlake.schema.sql import literal

_SIDES = """
CREATE OR REPLACE TABLE side AS SELECT row_number() OVER (ORDER BY networks)::INTEGER AS id, networks FROM (
    SELECT DISTINCT list_sort(list_distinct(networks)) AS networks FROM (
        SELECT a_networks AS networks FROM given UNION ALL SELECT v_networks FROM given) WHERE len(networks) > 0)
"""
_RULES = """
CREATE OR REPLACE TABLE rule AS
WITH sided AS (
    SELECT g.*, a.id AS a_side, v.id AS v_side FROM given g
    LEFT JOIN side a ON a.networks = list_sort(list_distinct(g.a_networks))
    LEFT JOIN side v ON v.networks = list_sort(list_distinct(g.v_networks))
), reach AS (
    SELECT *, {tolerance} AS tolerance,
        CASE WHEN packet IS NULL THEN NULL WHEN capture IS NOT NULL OR {single} THEN 'exact'
             WHEN kind = 'event' THEN 'hint' ELSE 'lost' END AS number,
        CASE WHEN direction = 'both' THEN NULL ELSE direction = 'a2v' END AS need,
        len(v_networks) = 0 AND len(v_ports) = 0 AND direction = 'both' AS sideless,
        community_id IS NULL AND a_side IS NULL AND v_side IS NULL AND len(a_ports) = 0 AND len(v_ports) = 0
            AND protocol IS NULL AND icmp_type IS NULL AS endless
    FROM sided
)
SELECT (row_number() OVER (ORDER BY source, rule) - 1)::INTEGER AS id,
    * EXCLUDE (a_networks, v_networks, a_ports, v_ports, tactics, techniques, zone, note, format, severity),
    begin_ts IS NULL OR kind = 'packet' OR coalesce(number = 'exact', false) AS timeless,
    coalesce(begin_ts - to_microseconds(tolerance), '-infinity'::TIMESTAMPTZ) AS lo,
    coalesce(end_ts + to_microseconds(tolerance), 'infinity'::TIMESTAMPTZ) AS hi,
    CASE WHEN len(a_ports) = 1 THEN a_ports[1] END AS a_port, CASE WHEN len(v_ports) = 1 THEN v_ports[1] END AS v_port,
    CASE WHEN len(a_ports) > 1 THEN a_ports END AS a_list, CASE WHEN len(v_ports) > 1 THEN v_ports END AS v_list,
    CASE WHEN number = 'lost' OR (number = 'exact' AND endless) THEN 'none'
         WHEN community_id IS NOT NULL THEN 'community'
         WHEN a_side IS NULL AND v_side IS NULL THEN 'any'
         WHEN a_side IS NULL OR v_side IS NULL THEN 'side'
         WHEN {one_host} AND a_port IS NOT NULL AND v_port IS NOT NULL THEN 'tuple' ELSE 'pair' END AS shape,
    kind IN ('window', 'tuple') OR (kind = 'packet' AND packet IS NULL) AS timed,
    endless AND condition IS NULL AND need IS NULL AND packet IS NULL AND kind <> 'event' AS bare,
    dense_rank() OVER (ORDER BY condition)::INTEGER AS checked
FROM reach
"""
_ONE_HOST = " AND ".join(
    f"len({side}_networks) = 1 AND (({side}_networks[1] NOT LIKE '%:%' AND {side}_networks[1] LIKE '%/32')"
    f" OR {side}_networks[1] LIKE '%/128')"
    for side in "av"
)
# what an edge repeats of its rule
REPEATED = ("source", "rule", "state", "label", "category", "attempted", "priority", "confidence")


@dataclass(frozen=True, slots=True)
class Rules:
    """The chosen rules: `sources` with their versions, and `repeated`, the columns that edges repeat, by rule id."""

    sources: dict[str, str]
    repeated: pa.Table

    def __len__(self) -> int:
        return int(self.repeated.num_rows)


def load(lake: Opened, options: Options, captures: int) -> Rules:
    """Create the tables `rule` and `side` from the chosen sources, for a lake with so many captures.

    LakeError if the lake has no ground truth or not the named source, QueryError for a condition that cannot be used.
    """
    chosen = _chosen(lake, options)
    lake.bind("truth")
    names = ", ".join(map(literal, chosen))
    lake.sql.execute(f"CREATE OR REPLACE TEMP VIEW given AS SELECT * FROM truth WHERE source IN ({names})")  # noqa: S608
    lake.sql.execute(_SIDES)
    given = options.tolerance
    tolerance = (
        "CASE WHEN kind = 'packet' THEN 0 WHEN kind = 'event' THEN greatest(1, coalesce(resolution, 1)) ELSE 0 END"
        if given is None
        else f"CASE WHEN kind = 'packet' THEN 0 ELSE {round(given * 1e6)} END"
    )
    single = str(captures == 1).lower()
    # both come from here, nothing of the user
    lake.sql.execute(_RULES.format(tolerance=f"({tolerance})::BIGINT", single=single, one_host=_ONE_HOST))
    _check_conditions(lake)
    repeated = lake.sql.sql(f"SELECT {', '.join(REPEATED)} FROM rule ORDER BY id").to_arrow_table()  # noqa: S608
    if not repeated.num_rows:
        raise LakeError("The ground truth of this lake has no rules; import a file: netlake label import FILE.")
    return Rules(chosen, repeated)


def _chosen(lake: Opened, options: Options) -> dict[str, str]:
    known = lake.catalog.owners("truth", lake.snapshot.at)
    if not known:
        raise LakeError(
            f"The lake {lake.catalog.folder} has no ground truth; import a file first: netlake label import FILE."
        )
    for source in options.sources:
        if source not in known:
            raise LakeError(f"The lake has no source {source!r} of ground truth; it has: {', '.join(sorted(known))}.")
    return {source: known[source] for source in sorted(set(options.sources) or known)}


def _check_conditions(lake: Opened) -> None:
    query = (
        "SELECT condition, arg_min(source, id), arg_min(rule, id), arg_min(file, id), arg_min(line, id) FROM rule"
        " WHERE condition IS NOT NULL GROUP BY condition ORDER BY 1"
    )
    found = lake.rows(query)
    if found:
        conditions = Conditions({field.name: field.type for field in lake.snapshot.fields("connection")})
        for condition, source, rule, file, line in found:
            if fault := conditions.fault(condition):
                where = f"rule {rule} of {source} ({place(file, line)})"
                raise QueryError(f"The condition {condition!r} of {where} cannot be used: {fault}.")


def place(file: str, line: Any) -> str:
    """Where a rule stands, for people."""
    return file if line is None else f"{file}:{line}"


def networks(lake: Opened) -> list[tuple[int, list[str]]]:
    """(id, networks) of every set of networks on a side of a rule."""
    found: list[tuple[int, list[str]]] = [(row[0], row[1]) for row in lake.rows("SELECT id, networks FROM side")]
    if any(not isinstance(text, str) for _, texts in found for text in texts):
        raise QueryError("A network of the ground truth is null; import the file again.")
    return found
