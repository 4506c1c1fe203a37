"""Checks the SQL conditions of rules: expressions over the columns of `connection`, and nothing else.

A ground truth may come from anyone, so a condition is not pasted into a statement unread. DuckDB parses it, and every
node of the tree must be one of NODES, every function one of FUNCTIONS: comparisons, arithmetic, text and lists. No
subquery, table, parameter, window or function that reads anything else than its arguments passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from netlake.errors import QueryError
from netlake.query.snapshot import Snapshot
from netlake.schema.sql import literal, name

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
    """Checks conditions against the columns of `connection` at a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.sql = duckdb.connect(config={"threads": 1})
        self.sql.execute("SET enable_external_access=false")
        columns = ", ".join(f"{name(field.name)} {field.type}" for field in snapshot.fields("connection"))
        self.sql.execute(f"CREATE TABLE connection ({columns})")

    def check(self, text: str, where: str) -> None:
        """QueryError if `text`, the condition of the rule at `where`, is not a safe condition on a connection."""
        # the condition has its own lines, so that a comment at its end does not include the bracket
        statement = f"SELECT (\n{text}\n) FROM connection"  # noqa: S608 - only parsed
        fault = self._parsed(statement)
        if fault is None:
            try:
                self.sql.execute(f"EXPLAIN SELECT 1 FROM connection WHERE (\n{text}\n)")  # noqa: S608 - checked above
            except duckdb.Error as error:
                fault = str(error).partition("\n")[0]
        if fault is not None:
            raise QueryError(f"The condition {text!r} of {where} cannot be used: {fault.rstrip('.')}.")

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
        for node in _expressions(nodes[0]["select_list"][0]):
            if node["class"] not in NODES or node.get("type") in ("SUBQUERY", "ARRAY_CONSTRUCTOR_SUBQUERY"):
                return f"{node['class'].lower().replace('_', ' ')} is not allowed"
            if node["class"] == "FUNCTION" and (
                node["function_name"] not in FUNCTIONS or node.get("schema") or node.get("catalog")
            ):
                return f"the function {node['function_name']} is not allowed"
        return None


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
