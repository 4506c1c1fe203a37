"""Our own schedule in CSV: a header with the fields of an entry, lists with semicolons between the items."""

from __future__ import annotations

from collections.abc import Iterator

from netlake.label.truth import files, schedule
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import Rule

# columns of which one is needed besides `label`, so that a list of packets and labels is not taken for a schedule
_PLACES = {"begin", "attackers", "victims", "hosts", "community_id"}


def detect(head: Head) -> bool:
    """Whether the header has `label` and a place or time, and only fields of an entry."""
    names = set(head.columns)
    return "label" in names and bool(names & _PLACES) and names <= schedule.FIELDS


def read(task: Task) -> Iterator[Rule]:
    """The rules of the file."""
    yield from schedule.rules(_entries(task), task)


def _entries(task: Task) -> Iterator[schedule.Entry]:
    for line, cells in files.rows(task.path, task.notes, task.progress):
        yield schedule.Entry({name: value for name, value in cells.items() if value}, line)


READER = Reader("csv", "netlake's own schedule in CSV, with a header of field names.", detect, read, local=True)
