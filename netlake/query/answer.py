"""The lazy result of `Lake.sql`: each method computes the rows in another form."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import duckdb

from netlake.query.connection import Opened
from netlake.query.mistakes import translated
from netlake.query.output.visible import harmless
from netlake.query.portable import portable

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

SHOWN = 20
BATCH = 16_384


class Answer:
    """The rows of one statement. Each method runs the query again; `batches` returns a stream that is read once.

    `files` has the number of files read of each table. An Answer is an Arrow stream (`__arrow_c_stream__`):
    `polars.DataFrame(answer)`, `pyarrow.table(answer)`.
    """

    def __init__(self, relation: duckdb.DuckDBPyRelation, opened: Opened) -> None:
        self._relation = relation
        self._opened = opened

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._relation.columns)

    @property
    def files(self) -> dict[str, tuple[int, int]]:
        """For each table of the lake that the statement reads: (files read, files of the table)."""
        return {table: (opened, every) for table, (opened, every, _) in self._opened.tables.items()}

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table."""
        return self._run(self._relation.to_arrow_table)

    def pl(self) -> pl.DataFrame:
        """All rows as a Polars data frame."""
        frame: pl.DataFrame = self._run(self._relation.pl)
        return frame

    def rows(self) -> list[tuple[Any, ...]]:
        """All rows as tuples of Python objects."""
        return list(self._run(self._relation.fetchall))

    def batches(self, rows: int = BATCH) -> pa.RecordBatchReader:
        """The rows as a stream of record batches, for results that do not fit in memory."""
        return self._run(lambda: self._relation.to_arrow_reader(rows))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.batches().__arrow_c_stream__(requested_schema)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows())

    def _run(self, method: Any) -> Any:
        try:
            return method()
        except duckdb.Error as error:
            raise translated(error, ()) from error

    def _first(self) -> tuple[list[list[str]], bool]:
        """The first SHOWN rows as text, and whether there are more."""
        from netlake.query.output import text

        table = self._run(portable(self._relation.limit(SHOWN + 1)).to_arrow_table).combine_chunks()
        columns = [
            text.harmless(text.plain(column.combine_chunks()), spaces=False).fill_null("").to_pylist()
            for column in table.columns
        ]
        return [list(row) for row in zip(*columns, strict=True)][:SHOWN], table.num_rows > SHOWN

    def __repr__(self) -> str:
        rows, more = self._first()
        lines = [[harmless(name) for name in self.columns], *rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.columns))]
        shown = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        return "\n".join([*shown, "..."] if more else shown)

    def _repr_html_(self) -> str:
        rows, more = self._first()
        head = "".join(f"<th>{escape(harmless(name))}</th>" for name in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<table><tr>{head}</tr>{body}</table>" + ("<p>...</p>" if more else "")
