"""Errors of DuckDB in the work on labels, which has an option for its memory."""

from __future__ import annotations

import duckdb

from netlake.errors import QueryError
from netlake.query.mistakes import translated


def explained(error: duckdb.Error) -> QueryError:
    """A QueryError for DuckDB's error; for too little memory, it names the option."""
    if isinstance(error, duckdb.OutOfMemoryException):
        first = str(error).partition("\n")[0].removeprefix("Out of Memory Error: ")
        return QueryError(f"The memory is too small for this work: give more with --memory, such as 4GB ({first}).")
    return translated(error, ())
