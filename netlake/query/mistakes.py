"""DuckDB's errors as sentences for the user, with the place in the SQL."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from netlake.errors import QueryError
from netlake.query import functions, names
from netlake.tables import schemas

MISSING = re.compile(r"(?:Table|View) with name \"?(.+?)\"? does not exist")
_FUNCTION = re.compile(r"Function with name \"?(\w+)\"? does not exist")
_LINE = re.compile(r"\nLINE (?P<number>\d+): (?P<text>[^\n]*)\n(?P<carets>[ \t]*\^+)")


@dataclass(frozen=True, slots=True)
class Place:
    """A statement: the whole SQL, the number of the statement in it from 1, how many there are, and its text."""

    sql: str
    number: int
    count: int
    statement: str = ""

    def line(self, number: int) -> int:
        """The line in the SQL of a line of the statement, both from 1."""
        start = self.sql.find(self.statement.rstrip("; \n")) if self.number else 0
        return number + self.sql.count("\n", 0, max(0, start))


def translated(error: duckdb.Error, tables: Iterable[str], place: Place | None = None) -> QueryError:
    """A QueryError for DuckDB's error: its first line and hints, or the nearest names for an unknown table.

    With `place` it says in which statement of several, and in which line; `lines` has that line and carets.
    """
    text = str(error)
    before = f"Statement {place.number} of {place.count}: " if place and place.count > 1 else ""
    found = _LINE.search(text)
    after: str = ""
    lines: tuple[str, ...] = ()
    if place and found:
        line = place.line(int(found["number"]))
        after = f" (line {line})" if "\n" in place.sql.strip() else ""
        label = f"LINE {found['number']}: "
        shift = len(f"line {line}: ") - len(label)
        lines = (f"line {line}: {found['text']}", (" " * shift + found["carets"])[max(0, -shift) :])
    if match := MISSING.search(text):
        name = _in_schema(match[1], place.sql if place else "")
        made = QueryError(before + str(names.unknown("table", name, tables)).rstrip(".") + after + ".")
    else:
        first, _, rest = text.partition("\n")
        first += _function(text)
        hints = [line.strip() for line in rest.splitlines() if line.startswith(("Candidate", "Did you mean"))]
        made = QueryError(before + " ".join([first.strip() + after, *hints]))
    made.lines = lines
    return made


def _in_schema(name: str, sql: str) -> str:
    """The name of an unknown table with the schema of views that `sql` gives it: DuckDB leaves it out."""
    known = "|".join(map(re.escape, schemas()))
    found = re.search(rf'\b({known})"?\s*\.\s*"?{re.escape(name)}\b', sql, re.IGNORECASE)
    return f"{found[1].lower()}.{name}" if found else name


def _function(text: str) -> str:
    """The nearest functions of netlake to an unknown one: DuckDB knows only those that a statement names."""
    found = _FUNCTION.search(text)
    near = difflib.get_close_matches(found[1].lower(), functions.every(), n=3, cutoff=0.7) if found else []
    return f" Near it: {', '.join(near)}." if near else ""
