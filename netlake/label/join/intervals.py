"""Joins records with intervals where a key has many: thousands of windows of two hosts, or of one long flow.

An equality of keys alone compares each record with every interval of its key. So the intervals of such keys are put
into classes by length (the longest of a class is at most four times as long as the shortest), and are numbered in each
class by their begin. Those that can overlap a record are then consecutive: the first begins at most the longest of the
class before the record does, the last not after its end. Both numbers are found by ASOF joins, and the records are
joined with the numbers between them. The caller still checks the times: numbers only leave out what cannot match.

For a table T of intervals (columns `lo`, `hi`, `timeless`, `id`), `rank` makes `T_rest`, the intervals of other keys
and those without an end; `T_ranked`, the intervals of keys that have many; and two tables that `numbered` uses.
"""

from __future__ import annotations

from netlake.label.join.opened import Opened

# intervals of one key that are compared one by one
MANY = 64
_BOUNDED = "NOT timeless AND isfinite(lo) AND isfinite(hi)"
_CROWDED = (
    "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {bounded} GROUP BY {keys} HAVING count(*) > {many} LIMIT 1)"
)
_RANK = """
CREATE OR REPLACE TABLE {table}_counted AS
SELECT *, {bounded} AND count(*) FILTER ({bounded}) OVER (PARTITION BY {keys}) > {many} AS crowded FROM {table};
CREATE OR REPLACE TABLE {table}_rest AS SELECT * EXCLUDE (crowded) FROM {table}_counted WHERE NOT crowded;
CREATE OR REPLACE TABLE {table}_ranked AS
WITH measured AS (
    SELECT * EXCLUDE (crowded), epoch_us(hi) - epoch_us(lo) AS length FROM {table}_counted WHERE crowded),
classed AS (SELECT *, floor(log2(length + 1) / 2)::INTEGER AS class FROM measured)
SELECT *, dense_rank() OVER (ORDER BY {keys}, class) AS grp,
    row_number() OVER (PARTITION BY {keys}, class ORDER BY lo, id) AS rank FROM classed;
CREATE OR REPLACE TABLE {table}_class AS
SELECT grp, {keys}, to_microseconds(max(length)) AS longest FROM {table}_ranked GROUP BY ALL;
CREATE OR REPLACE TABLE {table}_step AS SELECT grp, lo, max(rank) AS rank FROM {table}_ranked GROUP BY grp, lo
"""
_NUMBERED = """(
SELECT * EXCLUDE (grp, key_low, key_high, earlier, latest), grp AS key_group,
    unnest(range(coalesce(earlier, 0) + 1, latest + 1)) AS key_rank FROM (
    SELECT x.*, e.rank AS earlier, l.rank AS latest
    FROM (SELECT {columns}, k.grp, {begin} - k.longest AS key_low, {end} AS key_high
        FROM {rows} JOIN {table}_class k ON {on}) x
    ASOF JOIN {table}_step l ON l.grp = x.grp AND x.key_high >= l.lo
    ASOF LEFT JOIN {table}_step e ON e.grp = x.grp AND x.key_low > e.lo))
"""


def rank(lake: Opened, table: str, keys: str, among: str = "true") -> bool:
    """Make the tables for `table` if a key has many intervals; whether it has. `among` selects intervals."""
    bounded = f"({among}) AND {_BOUNDED}"
    if not lake.value(_CROWDED.format(table=table, bounded=bounded, keys=keys, many=MANY)):
        return False
    for statement in _RANK.format(table=table, bounded=bounded, keys=keys, many=MANY).split(";"):
        lake.sql.execute(statement)
    return True


def numbered(table: str, rows: str, columns: str, times: tuple[str, str], on: str) -> str:
    """The SQL of `rows` with the number of each interval that may overlap their times: a relation in parentheses.

    Its columns are `columns` of `rows`, a relation with its joins, and key_group and key_rank, which are grp and rank
    in the ranked table. `times` are begin and end of a row, `on` joins rows with the keys of class k.
    """
    begin, end = times
    return _NUMBERED.format(table=table, rows=rows, columns=columns, begin=begin, end=end, on=on)


def same(interval: str, row: str) -> str:
    """The condition that joins an interval of the ranked table with a row of `numbered`."""
    return f"{interval}.grp = {row}.key_group AND {interval}.rank = {row}.key_rank"
