"""Display filters on a lake: the SQL condition of the rows of a table, and lazy frames.

What only the originals have is read first (`payload`), for packets that the rest of the filter leaves; the plan then
has lists of packets instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlake.errors import FilterError, LakeError, OptionError
from netlake.query.chosen import chosen
from netlake.query.connection import Connection
from netlake.query.dump import source_of
from netlake.query.filter import compiled, narrowed, plan, sql
from netlake.query.filter.plan import Plan
from netlake.query.snapshot import Snapshot

if TYPE_CHECKING:
    import polars as pl


def of_path(lake: Path, table: str, text: str, at: str | None, captures: Sequence[str] = ()) -> str:
    """`rows` for the lake at a path, at a snapshot and of captures as the user writes them; () for all captures."""
    snapshot = snapshot_of(lake, at, captures)
    connection = Connection()
    try:
        return rows(text, table, snapshot, connection)
    finally:
        connection.close()


def snapshot_of(lake: Path, at: str | None, captures: Sequence[str]) -> Snapshot:
    """The snapshot of the lake at a path, as the user writes it."""
    from netlake.lake.catalog import Catalog
    from netlake.query.snapshot import moment

    catalog = Catalog(lake, readonly=True)
    try:
        snapshot = Snapshot(catalog, moment(at))
    except OptionError:
        raise
    except LakeError as error:
        raise OptionError(f"--at: {error}") from error
    if captures:
        snapshot = Snapshot(catalog, snapshot.at, chosen(captures, snapshot.captures()))
    return snapshot


def conditions(text: str, tables: Sequence[str], snapshot: Snapshot, connection: Connection) -> dict[str, str]:
    """`rows` for each of `tables` whose rows have a packet or flow; the filter is read once."""
    found = _known(text, snapshot, connection)
    among = narrowed.captures(found, snapshot, connection)
    columns = {table: source_of(table, snapshot)[1] for table in tables}
    return {
        table: sql.rows(found, own, among)
        for table, own in columns.items()
        if "capture" in own and {"packet", "flow"} & set(own)
    }


def rows(text: str, table: str, snapshot: Snapshot, connection: Connection) -> str:
    """The SQL condition on rows of `table`, a table or view, whose packet matches the filter `text`."""
    _, columns = source_of(table, snapshot)
    if "capture" not in columns or not {"packet", "flow"} & set(columns):
        raise FilterError(f"Rows of table {table} are of no packet, so that no filter selects them; use --where.")
    found = _known(text, snapshot, connection)
    return sql.rows(found, columns, narrowed.captures(found, snapshot, connection))


def packets(text: str, snapshot: Snapshot, connection: Connection) -> str:
    """The SQL statement for all packets that match the filter `text`."""
    found = _known(text, snapshot, connection)
    return sql.packets(found, narrowed.captures(found, snapshot, connection))


def frame(text: str, of: pl.LazyFrame, snapshot: Snapshot, connection: Connection) -> pl.LazyFrame:
    """The rows of the frame of a table whose packet matches the filter `text`."""
    from netlake.query.filter import frames
    from netlake.query.frames import scan

    return frames.rows(_known(text, snapshot, connection), of, lambda table: scan(connection, snapshot, table))


def _known(text: str, snapshot: Snapshot, connection: Connection) -> Plan:
    """The plan of a filter, with lists of packets for what only the originals have."""
    columns: dict[str, set[str]] = {}

    def has(table: str, column: str) -> bool:
        if table not in columns:
            columns[table] = {field.name for field in snapshot.fields(table)}
        return column in columns[table]

    found = compiled(text, has)
    if any(plan.is_bytes(test) for test in plan.tests(found)):
        from netlake.query.filter import payload

        return payload.read(found, snapshot, connection)
    return found
