"""The display filter of a timeline, compiled to a condition for each of its kinds."""

from __future__ import annotations

from dataclasses import replace

from netlake.query.connection import Connection
from netlake.query.filter.applied import conditions
from netlake.query.snapshot import Snapshot
from netlake.query.timeline.events import Question
from netlake.query.timeline.kinds import chosen


def filtered(question: Question, text: str | None, snapshot: Snapshot, connection: Connection) -> Question:
    """The question for events whose packet matches the display filter `text`; FilterError if it is invalid."""
    if text is None:
        return question
    names = [kind.name for kind in chosen(question.kinds, snapshot)]
    made, given = conditions(text, names, snapshot, connection)
    return replace(question, conditions=made, given=given)
