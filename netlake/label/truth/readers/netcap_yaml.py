"""netcap's attack file in YAML: `attacks`, with the zone in `location` and the layouts of times and dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from netlake.errors import OptionError, TruthError
from netlake.label.truth import documents, files, netcap, schedule, times
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import Rule
from netlake.label.truth.values import BadValueError


def detect(head: Head) -> bool:
    """Whether there is a key `attacks` at the left margin."""
    return bool(re.search(r"(?m)^attacks:\s*(?:#.*)?$", head.text))


def read(task: Task) -> Iterator[Rule]:
    """A window for every attack."""
    file = task.notes.file
    document = documents.load(files.document(task.path), file)
    if not isinstance(document, documents.Mapping) or not isinstance(document.get("attacks"), list):
        raise TruthError(f"{file} is not an attack file of netcap: it needs a list named `attacks`.")
    if location := document.get("location"):
        found = times.zone(location, f"{file}, location")
        if task.zone and task.zone.name != found.name:
            raise OptionError(f"{file} names the time zone {found.name}; give no --zone, or change it in the file.")
        task.zone = found
    yield from schedule.rules(_entries(document, task), task)


def _entries(document: documents.Mapping, task: Task) -> Iterator[schedule.Entry]:
    layouts: tuple[Any, Any] = document.get("timeFormat"), document.get("dateFormat")
    for item in document["attacks"]:
        if not isinstance(item, documents.Mapping):
            task.notes.wrong(None, f"{str(item)[:60]!r} in `attacks` is not an attack with fields.")
            continue
        try:
            yield schedule.Entry(netcap.fields(item, *layouts), item.line)
        except BadValueError as error:
            task.notes.wrong(item.line, str(error))


READER = Reader("netcap-yaml", "netcap's attack file in YAML: a list `attacks`.", detect, read, local=True)
