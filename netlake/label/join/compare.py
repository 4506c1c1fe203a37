"""Compares two versions of labels record by record: a confusion matrix, precision and recall of each class.

The class of a record is the label that `labelled.TABLE` shows, unknown without one. The first version is taken as the
truth: precision of a class is the share of the second version's records of it that the first version calls the same,
recall the share of the first version's records of it that the second finds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from netlake.errors import LakeError, OptionError
from netlake.label.join.versions import known
from netlake.lake import Catalog
from netlake.query import names
from netlake.query.labelled import Labelled, key
from netlake.query.lake import Lake
from netlake.query.snapshot import Snapshot

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`matrix` has the number of records for each pair of classes, of the first version and of the second."""

    first: str
    second: str
    table: str
    matrix: Counter[tuple[str, str]]

    @property
    def classes(self) -> list[str]:
        """All classes, sorted, unknown last."""
        found = {name for pair in self.matrix for name in pair}
        return [*sorted(found - {UNKNOWN}), UNKNOWN]

    @property
    def records(self) -> int:
        """Number of records of the table."""
        return self.matrix.total()

    @property
    def labelled(self) -> int:
        """Number of records to which either version gives a label."""
        return self.records - self.matrix[UNKNOWN, UNKNOWN]

    @property
    def agreement(self) -> float | None:
        """Share of the records with a label in either version that have the same in both; None without any."""
        same = sum(count for (one, two), count in self.matrix.items() if one == two != UNKNOWN)
        return same / self.labelled if self.labelled else None

    def precision(self, name: str) -> float | None:
        """Precision of a class; None if the second version does not use it."""
        found = sum(count for (_, two), count in self.matrix.items() if two == name)
        return self.matrix[name, name] / found if found else None

    def recall(self, name: str) -> float | None:
        """Recall of a class; None if the first version does not use it."""
        found = sum(count for (one, _), count in self.matrix.items() if one == name)
        return self.matrix[name, name] / found if found else None


def compare(lake: Path, first: str, second: str, table: str = "connection") -> Comparison:
    """Compare two versions; LakeError for an unknown one, OptionError for a table without labels."""
    catalog = Catalog(lake, readonly=True)
    for version in (first, second):
        known(catalog, version)
    if first == second:
        raise LakeError(f"The version {first} equals itself; name two versions of labels.")
    snapshot = Snapshot(catalog)
    if not snapshot.has(table):
        raise OptionError(f"--table: {names.unknown('table', table, snapshot.names())}")
    columns = key(table, snapshot)
    if not columns:
        raise OptionError(f"--table: the records of {table} have no labels, as they have neither addresses nor a flow.")
    one, two = Labelled(first, table), Labelled(second, table)
    query = (
        f"SELECT coalesce(a.label, '{UNKNOWN}'), coalesce(b.label, '{UNKNOWN}'), count(*) FROM {one.name} a"  # noqa: S608
        f" JOIN {two.name} b USING ({', '.join(columns)}) GROUP BY ALL"
    )
    with Lake(lake) as opened:
        rows = opened.sql(query).rows()
    return Comparison(first, second, table, Counter({(row[0], row[1]): row[2] for row in rows}))
