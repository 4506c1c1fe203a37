"""The captures that a filter can select packets of, from the statistics of the catalog: no file is opened.

Every part of a conjunction must hold, so its packets are in captures with a file that can have a row for it. These
captures are demanded of all tables of the statement: a filter on an address opens only files of captures in which the
address can be, also of tables without addresses, and one on times only those of that time.
"""

from __future__ import annotations

from collections.abc import Iterator

from netlake.query.connection import Connection
from netlake.query.filter import plan, sql
from netlake.query.filter.plan import Plan
from netlake.query.pruning import ALWAYS
from netlake.query.snapshot import Snapshot

# more captures are not listed in a statement
MOST = 500


def captures(of: Plan, snapshot: Snapshot, connection: Connection) -> tuple[str, ...] | None:
    """The ids of the captures that can have packets of the plan, sorted; None if they are too many, or all."""
    every = {entry.facts.capture for entry in snapshot.catalog.captures(snapshot.at)}
    left = set(every)
    for part in _parts(of):
        if len(every) > 1:
            left &= _of_part(part, snapshot, connection, every)
    return tuple(sorted(left)) if len(left) <= MOST and left != every else None


def _parts(of: Plan) -> Iterator[plan.Test]:
    """The tests that all packets of a plan fulfil, without those on bytes."""
    for part in of.of if isinstance(of, plan.And) else (of,):
        if isinstance(part, plan.And):
            yield from _parts(part)
        elif isinstance(part, (plan.Exists, plan.Layer, plan.Some, plan.Every)) and not plan.is_bytes(part):
            yield part


def _of_part(part: plan.Test, snapshot: Snapshot, connection: Connection, every: set[str]) -> set[str]:
    """The captures with a file that can have a row for a test."""
    tables = plan.tables(part)
    fields = {table: snapshot.fields(table) for table in tables}
    found: set[str] = set()
    may = connection.planner.tests(sql.rows_of(part), fields)
    for table in tables:
        column = next(field.number for field in fields[table] if field.name == "capture")
        test = may.get(table, ALWAYS)
        for file in snapshot.files(table, {column, *test.columns}):
            if test(file.stats):
                known = file.stats.get(column)
                if known is None or known.least is None or known.least != known.greatest:
                    return every
                found.add(str(known.least))
    return found
