"""Declarations of views: a query over several tables, by a name.

Theory of operation:
- A protocol declares views of its own tables as `VIEWS` beside its TABLES. Views over tables of several protocols are
  files of netlake/sql/views: comments that describe a row, the tables and the columns, then the SELECT.
- A statement that names a view can use it like a table; its tables are opened only then (netlake.query.connection).
- A view of a folder of netlake/sql/views has the name of the folder as its schema: views/zeek/conn.sql is `zeek.conn`.
  Its query names tables as `main.NAME`, because `dns` alone would be `zeek.dns` in a view of schema zeek.
- `tables` may name other views. A query may contain `{captures}`, `{faults}` and `{anomalies}`, which
  netlake.query.views replaces by rows of the lake at hand: its captures, and what is wrong in rows of its tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netlake.errors import SchemaError
from netlake.schema.sql import name as quoted

_LINE = re.compile(r"-- (?:(?P<key>[\w.@]+): )?(?P<text>.+)")


@dataclass(frozen=True, slots=True)
class View:
    """A view: `doc` describes a row, `query` is a SELECT over `tables`, which are tables or other views.

    `columns` has descriptions of columns; one without takes that of the column with its name in `tables`.
    """

    name: str
    doc: str
    tables: tuple[str, ...]
    query: str
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def statement(self) -> str:
        """The SQL that creates it: as a temporary view, or in its schema, which cannot be temporary."""
        if not self.schema:
            return f"CREATE OR REPLACE TEMP VIEW {self.quoted} AS {self.query.strip()}"
        made = f"CREATE SCHEMA IF NOT EXISTS {quoted(self.schema)}"
        return f"{made}; CREATE OR REPLACE VIEW {self.quoted} AS {self.query.strip()}"

    @property
    def schema(self) -> str:
        """Name of its schema; empty for that of the tables."""
        return self.name.rpartition(".")[0]

    @property
    def quoted(self) -> str:
        """Its name in a statement."""
        return ".".join(map(quoted, self.name.split(".")))


def read(path: Path, schema: str = "") -> View:
    """The view of a file NAME.sql, in `schema` if given; SchemaError if its comments are not those of a view.

    The comments before the query are `-- DOC`, `-- tables: a, b` (may be absent) and `-- COLUMN: DOC` for each column.
    """
    doc = ""
    tables: tuple[str, ...] = ()
    columns: dict[str, str] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    count = next((place for place, line in enumerate(lines) if not line.startswith("--")), len(lines))
    for line in lines[:count]:
        found = _LINE.fullmatch(line)
        if found is None or (found["key"] is None and doc):
            raise SchemaError(f"{path.name}: {line!r} is neither the description of the view nor of a column.")
        if found["key"] is None:
            doc = found["text"]
        elif found["key"] == "tables":
            tables = tuple(name.strip() for name in found["text"].split(","))
        else:
            columns[found["key"]] = found["text"]
    return View(f"{schema}.{path.stem}" if schema else path.stem, doc, tables, "\n".join(lines[count:]), columns)
