"""A timeline as one lazy result, for `Lake.timeline`."""

from __future__ import annotations

import duckdb

from netlake.query.connection import Connection, Opened
from netlake.query.snapshot import Snapshot
from netlake.query.timeline.events import Question, Timeline
from netlake.query.timeline.filtered import filtered


def timeline(
    question: Question, display_filter: str | None, snapshot: Snapshot, connection: Connection
) -> tuple[duckdb.DuckDBPyRelation, Opened]:
    """(the rows, what is read) of a question, with a display filter if one is given."""
    question = filtered(question, display_filter, snapshot, connection)
    made = Timeline(question, snapshot, connection).statement(question.since, question.until, limit=question.limit)
    relation, opened = connection.reading(made.sql, snapshot, made.reads, question.given)
    opened.tables.update(made.files)
    return relation, opened
