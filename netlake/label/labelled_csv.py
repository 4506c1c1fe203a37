"""Writes the tables of a lake as labelled CSV files, in the form of netcap: TABLE_labeled.csv, last column `result`.

Theory of operation
- `result` of a record is its class, or `normal` if no rule of an attack applies to it. The class is the category of the
  edge (of an alert its classification), else the label; with `description` it is the label (of an alert its text).
- One class is chosen by the order of the views `labelled.TABLE` (netlake.query.labelled); a record whose first edge is
  benign is normal. `collect` joins all classes of attacks in this order, each once.
- Classes are compared as a whole: `dos` and `ddos` are two classes.
- A record without addresses and without a flow (Ethernet, VLAN, ARP) has the labels of its packet.
- A table gets a file if one of its rows has a label. Rows are in the order of captures, packets and places (of flows
  for connections), whatever the order of the files of the lake. They are sorted and joined by DuckDB, which moves to
  disk what exceeds its limit, and written as they arrive; captures are read in groups of limited size.
- A column of a table that is named `result` is written as TABLE_result, so that every column name is there once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from netlake.errors import OptionError, QueryError
from netlake.label.join.opened import Opened, groups
from netlake.lake import Stored
from netlake.query import labelled
from netlake.query.mistakes import translated
from netlake.query.output import Style
from netlake.query.output.delimited import Csv
from netlake.query.portable import portable
from netlake.schema import CONTEXT_IDS
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted

SUFFIX, RESULT, NORMAL, JOINT = "_labeled.csv", "result", "normal", " | "
BATCH = 16_384
# names that a sentence lists
MOST = 12
_BY_PACKET = ("capture", "packet")
# a step, and the share of the work that is done
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Form:
    """How rows are written.

    `exclude` are classes and labels that do not count; `raw` writes control characters and formulas of text unchanged.
    """

    separator: str = ","
    collect: bool = False
    description: bool = False
    exclude: tuple[str, ...] = ()
    raw: bool = False

    def check(self) -> None:
        """OptionError for a separator that a CSV file cannot have."""
        one = self.separator
        if one != "\t" and (len(one) != 1 or one.isalnum() or not one.isprintable() or one in "\"' "):
            raise OptionError(
                f"--sep: {one!r} cannot separate columns; give one character such as ; or a tab ($'\\t'), no letter,"
                " digit, blank or quote."
            )


@dataclass(slots=True)
class Table:
    """One file: its rows, those with a label, and the number of rows by label (`result`)."""

    name: str
    rows: int = 0
    results: Counter[str] = field(default_factory=Counter)

    @property
    def labelled(self) -> int:
        """Rows whose result is not `normal`."""
        return sum(self.results.values())


@dataclass(frozen=True, slots=True)
class _Source:
    """A table to write: columns that identify a record, and the table of `label` whose edges count for it."""

    name: str
    keys: tuple[str, ...]
    edges: str


def write(  # noqa: PLR0913 - what, where, how
    lake: Opened, version: str, folder: Path, form: Form, *, captures: Sequence[str] = (), progress: Progress
) -> list[Table]:
    """Write the files of the tables with labels of `version` to `folder`, and return them by name.

    `captures` are those whose rows are written, all if empty. OptionError for a class in `exclude` that no edge has,
    QueryError if no row has a label.
    """
    writer = _Writer(lake, version, form, [one for one in lake.captures() if _in(one, captures)])
    writer.check_excluded()
    sources = list(writer.sources())
    done, total = 0, sum(writer.rows(source) for source in sources) or 1
    tables = []
    for source in sources:
        table, before = Table(source.name), done
        path = folder / f"{source.name}{SUFFIX}"
        for batch_rows in writer.write(source, path, table):
            done += batch_rows
            progress(source.name, min(1.0, done / total))
        done = before + writer.rows(source)
        if table.labelled:
            tables.append(table)
        else:
            path.unlink(missing_ok=True)
    if not tables:
        raise QueryError(f"No record has a label that is not excluded: {', '.join(form.exclude) or 'all are benign'}.")
    return tables


def _in(stored: Stored, captures: Sequence[str]) -> bool:
    return not captures or stored.facts.capture in captures


class _Writer:
    """The tables of one lake, version and form."""

    def __init__(self, lake: Opened, version: str, form: Form, captures: list[Stored]) -> None:
        self.lake, self.version, self.form, self.captures = lake, version, form, captures
        by_category = "coalesce(nullif(category, ''), label)"
        self.result = "label" if form.description else by_category
        names = ", ".join(map(literal, form.exclude))
        self.counted = f"version = {literal(version)}"
        if form.exclude:
            self.counted += f" AND {by_category} NOT IN ({names}) AND label NOT IN ({names})"

    def check_excluded(self) -> None:
        """OptionError for an excluded class that does not exist, which is probably misspelled."""
        if not self.form.exclude:
            return
        self.lake.bind(labelled.EDGES)
        found = self.lake.rows(f"SELECT DISTINCT category, label FROM label WHERE version = {literal(self.version)}")  # noqa: S608
        known = {name for row in found for name in row if name}
        if strange := [name for name in self.form.exclude if name not in known]:
            raise OptionError(
                f"--exclude: no label has the class {strange[0]!r}; there are {', '.join(sorted(known))}."
            )

    def sources(self) -> Iterator[_Source]:
        """The tables whose records can have labels of this version, by name."""
        self.lake.bind(labelled.EDGES)
        query = f"SELECT DISTINCT record_table FROM label WHERE {self.counted}"  # noqa: S608 - quoted
        with_edges = {row[0] for row in self.lake.rows(query)}
        for name, table in sorted(self.lake.catalog.tables(self.lake.snapshot.at).items()):
            if table.schema != "main":
                continue
            keys = labelled.key(name, self.lake.snapshot)
            # context columns only: the table `label` has others of the same names, and is no record of a capture
            fields = self.lake.snapshot.fields(name)
            columns = {column.name for column in fields if CONTEXT_IDS.get(column.name) == column.number}
            if keys and name in with_edges:
                yield _Source(name, keys, name)
            elif not keys and "packet" in with_edges and {"capture", "packet", "place"} <= columns:
                yield _Source(name, _BY_PACKET, "packet")

    def rows(self, source: _Source) -> int:
        """Number of rows of the table in the captures."""
        return sum(stored.facts.rows.get(source.name, 0) for stored in self.captures)

    def write(self, source: _Source, path: Path, table: Table) -> Iterator[int]:
        """Write the rows of one table, and yield the number of rows of each batch."""
        csv: Csv | None = None
        with path.open("wb") as file:
            for group in groups(self.captures):
                reader = self._reader(source, [stored.facts.capture for stored in group])
                if reader is None:
                    continue
                for batch in _batches(reader):
                    csv = csv or Csv(file, reader.schema, Style(raw=self.form.raw), self.form.separator)
                    csv.write(batch)
                    table.rows += batch.num_rows
                    counts = batch.column(RESULT).value_counts().to_pylist()
                    table.results.update({one["values"]: one["counts"] for one in counts if one["values"] != NORMAL})
                    yield batch.num_rows

    def _reader(self, source: _Source, names: list[str]) -> pa.RecordBatchReader | None:
        if not self.lake.bind(source.name, names):
            return None
        self.lake.bind(labelled.EDGES, names)
        try:
            return portable(self.lake.sql.sql(self._statement(source, names))).to_arrow_reader(BATCH)
        except duckdb.Error as error:
            raise translated(error, ()) from error

    def _statement(self, source: _Source, names: list[str]) -> str:
        own = [column.name for column in self.lake.snapshot.fields(source.name)]
        columns = ", ".join(
            f"t.{quoted(name)}" + (f" AS {quoted(f'{source.name}_{RESULT}')}" if name == RESULT else "") for name in own
        )
        keys = ", ".join(source.keys)
        on = " AND ".join(f"l.{key} = t.{key}" for key in source.keys)
        order = [
            f"t.{key}" for key in ("packet", "place", "flow") if key in own and (key != "flow" or "packet" not in own)
        ]
        chosen = ", ".join(f"({literal(name)}, {at})" for at, name in enumerate(names))
        every = f"nullif(array_to_string([one.result FOR one IN ranked IF one.attack], {literal(JOINT)}), '')"
        result = every if self.form.collect else "CASE WHEN ranked[1].attack THEN ranked[1].result END"
        return (
            f"SELECT {columns}, coalesce(l.result, {literal(NORMAL)}) AS {RESULT} FROM {quoted(source.name)} t"  # noqa: S608 - quoted
            f" JOIN (VALUES {chosen}) AS o(capture, number) ON o.capture = t.capture LEFT JOIN (SELECT {keys},"
            f" {result} AS result FROM (SELECT {keys}, list({{result: result, attack: attack}} ORDER BY priority DESC,"
            " attack DESC, direct DESC, confidence DESC, result) AS ranked FROM ("
            f"SELECT {keys}, {self.result} AS result, max(priority) AS priority, bool_or(state = 'attack') AS attack,"
            " bool_or(scope = 'direct') AS direct, max(coalesce(confidence, -1)) AS confidence"
            f" FROM label WHERE {self.counted} AND record_table = {literal(source.edges)} GROUP BY ALL) GROUP BY ALL))"
            f" l ON {on} ORDER BY o.number, {', '.join(order)}"
        )


def _some(names: set[str]) -> str:
    """The first names of a list, and how many more there are."""
    first = sorted(names)[:MOST]
    return ", ".join(first) + (f", and {len(names) - MOST:,} more" if len(names) > MOST else "")


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (duckdb.Error, pa.ArrowException) as error:
        raise QueryError(f"A table of the lake cannot be read: {str(error).partition(chr(10))[0]}") from error
