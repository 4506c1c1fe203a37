"""Bring the catalog's tables up to the declared ones: only by adding columns, matched by id, never by position.

Rules
- A table that the catalog lacks is created with its columns, comments and partitioning by `day`.
- A declared column that the catalog lacks is added with its frozen id; rows of older files are null there.
- A column that is not declared (of a newer version, a plugin, another engine) is left as it is.
- A column that another engine renamed is the same column; one that it dropped stays dropped.
- A column whose id has another type or parent in the catalog, or whose name has another id, cannot be the same column:
  the commit is refused. Changes of this kind need a new contract (see `netlake.lake.contract`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from netlake.errors import LakeError
from netlake.lake.change import Change
from netlake.lake.values import RANGED
from netlake.schema import SCALARS, Column, Kind, List, Struct, Table
from netlake.schema.contract import ids

DAY = "day"
MAIN = 0  # the id of the schema `main`


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column as the catalog stores it: `parent` is the id of the list or struct that contains it."""

    id: int
    parent: int | None
    name: str
    type: str
    null: bool
    doc: str


@cache
def catalog_columns(table: Table) -> tuple[CatalogColumn, ...]:
    """Every column of `table`, parents first."""
    numbers = ids(table)
    return tuple(field for column in table.all_columns for field in _column(column, "", None, numbers))


def _column(column: Column, prefix: str, parent: int | None, numbers: dict[str, int]) -> Iterator[CatalogColumn]:
    # DuckLake has no NOT NULL columns within lists and structs
    null = parent is not None or (column.null and not isinstance(column.kind, List))
    path = prefix + column.name
    yield CatalogColumn(numbers[path], parent, column.name, _type(column.kind), null, column.doc)
    yield from _children(column.kind, path, numbers)


def _children(kind: Kind, path: str, numbers: dict[str, int]) -> Iterator[CatalogColumn]:
    if isinstance(kind, List):
        element = f"{path}.element"
        yield CatalogColumn(numbers[element], numbers[path], "element", _type(kind.element), null=True, doc="")
        yield from _children(kind.element, element, numbers)
    elif isinstance(kind, Struct):
        for column in kind.columns:
            yield from _column(column, path + ".", numbers[path], numbers)


def _type(kind: Kind) -> str:
    if isinstance(kind, List):
        return "list"
    return "struct" if isinstance(kind, Struct) else SCALARS[kind].lake


def table_id(change: Change, table: Table) -> int:
    """The id of `table` in the catalog, created or extended to its declaration. LakeError if that is impossible."""
    query = "SELECT table_id FROM ducklake_table WHERE schema_id = ? AND table_name = ? AND end_snapshot IS NULL"
    found = change.session.row(query, (MAIN, table.name))
    if found is None:
        return _create(change, table)
    number: int = found[0]
    _extend(change, table, number)
    return number


def _create(change: Change, table: Table) -> int:
    number, session = change.catalog_id(), change.session
    row = (number, str(uuid.uuid4()), change.id, None, MAIN, table.name, f"{table.name}/", True)
    session.insert("ducklake_table", [row])
    if table.doc:
        session.insert("ducklake_tag", [(number, change.id, None, "comment", table.doc)])
    session.insert("ducklake_table_stats", [(number, 0, 0, 0)])
    _add(change, number, catalog_columns(table), first=1, empty=True)
    if any(column.name == DAY for column in table.all_columns):
        partition = change.catalog_id()
        session.insert("ducklake_partition_info", [(partition, number, change.id, None)])
        session.insert("ducklake_partition_column", [(partition, number, 0, ids(table)[DAY], "identity")])
    change.note(f'created_table:"main"."{table.name}"')
    change.new_schema(number)
    return number


def _extend(change: Change, table: Table, number: int) -> None:
    query = (
        "SELECT column_id, parent_column, column_name, column_type, column_order, end_snapshot FROM ducklake_column "
        "WHERE table_id = ? ORDER BY begin_snapshot"
    )
    rows = change.session.rows(query, (number,))
    known = {row[0]: row for row in rows}
    dropped = {row[0] for row in known.values() if row[5] is not None}
    new = [field for field in catalog_columns(table) if field.id not in known and field.parent not in dropped]
    for field in catalog_columns(table):
        _compare(table, field, known.get(field.id))
    names = {(parent, name.lower()) for _, parent, name, _, _, end in known.values() if end is None}
    for field in new:
        if (field.parent, field.name.lower()) in names:
            raise LakeError(
                f"Table {table.name} of the lake has a column {field.name} with another id than the declared one,"
                " so values would be read from the wrong column; decode captures with this table into another lake."
            )
    if new:
        _add(change, number, new, first=max(row[4] for row in rows) + 1, empty=False)
        change.note(f"altered_table:{number}")
        change.new_schema(number)


def _compare(table: Table, field: CatalogColumn, stored: tuple[object, ...] | None) -> None:
    if stored is None or stored[5] is not None:
        return
    if (stored[1], stored[3]) != (field.parent, field.type):
        raise LakeError(
            f"Column {field.name} (id {field.id}) of table {table.name} is {stored[2]} {stored[3]} in this lake and"
            f" {field.type} in this netlake; decode captures into another lake."
        )


def _add(change: Change, number: int, new: Sequence[CatalogColumn], *, first: int, empty: bool) -> None:
    """Add columns to a table; if it is not `empty`, its older rows are null there."""
    session = change.session
    session.insert("ducklake_column", [
        (field.id, change.id, None, number, order, field.name, field.type, None, "NULL",
         field.null or not empty, field.parent, "literal", "duckdb")
        for order, field in enumerate(new, first)
    ])  # fmt: skip
    comments = [(number, field.id, change.id, None, "comment", field.doc) for field in new if field.doc]
    session.insert("ducklake_column_tag", comments)
    ranged = [field for field in new if field.parent is None and field.type in RANGED]
    session.insert(
        "ducklake_table_column_stats", [(number, field.id, not empty, None, None, None, None) for field in ranged]
    )
