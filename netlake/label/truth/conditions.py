"""Conditions of rules: one SQL expression each, over the columns of the table `connection`.

A file of ground truth may come from anyone, and its conditions run inside the statement of the join. So `check` accepts
only what is one expression: no second statement or clause, no subquery, no comment, and only columns of `connection`.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import duckdb

from netlake.errors import QueryError
from netlake.query.connection import Connection, translated
from netlake.schema import sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_STATEMENT = "SELECT 1 FROM connection WHERE ({})"
# classes of expressions that a condition cannot have: a query inside, and values over other rows
_REFUSED = {"SUBQUERY": "a subquery", "WINDOW": "a window function"}


@cache
def _empty() -> DuckDBPyConnection:
    """A database with an empty table `connection`."""
    from netlake import tables

    database = Connection(threads=1).database
    columns = ", ".join(
        f"{sql.name(column.name)} {sql.type_of(column.kind)}" for column in tables.table("connection").all_columns
    )
    database.execute(f"CREATE TABLE connection ({columns})")
    return database


def _tree(statement: str) -> dict[str, Any]:
    row = _empty().execute("SELECT json_serialize_sql(?::VARCHAR)", [statement]).fetchone()
    found: dict[str, Any] = json.loads(row[0]) if row else {}
    return found


def _without_places(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_places(value) for key, value in node.items() if key != "query_location"}
    return [_without_places(item) for item in node] if isinstance(node, list) else node


def _classes(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["class"]} if isinstance(node.get("class"), str) else set()
        return own.union(*map(_classes, node.values())) if node else own
    return set().union(*map(_classes, node)) if isinstance(node, list) else set()


@lru_cache(1 << 10)
def check(text: str) -> None:
    """QueryError unless `text` is one condition over `connection`."""
    plain = _tree(_STATEMENT.format("true"))
    tree = _tree(_STATEMENT.format(text))
    if tree.get("error") or not text.strip():
        raise QueryError(f"{text!r} is not an SQL condition: {tree.get('error_message', 'it cannot be parsed')}.")
    where = tree["statements"][0]["node"].pop("where_clause", None)
    plain["statements"][0]["node"].pop("where_clause", None)
    if _without_places(tree) != _without_places(plain) or where is None:
        raise QueryError(f"{text!r} is more than one SQL condition.")
    for name in sorted(_classes(where) & set(_REFUSED)):
        raise QueryError(f"{text!r} has {_REFUSED[name]}; a condition uses the columns of `connection` only.")
    try:
        _empty().execute("EXPLAIN " + _STATEMENT.format(text))
    except duckdb.Error as error:
        raise translated(error, ["connection"]) from None
