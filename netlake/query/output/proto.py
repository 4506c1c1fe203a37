"""Length-delimited protobuf messages behind a header message, for the rows of one whole table."""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa

from netlake.errors import QueryError
from netlake.query.output import Style
from netlake.schema import Table, arrow
from netlake.sinks.protobuf import header, pieces
from netlake.tables import entries


class Proto:
    """A stream as `netlake.sinks.protobuf` reads it back."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        entry = entries().get(style.table or "")
        if entry is None:
            raise QueryError(
                f"There is no message for rows of {style.table}: only declared tables can be written as proto."
            )
        self.out = out
        self.table: Table = entry.table
        self.schema = _wanted(self.table, schema)
        out.write(header(self.table))

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a message for each row; columns that the declaration does not know are left out."""
        rows = batch.select(self.schema.names).cast(self.schema)
        for piece in pieces(self.table, rows, some=True):
            self.out.write(piece)

    def close(self) -> None:
        """Nothing ends it."""


def _wanted(table: Table, schema: pa.Schema) -> pa.Schema:
    """The declared columns that the rows have, nullable as the rows' are: older files lack some."""
    there = set(schema.names)
    return pa.schema([field.with_nullable(True) for field in arrow.schema(table) if field.name in there])
