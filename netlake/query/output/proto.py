"""Length-delimited protobuf messages after a header message, for rows with all columns of a table."""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa

from netlake.errors import QueryError
from netlake.query.output import Style
from netlake.schema import Table, arrow
from netlake.sinks.protobuf import pieces, stream_header
from netlake.tables import entries


class Proto:
    """Writes a stream that `netlake.sinks.protobuf.read` reads."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        entry = entries().get(style.table or "")
        if entry is None:
            raise QueryError(
                f"No message is declared for rows of {style.table}: --format proto needs a declared table."
            )
        self.out = out
        self.table: Table = entry.table
        self.schema = _wanted(self.table, schema)
        out.write(stream_header(self.table))

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a message for each row; columns that are not declared are left out."""
        rows = batch.select(self.schema.names).cast(self.schema)
        for piece in pieces(self.table, rows, some=True):
            self.out.write(piece)

    def close(self) -> None:
        """Do nothing: the format has no end mark."""


def _wanted(table: Table, schema: pa.Schema) -> pa.Schema:
    """The declared columns that `schema` has, all nullable: older files lack some columns."""
    present = set(schema.names)
    return pa.schema([field.with_nullable(True) for field in arrow.schema(table) if field.name in present])
