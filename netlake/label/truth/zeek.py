"""Zeek's logs, as tab-separated values and as JSON: rows as texts by field name, in bounded memory.

The header of a log names its separator, its fields and the texts for unset and empty values. Logs that Stratosphere
labelled (IoT-23) separate the last columns, `label` and `detailed-label`, by blanks instead of the separator.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from netlake.label.truth import files
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Task

Row = dict[str, str]
_BLANKS = re.compile(r" {2,}")


def fields_of(head: Head) -> set[str]:
    """The names of the fields of a log, from its header or its first JSON object; empty for another file."""
    for line in head.text.splitlines():
        if line.startswith("#fields"):
            return set(_names(line, "\t"))
    if head.first.startswith("{"):
        try:
            found = json.loads(head.first)
        except ValueError:
            return set()
        return set(found) if isinstance(found, dict) and "ts" in found else set()
    return set()


def _names(line: str, separator: str) -> list[str]:
    return [name for part in line.rstrip("\r\n").split(separator)[1:] for name in _BLANKS.split(part.strip())]


@dataclass(slots=True)
class Header:
    """What the lines with # at the beginning of a log have said so far."""

    separator: str = "\t"
    names: list[str] = field(default_factory=list)
    unset: set[str] = field(default_factory=lambda: {"-", "(empty)", ""})

    def see(self, text: str) -> None:
        """Read a line of the header."""
        if text.startswith("#separator "):
            given = text.split(" ", 1)[1]
            self.separator = re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), given)
        elif text.startswith("#fields"):
            self.names = _names(text, self.separator)
        elif text.startswith(("#unset_field", "#empty_field")):
            self.unset.add(text.split(self.separator, 1)[-1])

    def row(self, text: str, line: int, task: Task) -> Row | None:
        """The fields of a row; None for a bad one, which goes to the notes."""
        cells = text.split(self.separator)
        if len(cells) < len(self.names):
            cells = [*cells[:-1], *_BLANKS.split(cells[-1].strip())]
        if not self.names or len(cells) != len(self.names):
            task.notes.wrong(line, f"the row has {len(cells)} fields, and the header {len(self.names)}.")
            return None
        return {name: cell for name, cell in zip(self.names, cells, strict=True) if cell not in self.unset}


def rows(task: Task) -> Iterator[tuple[int, Row]]:
    """Line and fields of every row; unset and empty fields are left out. Bad rows go to the notes."""
    header = Header()
    for line, data in files.lines(task.path, task.notes, task.progress):
        text = data.decode("utf-8", "replace").rstrip("\r\n")
        if text.startswith("{"):
            if (row := _object(text, line, task)) is not None:
                yield line, row
        elif text.startswith("#"):
            header.see(text)
        elif text and (row := header.row(text, line, task)) is not None:
            yield line, row


def _object(text: str, line: int, task: Task) -> Row | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        task.notes.wrong(line, f"the line is not JSON ({error}).")
        return None
    row = {}
    for name, value in found.items():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            row[name] = f"{value:.6f}" if isinstance(value, float) else str(value)
    return {name: value for name, value in row.items() if value not in {"-", "(empty)", ""}}


def identity(row: Row) -> str | None:
    """`uid CsdzM31` for the note of a rule; None without one."""
    return f"uid {row['uid']}" if "uid" in row else None
