"""A timeline as one lazy result, for `Lake.timeline`."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from netlake.query.connection import Connection, Opened
from netlake.query.filter.applied import conditions
from netlake.query.snapshot import Snapshot
from netlake.query.timeline.events import Question, Timeline
from netlake.query.timeline.kinds import chosen


def timeline(
    question: Question, display_filter: str | None, snapshot: Snapshot, connection: Connection
) -> tuple[duckdb.DuckDBPyRelation, Opened]:
    """(the rows, what is read) of a question, with a display filter if one is given."""
    if display_filter is not None:
        names = [kind.name for kind in chosen(question.kinds, snapshot)]
        question = replace(question, conditions=conditions(display_filter, names, snapshot, connection))
    made = Timeline(question, snapshot, connection).statement(question.since, question.until, limit=question.limit)
    relation, opened = connection.run(made.sql, snapshot, reads=made.reads)
    opened.tables.update(made.files)
    return relation, opened
