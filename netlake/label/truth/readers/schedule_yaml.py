"""Our own schedule in YAML: `rules`, a list of entries, with the zone of their times and defaults for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from netlake.errors import OptionError, TruthError
from netlake.label.truth import documents, files, schedule, times
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import Rule

_TOP = {"rules", "zone", "clock", "defaults", "name", "title", "source", "note"}


def detect(head: Head) -> bool:
    """Whether there is a key `rules` at the left margin, with a list below."""
    return bool(re.search(r"(?m)^rules:\s*(?:\[|#.*)?$", head.text)) and not head.text.lstrip().startswith("{")


def read(task: Task) -> Iterator[Rule]:
    """The rules of the file, or of a built-in pack."""
    file = task.notes.file
    document = documents.load(files.document(task.path), file)
    if not isinstance(document, documents.Mapping) or not isinstance(document.get("rules"), list):
        raise TruthError(f"{file} is not a schedule: it needs a list named `rules`.")
    if strange := sorted(set(document) - _TOP):
        raise TruthError(f"{file}: there is no key {strange[0]!r}; keys are {', '.join(sorted(_TOP))}.")
    task.name = document.get("name") or None
    if zone := document.get("zone"):
        found = times.zone(zone, f"{file}, zone")
        if task.zone and task.zone.name != found.name:
            raise OptionError(f"{file} names the time zone {found.name}; give no --zone, or change it in the file.")
        task.zone = found
    clock = document.get("clock")
    if clock not in {None, "12", "24"}:
        raise TruthError(f"{file}: clock is {clock!r}, and must be 12 or 24.")
    yield from schedule.rules(entries(document, task), task, clock=clock)


def entries(document: documents.Mapping, task: Task) -> Iterator[schedule.Entry]:
    """The entries of the document, with its defaults."""
    defaults: Any = document.get("defaults") or {}
    if not isinstance(defaults, dict):
        raise TruthError(f"{task.notes.file}: `defaults` is not a mapping of fields.")
    for item in document["rules"]:
        if not isinstance(item, documents.Mapping):
            task.notes.wrong(None, f"{str(item)[:60]!r} in `rules` is not an entry with fields.")
            continue
        nested = [name for name, value in item.items() if not _flat(value)]
        if nested:
            task.notes.wrong(item.line, f"{nested[0]} is neither a text nor a list of texts.")
            continue
        yield schedule.Entry({**defaults, **item}, item.line)


def _flat(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


READER = Reader("yaml", "netlake's own schedule in YAML: a list `rules`.", detect, read, local=True)
