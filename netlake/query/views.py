"""The views that protocols declare (netlake.schema.views), as queries use them.

- A view can be named wherever a table can: in SQL, `Lake.connect`, `Lake.columns`, `netlake dump` and `netlake tables`.
- It exists in every lake: tables that a lake does not have are declared, and have no rows.
- A table of a lake with the same name has priority.
"""

from __future__ import annotations

import duckdb

from netlake.query.snapshot import Snapshot
from netlake.schema.sql import name as quoted
from netlake.schema.views import View
from netlake.tables import views


def view_of(name: str, snapshot: Snapshot) -> View | None:
    """The declared view of this name; None for another name, or that of a table."""
    found = None if snapshot.has(name) else views().get(name)
    return found if found is not None and all(map(snapshot.has, found.tables)) else None


def all_views(snapshot: Snapshot) -> list[View]:
    """Every declared view that the lake has."""
    return [found for name in views() if (found := view_of(name, snapshot)) is not None]


def columns(view: View, snapshot: Snapshot) -> dict[str, str]:
    """Column name -> SQL type of a view."""
    with duckdb.connect() as database:
        for table in view.tables:
            shown = ", ".join(f"NULL::{field.type} AS {quoted(field.name)}" for field in snapshot.fields(table))
            database.execute(f"CREATE TEMP VIEW {quoted(table)} AS SELECT {shown}")
        database.execute(view.statement)
        return {row[0]: row[1] for row in database.execute(f"DESCRIBE {quoted(view.name)}").fetchall()}
