"""What is written to a lake's catalog and read from it: plain records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netlake.schema import contract

# what precedes the id of a table in the changes of a snapshot that adds or removes rows
_OF_ROWS = ("inserted_into_table:", "deleted_from_table:")
# the contract by which this netlake reads and writes lakes: see netlake.lake.contract
CONTRACT = 2


def schema_version() -> int:
    """The version of the frozen schemas by which this netlake decodes; 1 if none is frozen.

    It grows with every added column or table; CONTRACT grows only with changes that older lakes cannot follow.
    """
    return max(1, contract.version())


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """What is recorded of a capture.

    `kind` is file, stream or live; `path` is the source, several files one a line (see
    netlake.spelling); `size` is in
    bytes, None for a stream; `sha256` is of the whole source, None if it was not computed; `contract` is the
    `schema_version` that decoded it; `state` is running, complete, partial (the source could not be read to its end)
    or failed; `part` counts the rotations of a live capture from 0; `begin` and `end` are its least and greatest time;
    `rows` are counts by table; `report` is the quality report, any JSON. `marks` are digests of its first packets, see
    netlake.lake.likeness; those of a stored capture are not read.
    """

    capture: str
    kind: str
    path: str
    size: int | None = None
    sha256: str | None = None
    contract: int = field(default_factory=schema_version)
    state: str = "complete"
    part: int = 0
    packets: int = 0
    begin: dt.datetime | None = None
    end: dt.datetime | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    marks: Mapping[int, str] = field(default_factory=dict, compare=False)

    @property
    def called(self) -> str:
        """The source in one line."""
        first, *further = self.path.split("\n")
        return f"{first} and {len(further)} more" if further else first


@dataclass(frozen=True, slots=True)
class Stored:
    """A capture in the lake: its facts, the snapshot that wrote them, and the version of the program that did."""

    facts: CaptureFacts
    snapshot: int
    version: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an operation.

    `status` is added, replaced, removed or unchanged (the capture was already in the lake); `sentence` is for the user;
    `capture` is the id in the lake, which may be another one for the same bytes (for a derived table: the owner);
    `snapshot` is the new snapshot, None if nothing was written; `notes` are further sentences.
    """

    status: str
    sentence: str
    capture: str
    snapshot: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def written(self) -> bool:
        """Whether the lake was changed."""
        return self.snapshot is not None


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column in the catalog, created by netlake or another engine.

    `id` is its Parquet field id; `type` is DuckLake's name of the type (int16, timestamptz, varchar, list, struct,
    ...); a list has one child `element`, a struct its fields. `begin` is the snapshot that added it; rows of older
    files are read as `default` (text, None for null).
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
    """A table in the catalog; `path` is the folder of its files."""

    id: int
    schema: str
    name: str
    doc: str
    path: str
    begin: int


@dataclass(frozen=True, slots=True)
class Range:
    """Statistics of one column in one file: `least` and `greatest` are both None if they are not known.

    `nulls` and `values` (those not null) are None if not known; `nan` is whether a value may be NaN, which SQL orders
    above all numbers and which ranges do not include.
    """

    least: Any = None
    greatest: Any = None
    nulls: int | None = None
    values: int | None = None
    nan: bool = False


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A data file: `path` is absolute, `begin` the snapshot that added it; `stats` are by column id.

    A column without an entry has no known statistics: the file may be older than the column. `spans` are the rows that
    are read of a file with rows of several captures, as (first, number); None for all.
    """

    id: int
    path: str
    rows: int
    size: int
    footer: int | None
    day: dt.date | None
    begin: int
    stats: Mapping[int, Range] = field(default_factory=dict)
    spans: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A version of the lake; `extra` is the JSON recorded with the commit: capture, source, contract, part."""

    id: int
    time: dt.datetime
    author: str | None
    message: str | None
    changes: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tables(self) -> int:
        """The number of tables whose rows changed."""
        return len({change.rpartition(":")[2] for change in self.changes.split(",") if change.startswith(_OF_ROWS)})


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A data file that differs from what was written; `present`: the newest snapshot contains it."""

    path: str
    sentence: str
    present: bool = True
