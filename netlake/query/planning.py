"""Finds the files that a statement can need: DuckDB plans it over empty tables, and the filters select files.

1. The planning database has an empty table for each table that the statement names; no views, no files.
2. `EXPLAIN (FORMAT json)` gives the plan, with the filters that DuckDB pushed down into each scan.
3. `pruning` turns the filters of a scan into a test on the statistics of a file. A table with several scans needs the
   files that pass any of the tests.

The optimizer `statistics_propagation` is disabled: with it DuckDB would replace scans of empty tables by an empty
result, and drop filters that empty statistics make redundant. A statement that cannot be planned is not pruned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

from netlake.query import functions, pruning
from netlake.query.pruning import Test
from netlake.query.snapshot import Field
from netlake.schema.sql import name as quoted

_SETTINGS = (
    "SET disabled_optimizers='statistics_propagation'",
    "SET TimeZone='UTC'",
    "SET enable_external_access=false",
    "SET python_enable_replacements=false",
)


class Planner:
    """A database of empty tables, created at the first use (40 ms)."""

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._made: dict[str, tuple[Field, ...]] = {}
        self._declared: set[str] = set()

    def tests(
        self,
        statement: str,
        tables: Mapping[str, tuple[Field, ...]],
        also: Sequence[str] = (),
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, Test]:
        """For each table, the test that the files needed by `statement` pass; for missing tables all are needed.

        `also` are SQL statements that create what `statement` uses, such as macros; `params` the values of its
        parameters.
        """
        connection = self._ready(tables, also)
        functions.declare(connection, statement, self._declared)
        try:
            rows = connection.execute("EXPLAIN (FORMAT json) " + statement, params).fetchall()
            plan = json.loads(rows[0][1])
        except (duckdb.Error, ValueError, IndexError, RecursionError):
            return {}
        scans: dict[str, list[Test]] = {}
        for table, filters in _scans(plan):
            if table in tables:
                columns = {field.name: field.number for field in tables[table]}
                scans.setdefault(table, []).append(pruning.test(filters, columns))
        return {table: pruning.any_of(tests) for table, tests in scans.items()}

    def _ready(self, tables: Mapping[str, tuple[Field, ...]], also: Sequence[str]) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = duckdb.connect(config={"threads": 1})
            for setting in _SETTINGS:
                self._connection.execute(setting)
        for table, fields in tables.items():
            if self._made.get(table) != fields:
                columns = ", ".join(f"{quoted(field.name)} {field.type}" for field in fields)
                self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(table)} ({columns})")
                self._made[table] = fields
        functions.declare(self._connection, " ".join(also), self._declared)
        for statement in also:
            self._connection.execute(statement)
        return self._connection

    def add(self, name: str, columns: Mapping[str, str]) -> None:
        """Make known a table beside those of the lake: its columns with their SQL types."""
        shown = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns.items())
        self._ready({}, ()).execute(f"CREATE OR REPLACE TABLE {quoted(name)} ({shown})")

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._made.clear()
            self._declared.clear()


def _scans(nodes: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """(table, filters) of every scan in the plan; tables whose name is not a simple word are left out."""
    for node in nodes:
        details: dict[str, Any] = node.get("extra_info") or {}
        place = details.get("Table", "")
        table = str(place).removeprefix('"temp".main.').strip('"')
        if place and pruning.SIMPLE.fullmatch(table):
            yield table, details.get("Filters")
        yield from _scans(node.get("children", []))
