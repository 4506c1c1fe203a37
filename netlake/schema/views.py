"""Declarations of views: a query over several tables of a protocol, by a name.

A protocol declares them as `VIEWS` beside its TABLES. A statement that names one can use it like a table; its tables
are opened only then (netlake.query.connection).
"""

from __future__ import annotations

from dataclasses import dataclass

from netlake.schema.sql import name as quoted


@dataclass(frozen=True, slots=True)
class View:
    """A view: `doc` describes a row, `query` is a SELECT over `tables`."""

    name: str
    doc: str
    tables: tuple[str, ...]
    query: str

    @property
    def statement(self) -> str:
        """The SQL that creates it, as a temporary view."""
        return f"CREATE OR REPLACE TEMP VIEW {quoted(self.name)} AS {self.query.strip()}"
