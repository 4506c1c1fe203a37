"""The table `truth`: writing the rules of a source in bounded memory, listing sources, and removing one.

- Rules are numbered in the order of the file. The version of a source is the SHA-256 of its rules without file and
  line, so that the same rules from another path, or with other comments between them, have the same version.
- Batches are written as rules are read. If the file turns out to have none, what was written is removed and the lake
  is as before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from netlake.derived.labels import TRUTH
from netlake.errors import TruthError
from netlake.label import owned
from netlake.label.truth.rules import Rule
from netlake.lake import Catalog, Outcome
from netlake.query.lake import Lake
from netlake.query.names import unknown
from netlake.schema import arrow

ROWS = 1 << 15

# attributes of Rule by column, for those whose names differ; the others have the same name
_ATTRIBUTES = {"begin_ts": "begin", "end_ts": "end"}
_GIVEN = {"source", "rule", "file", "format", "sha256"}
# what a version is made of: all of a rule but its line
_VERSIONED = tuple(name for name in Rule.__slots__ if name != "line")


class Writing:
    """The rules of one source on their way into the table: `batches` are its rows, `version` is complete after them.

    `sha256` is that of the file, None without one. `labels` are the different labels, `begin` and `end` the span of all
    rules, `count` their number.
    """

    def __init__(self, source: str, file: str, form: str, sha256: str | None = None) -> None:
        self.source, self.file, self.form, self.sha256 = source, file, form, sha256
        self.count = 0
        self.labels: set[str] = set()
        self.begin: int | None = None
        self.end: int | None = None
        self._digest = hashlib.sha256()

    @property
    def version(self) -> str:
        """The SHA-256 of the rules so far."""
        return self._digest.hexdigest()

    def batches(self, rules: Iterable[Rule]) -> Iterator[pa.RecordBatch]:
        """The rows of the rules."""
        waiting: list[Rule] = []
        for rule in rules:
            waiting.append(rule)
            if len(waiting) == ROWS:
                yield self._batch(waiting)
                waiting = []
        if waiting:
            yield self._batch(waiting)

    def _batch(self, rules: list[Rule]) -> pa.RecordBatch:
        schema = arrow.schema(TRUTH)
        names = [_ATTRIBUTES.get(name, name) for name in schema.names]
        values: dict[str, list[Any]] = {
            name: [getattr(rule, name) for rule in rules] for name in names if name not in _GIVEN
        }
        first = self.count + 1
        self.count += len(rules)
        given = {"source": self.source, "file": self.file, "format": self.form, "sha256": self.sha256}
        values |= {name: [value] * len(rules) for name, value in given.items()}
        values["rule"] = list(range(first, self.count + 1))
        self._see(values)
        columns = [pa.array(values[name], field.type) for name, field in zip(names, schema, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _see(self, values: dict[str, list[Any]]) -> None:
        for row in zip(*(values[name] for name in _VERSIONED), strict=True):
            self._digest.update(repr(row).encode("utf-8", "surrogatepass"))
        self.labels.update(values["label"])
        begins = [value for value in values["begin"] if value is not None]
        ends = [value for value in values["end"] if value is not None]
        if begins:
            self.begin = min(begins) if self.begin is None else min(self.begin, *begins)
        if ends:
            self.end = max(ends) if self.end is None else max(self.end, *ends)


def write(catalog: Catalog, writing: Writing, rules: Iterable[Rule]) -> Outcome:
    """Replace the rules of a source by `rules`, in one commit; NothingError if there are none."""
    return owned.replace(catalog, TRUTH, writing.source, lambda: writing.version, _some(writing, rules))


class NothingError(TruthError):
    """A file has no rule that can be imported; `problems` are sentences about its rows."""

    def __init__(self, text: str, problems: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems)


def _some(writing: Writing, rules: Iterable[Rule]) -> Iterator[pa.RecordBatch]:
    yield from writing.batches(rules)
    if not writing.count:
        raise NothingError(f"{writing.file} has no rule.")


@dataclass(frozen=True, slots=True)
class Source:
    """A source in the lake: `kinds` and `labels` are sorted; `begin` and `end` are UTC, None if no rule has a time."""

    name: str
    file: str
    format: str
    kinds: tuple[str, ...]
    rules: int
    labels: tuple[str, ...]
    begin: dt.datetime | None
    end: dt.datetime | None
    version: str


_SOURCES = """
SELECT source, any_value(file), any_value(format), list_sort(list_distinct(list(kind))), count(*),
       list_sort(list_distinct(list(label))), min(begin_ts), max(end_ts)
FROM truth GROUP BY source ORDER BY source
"""


def sources(lake: Path) -> list[Source]:
    """All sources of a lake, by name."""
    versions = Catalog(lake, readonly=True).owners(TRUTH.name)
    if not versions:
        return []
    with Lake(lake) as opened:
        rows = opened.sql(_SOURCES).rows()
    return [
        Source(row[0], row[1], row[2], tuple(row[3]), row[4], tuple(row[5]), _utc(row[6]), _utc(row[7]),
               versions.get(row[0], ""))
        for row in rows
    ]  # fmt: skip


def _utc(value: dt.datetime | None) -> dt.datetime | None:
    return None if value is None else value.astimezone(dt.UTC)


def file_of(lake: Path, name: str) -> str | None:
    """The file from which a source was imported; None if the lake has no such source."""
    from netlake.schema.sql import literal

    if name not in Catalog(lake, readonly=True).owners(TRUTH.name):
        return None
    with Lake(lake) as opened:
        rows = opened.sql(f"SELECT any_value(file) FROM truth WHERE source = {literal(name)}").rows()  # noqa: S608 - quoted
    return str(rows[0][0]) if rows else None


def remove(lake: Path, name: str) -> Outcome:
    """Remove a source and its rules; QueryError with the nearest names if the lake has no such source."""
    catalog = Catalog(lake)
    known = catalog.owners(TRUTH.name)
    if name not in known:
        raise unknown("source", name, known)
    return catalog.remove_rows(TRUTH.name, name)
