"""netcap's attack file in CSV, as its documentation describes it: lists with semicolons, and no time zone."""

from __future__ import annotations

from collections.abc import Iterator

from netlake.label.truth import files, netcap, schedule
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import Rule
from netlake.label.truth.values import BadValueError


def detect(head: Head) -> bool:
    """Whether the header has the columns of the file."""
    names = set(head.columns)
    return {"name", "start", "end"} <= names and bool(names & {"ips", "victims", "attackers"})


def read(task: Task) -> Iterator[Rule]:
    """A window for every attack."""
    yield from schedule.rules(_entries(task), task)


def _entries(task: Task) -> Iterator[schedule.Entry]:
    for line, cells in files.rows(task.path, task.notes, task.progress):
        try:
            yield schedule.Entry(netcap.fields({key: cell for key, cell in cells.items() if cell}, None, None), line)
        except BadValueError as error:
            task.notes.wrong(line, str(error))


READER = Reader("netcap-csv", "netcap's attack file in CSV.", detect, read, local=True)
