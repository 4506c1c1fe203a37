"""What goes into a lake's catalog and what comes out of it: plain facts, no behaviour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netlake.schema import contract


def contract_version() -> int:
    """The number of the contract that this netlake decodes by; 1 where none is frozen yet."""
    return max(1, contract.version())


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """What is known of a capture when it enters the lake.

    `kind` is file, stream or live; `path` is the source as the user knows it, several files one a line; `size` is in
    bytes, None where it has none; `sha256` is of the whole source, None if it was not computed; `state` is running,
    complete, partial (it could not be read to its end) or failed; `part` counts the rotations of a live capture from 0;
    `begin` and `end` are its least and greatest time; `rows` are counts by table; `report` is the quality report, any
    JSON.
    """

    capture: str
    kind: str
    path: str
    size: int | None = None
    sha256: str | None = None
    contract: int = field(default_factory=contract_version)
    state: str = "complete"
    part: int = 0
    packets: int = 0
    begin: dt.datetime | None = None
    end: dt.datetime | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """The source in a sentence."""
        first, *further = self.path.split("\n")
        return f"{first} and {len(further)} more" if further else first


@dataclass(frozen=True, slots=True)
class Standing:
    """A capture that stands in the lake: its facts and the snapshot in which it came to be as it is."""

    facts: CaptureFacts
    snapshot: int
    version: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an operation.

    `status` is added, replaced, removed or standing (nothing was done: it is there already); `sentence` says so to a
    person; `capture` is the id under which it stands, which may be another for the same bytes; `snapshot` is the one
    made, None if none was.
    """

    status: str
    sentence: str
    capture: str
    snapshot: int | None = None

    @property
    def written(self) -> bool:
        """Whether the lake was changed."""
        return self.snapshot is not None


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column as the catalog has it, whoever made it.

    `id` is its Parquet field id; `type` is DuckLake's word for it (int16, timestamptz, varchar, list, struct, ...);
    a list has one child `element`, a struct its fields. `begin` is the snapshot in which it came; rows of older files
    read as `default` (text, None for null).
    """

    id: int
    name: str
    type: str
    null: bool
    doc: str
    begin: int
    default: str | None = None
    children: tuple[ColumnInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table as the catalog has it; `path` is the folder of its files."""

    id: int
    schema: str
    name: str
    doc: str
    path: str
    begin: int


@dataclass(frozen=True, slots=True)
class Range:
    """What a file holds of one column: `least` and `greatest` are both None where they are not known.

    `nulls` and `values` (those not null) are None where not known; `nan` is whether a number may be NaN, which SQL
    orders above all numbers and which no range shows.
    """

    least: Any = None
    greatest: Any = None
    nulls: int | None = None
    values: int | None = None
    nan: bool = False


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A data file: `path` is absolute, `begin` the snapshot in which it came; `stats` are by column id.

    A column without an entry is unknown: it may be absent from the file (older than the column), or nobody counted.
    """

    id: int
    path: str
    rows: int
    size: int
    footer: int | None
    day: dt.date | None
    begin: int
    stats: Mapping[int, Range] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A version of the lake; `extra` is what was noted as JSON: capture, version, source."""

    id: int
    time: dt.datetime
    author: str | None
    message: str | None
    changes: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A data file that is not as it was written."""

    path: str
    sentence: str
