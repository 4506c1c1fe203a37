"""Checks the SQL conditions of rules: expressions over the columns of `connection`, and nothing else.

A ground truth may come from anyone, so a condition is not pasted into a statement unread. DuckDB parses it, and every
node of the tree must be one of NODES, every function one of FUNCTIONS: comparisons, arithmetic, text and lists. No
subquery, table, parameter, window or function that reads anything else than its arguments passes.

The import checks a condition against the declared columns, and the join against those of the lake, which may be older.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import duckdb

from netlake.query.connection import Connection
from netlake.query.mistakes import translated
from netlake.schema.sql import literal, name, type_of

NODES = frozenset(
    {"BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
     "OPERATOR", "TYPE"}
)  # fmt: skip
FUNCTIONS = frozenset(
    """
    + - * / // % & | ~ << >> ~~ !~~ ~~* !~~* ^@ || @ ** ^ !
    abs round floor ceil ceiling least greatest coalesce ifnull nullif xor
    lower upper length len contains starts_with prefix ends_with suffix substring substr strip trim ltrim rtrim
    regexp_matches regexp_full_match like_escape not_like_escape ilike_escape
    list_contains list_has array_contains list_has_any list_has_all list_value list_extract array_extract
    epoch epoch_ms epoch_us epoch_ns date_part datepart date_trunc year month day hour minute second isfinite
    to_seconds to_milliseconds to_microseconds to_minutes to_hours
    """.split()  # noqa: SIM905 - a list of words
)


class Conditions:
    """Checks conditions against the columns of a table `connection`: {name: SQL type}."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.sql = Connection(threads=1).database
        self.sql.execute("SET enable_external_access=false")
        self.sql.execute(
            f"CREATE TABLE connection ({', '.join(f'{name(one)} {kind}' for one, kind in columns.items())})"
        )

    def fault(self, text: str) -> str | None:
        """Why `text` is not a safe condition on a connection, without a full stop; None if it is one."""
        # the condition has its own lines, so that a comment at its end does not include the bracket
        fault = self._parsed(f"SELECT (\n{text}\n) FROM connection")  # noqa: S608 - only parsed
        if fault is None:
            try:
                self.sql.execute(f"EXPLAIN SELECT 1 FROM connection WHERE (\n{text}\n)")  # noqa: S608 - checked above
            except duckdb.Error as error:
                fault = str(translated(error, ["connection"]))
        return None if fault is None else fault.rstrip(".")

    def _parsed(self, statement: str) -> str | None:
        try:
            row = self.sql.execute(f"SELECT json_serialize_sql({literal(statement)})").fetchone()
        except duckdb.Error as error:
            return str(error).partition("\n")[0]
        tree: dict[str, Any] = json.loads(row[0]) if row else {"error": True}
        if tree["error"]:
            return str(tree.get("error_message", "it is not SQL"))
        nodes = [part["node"] for part in tree["statements"]]
        if len(nodes) != 1 or nodes[0]["type"] != "SELECT_NODE" or not _alone(nodes[0]):
            return "it is more than one expression"
        return next(filter(None, map(_refused, _expressions(nodes[0]["select_list"][0]))), None)


def _refused(node: dict[str, Any]) -> str | None:
    """Why an expression cannot be part of a condition; None if it can."""
    if node["class"] not in NODES or node.get("type") in ("SUBQUERY", "ARRAY_CONSTRUCTOR_SUBQUERY"):
        return f"{node['class'].lower().replace('_', ' ')} is not allowed"
    if node["class"] != "FUNCTION":
        return None
    if node["function_name"] == "row" and not node.get("children"):  # brackets around nothing, or a comment
        return "it is empty"
    own = node["function_name"] in FUNCTIONS and not node.get("schema") and not node.get("catalog")
    return None if own else f"the function {node['function_name']} is not allowed"


def _alone(node: dict[str, Any]) -> bool:
    """Whether a SELECT has one expression over one table and no other clause."""
    clauses = ("where_clause", "having", "sample", "qualify")
    table = node["from_table"]
    plain = table.get("type") == "BASE_TABLE" and table.get("table_name") == "connection" and not table.get("alias")
    lists = ("modifiers", "group_expressions", "group_sets")
    return plain and len(node["select_list"]) == 1 and not any(node.get(part) for part in (*clauses, *lists))


def _expressions(node: Any) -> Iterator[dict[str, Any]]:
    """Every expression of a parsed tree; the values of constants and types are not searched."""
    if isinstance(node, list):
        for part in node:
            yield from _expressions(part)
    elif isinstance(node, dict):
        if "class" in node and "type" in node:
            yield node
            if node["class"] == "CONSTANT":
                return
        for part in node.values():
            if isinstance(part, (list, dict)):
                yield from _expressions(part)


@cache
def declared() -> Conditions:
    """Checks against the declared columns of `connection`."""
    from netlake import tables

    return Conditions({one.name: type_of(one.kind) for one in tables.table("connection").all_columns})
