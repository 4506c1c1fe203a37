"""Display filters on a lake: the SQL condition of the rows of a table, and lazy frames.

What only the originals have is read first (`payload`), for packets that the rest of the filter leaves; the plan then
has tables of packets instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlake.errors import FilterError, LakeError, OptionError
from netlake.lake.facts import CaptureFacts
from netlake.query.chosen import chosen
from netlake.query.connection import Connection
from netlake.query.dump import source_of
from netlake.query.filter import compiled, narrowed, plan, sql
from netlake.query.filter.plan import Plan
from netlake.query.selection import Selection
from netlake.query.snapshot import Snapshot
from netlake.spelling import unspelled

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


def originals(lake: Path, text: str, at: str | None, captures: Sequence[str] = ()) -> tuple[str, ...]:
    """The files that a filter reads on the lake at a path, with `at` and `captures` as the user writes them.

    These are all originals that are there, if the filter is on bytes. FilterError if it is invalid.
    """
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
    if not any(plan.is_bytes(test) for test in plan.tests(_compiled(text, snapshot))):
        return ()
    return files(snapshot.captures())


def conditions(
    text: str, tables: Sequence[str], snapshot: Snapshot, connection: Connection
) -> tuple[dict[str, str], dict[str, pa.Table]]:
    """The conditions of `rows` for each of `tables` whose rows have a packet or flow, and the tables that they need."""
    found = _known(text, snapshot, connection)
    among = narrowed.captures(found, snapshot, connection)
    columns = {table: source_of(table, snapshot)[1] for table in tables}
    made = {
        table: sql.rows(found, own, among)
        for table, own in columns.items()
        if "capture" in own and {"packet", "flow"} & set(own)
    }
    return made, _tables(found)


def files(captures: Iterable[CaptureFacts]) -> tuple[str, ...]:
    """The paths of the originals of captures that are there."""
    paths = [unspelled(line) for facts in captures if facts.kind == "file" for line in facts.path.split("\n")]
    return tuple(path for path in paths if Path(path).is_file())


def rows(text: str, table: str, snapshot: Snapshot, connection: Connection) -> Selection:
    """The condition on rows of `table`, a table or view, whose packet matches the filter `text`."""
    _, columns = source_of(table, snapshot)
    if "capture" not in columns or not {"packet", "flow"} & set(columns):
        raise FilterError(f"Rows of table {table} are of no packet, so that no filter selects them; use --where.")
    found = _known(text, snapshot, connection)
    return Selection(sql.rows(found, columns, narrowed.captures(found, snapshot, connection)), _tables(found))


def packets(text: str, snapshot: Snapshot, connection: Connection) -> Selection:
    """The statement for all packets that match the filter `text`."""
    found = _known(text, snapshot, connection)
    return Selection(sql.packets(found, narrowed.captures(found, snapshot, connection)), _tables(found))


def _tables(found: Plan) -> dict[str, pa.Table]:
    return {one.name: one.packets for one in plan.listed(found)}


def frame(text: str, of: pl.LazyFrame, snapshot: Snapshot, connection: Connection) -> pl.LazyFrame:
    """The rows of the frame of a table whose packet matches the filter `text`."""
    from netlake.query.filter import frames
    from netlake.query.frames import scan

    return frames.rows(_known(text, snapshot, connection), of, lambda table: scan(connection, snapshot, table))


def _known(text: str, snapshot: Snapshot, connection: Connection) -> Plan:
    """The plan of a filter, with tables of packets for what only the originals have."""
    found = _compiled(text, snapshot)
    if any(plan.is_bytes(test) for test in plan.tests(found)):
        from netlake.query.filter import payload

        return payload.read(found, snapshot, connection)
    return found


def _compiled(text: str, snapshot: Snapshot) -> Plan:
    columns: dict[str, set[str]] = {}

    def has(table: str, column: str) -> bool:
        if table not in columns:
            columns[table] = {field.name for field in snapshot.fields(table)}
        return column in columns[table]

    return compiled(text, has)
