"""Files that a statement reads beside the lake: `netlake sql --with NAME=FILE`, CSV or Parquet.

A file is a view while Landlock makes it read-only. Without Landlock it is read into a table before the settings of the
database are locked, because DuckDB could otherwise write where it may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from netlake.errors import OptionError
from netlake.query.connection import Connection
from netlake.query.output.visible import harmless
from netlake.query.snapshot import Snapshot
from netlake.query.views import view_of
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted

PARQUET = b"PAR1"


def attach(connection: Connection, files: Mapping[str, str], snapshot: Snapshot, *, as_view: bool) -> None:
    """Create a view or table for each of `files`, by name; OptionError for a name in use or a file of another form."""
    for name, path in files.items():
        if snapshot.has(name) or view_of(name, snapshot):
            raise OptionError(f"--with: the lake has a table {name}; choose another name.")
        with Path(path).open("rb") as file:
            reader = "read_parquet" if file.read(4) == PARQUET else "read_csv"
        kind = "VIEW" if as_view else "TABLE"
        try:
            connection.database.execute(f"CREATE {kind} {quoted(name)} AS FROM {reader}({literal(path)})")
            described = connection.database.execute(f"DESCRIBE {quoted(name)}").fetchall()
            connection.planner.add(name, {row[0]: row[1] for row in described})
        except duckdb.Error as error:
            first = harmless(str(error).partition("\n")[0])
            raise OptionError(f"--with: {name} cannot be read from {harmless(path)}: {first}") from error
