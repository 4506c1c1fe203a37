"""Which files a statement can need: DuckDB plans it over empty tables, and the scans' filters are tried on each file.

`statistics_propagation` is off: with it DuckDB sees that an empty table gives an empty result and plans nothing, or
drops conditions that the data at hand make needless. The planning database holds tables only, no view and no file,
and has no access to files. A statement that cannot be planned there prunes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from netlake.query import pruning
from netlake.query.pruning import Test
from netlake.query.source import Field
from netlake.schema.sql import name as quoted

_SETTINGS = (
    "SET disabled_optimizers='statistics_propagation'",
    "SET TimeZone='UTC'",
    "SET enable_external_access=false",
    "SET python_enable_replacements=false",
)


class Planner:
    """A database of empty tables; made when it is first needed, 40 ms."""

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._made: dict[str, tuple[Field, ...]] = {}

    def tests(
        self, statement: str, tables: Mapping[str, tuple[Field, ...]], also: tuple[str, ...] = ()
    ) -> dict[str, Test]:
        """For each table, which of its files the statement can need; a table that is missing here needs all.

        `also` are statements that make what the statement uses, such as macros.
        """
        connection = self._ready(tables, also)
        try:
            rows = connection.execute("EXPLAIN (FORMAT json) " + statement).fetchall()
            plan = json.loads(rows[0][1])
        except (duckdb.Error, ValueError, IndexError, RecursionError):
            return {}
        scans: dict[str, list[Test]] = {}
        for table, filters in _scans(plan):
            if table in tables:
                columns = {field.name: field.number for field in tables[table]}
                scans.setdefault(table, []).append(pruning.test(filters, columns))
        return {table: pruning.any_of(tests) for table, tests in scans.items()}

    def _ready(self, tables: Mapping[str, tuple[Field, ...]], also: tuple[str, ...]) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = duckdb.connect(config={"threads": 1})
            for setting in _SETTINGS:
                self._connection.execute(setting)
        for table, fields in tables.items():
            if self._made.get(table) != fields:
                columns = ", ".join(f"{quoted(field.name)} {field.type}" for field in fields)
                self._connection.execute(f"CREATE OR REPLACE TABLE {quoted(table)} ({columns})")
                self._made[table] = fields
        for statement in also:
            self._connection.execute(statement)
        return self._connection

    def close(self) -> None:
        """End the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._made.clear()


def _scans(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """(table, filters) of every scan of the plan; a table whose name is no plain word is never pruned."""
    for node in nodes:
        told: dict[str, Any] = node.get("extra_info") or {}
        place = told.get("Table", "")
        table = str(place).removeprefix("memory.main.").strip('"')
        if place and pruning.SIMPLE.fullmatch(table):
            yield table, told.get("Filters")
        yield from _scans(node.get("children", []))
