"""Features of the user: an SQL statement or a Python function over the same segments and packets as the named sets.

Both see two tables for each capture:
- `segment`: the identity columns of netlake.features.identity, `packets`, `forward_packets`, `backward_packets`.
- `segment_packet`: `first_packet` of its segment, `packet`, `time` (microseconds since 1970, null without one),
  `direction` (0 forward), `gap` and `side_gap` (microseconds since the packet before in the segment, and in its
  direction; null without one), `flags` (null without TCP), and the columns of netlake.features.reader.INPUTS.

SQL also sees the tables of the lake. The result has `first_packet`, which identifies the segment, and the declared
features: one row for each segment, no NaN or infinity, null only where the definition says when. A declaration is a
comment of the statement: `-- @feature NAME | TYPE | UNIT | DESCRIPTION | null: WHEN | leak: CLASS | sources: COLUMNS`,
of which the last three may be missing; `-- @policy TEXT` sets the segmentation. The statement has the rights of this
process, as those of Lake.sql.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from netlake.errors import OptionError, QueryError
from netlake.features import definition, identity
from netlake.features.blocks import Block
from netlake.features.definition import LEAKS, TYPES, Derived, Feature, Rows, column
from netlake.features.reader import INPUTS, CaptureReader
from netlake.features.segmenter import Segmenter
from netlake.kernels.feature_records import NO_TIME
from netlake.query.mistakes import translated
from netlake.schema.sql import name as quoted

GROUP = "netlake.features"
KEY = "first_packet"
SQL_TYPES = {"bool": "BOOLEAN", "i8": "TINYINT", "i16": "SMALLINT", "i32": "INTEGER", "i64": "BIGINT", "f64": "DOUBLE",
             "ts": "TIMESTAMPTZ", "text": "VARCHAR", "list<i8>": "TINYINT[]", "list<i32>": "INTEGER[]",
             "list<i64>": "BIGINT[]"}  # fmt: skip
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./-]{0,63}")
_DECLARED = re.compile(r"^\s*--\s*@(\w+)\s+(.*?)\s*$")
Function = Callable[[pa.Table, pa.Table], pa.Table]


@dataclass(frozen=True, slots=True)
class OwnSet:
    """Features of the user: `make` is the text of an SQL statement, or a function of (segments, packets)."""

    name: str
    features: tuple[Feature, ...]
    make: str | Function
    policy: str = "cic-fixed"
    title: str = "Features of the user"
    rows: str = "segment"
    references: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        reserved = {made.feature.name for made in identity.COLUMNS}
        seen: set[str] = set()
        for feature in self.features:
            check(feature, self.name)
            if feature.name in reserved or feature.name in seen:
                raise OptionError(f"{self.name}: feature {feature.name!r} is declared twice, or identifies the row.")
            seen.add(feature.name)
        if not self.features:
            raise OptionError(f"{self.name}: no feature is declared; see docs/features.md.")


def check(feature: Feature, where: str) -> None:
    """OptionError if a definition is incomplete."""
    for wrong, sentence in (
        (not NAME.fullmatch(feature.name), "the name has other characters, or more than 64"),
        (feature.kind not in TYPES, f"the type is not one of {', '.join(TYPES)}"),
        (not feature.description, "the description is empty"),
        (feature.leak not in LEAKS, f"the leak class is not one of {', '.join(LEAKS)}"),
    ):
        if wrong:
            raise OptionError(f"{where}: feature {feature.name!r}: {sentence}.")


def load(text: str) -> OwnSet:
    """The set of an SQL file, of `MODULE:ATTRIBUTE`, or of an entry point of the group `netlake.features`.

    OptionError if there is none, or its definitions are incomplete.
    """
    if text.endswith(".sql"):
        return _of_file(Path(text))
    for entry in entry_points(group=GROUP, name=text):
        return _checked(entry.load(), text)
    module, colon, attribute = text.partition(":")
    if not colon:
        raise OptionError(f"--features: {text!r} is no .sql file, MODULE:NAME or entry point of {GROUP}.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise OptionError(f"--features: {text}: {error}.") from error
    finally:
        sys.path.pop(0)
    return _checked(found, text)


def _checked(found: Any, text: str) -> OwnSet:
    if not isinstance(found, OwnSet):
        raise OptionError(f"--features: {text} is no netlake.features.OwnSet.")
    return found


def _of_file(path: Path) -> OwnSet:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise OptionError(f"--features: {path} cannot be read: {reason}.") from error
    features, policy = [], "cic-fixed"
    for number, line in enumerate(text.splitlines(), 1):
        if not (match := _DECLARED.match(line)):
            continue
        if match[1] == "feature":
            features.append(_declaration(match[2], f"{path}:{number}"))
        elif match[1] == "policy":
            policy = match[2]
        else:
            raise OptionError(f"{path}:{number}: @{match[1]} is neither @feature nor @policy.")
    return OwnSet(path.stem, tuple(features), text, policy)


def _declaration(text: str, where: str) -> Feature:
    parts = [part.strip() for part in text.split("|")]
    if len(parts) < 4:
        raise OptionError(f"{where}: a feature is declared as NAME | TYPE | UNIT | DESCRIPTION | ...")
    further = {}
    for part in parts[4:]:
        name, colon, value = (piece.strip() for piece in part.partition(":"))
        if not colon or name not in ("null", "leak", "sources"):
            raise OptionError(f"{where}: {part!r} is not null: WHEN, leak: CLASS or sources: COLUMNS.")
        further[name] = value
    sources = tuple(name.strip() for name in further.get("sources", "").split(",") if name.strip())
    made = Feature(
        parts[0], parts[1], parts[2], parts[3], further.get("null", ""), further.get("leak", "none"), sources
    )
    check(made, where)
    return made


COUNTS: tuple[Derived, ...] = (
    column("packets", "i64", "packets", "Packets.", lambda rows: rows.packets),
    column("forward_packets", "i64", "packets", "Packets forward.", lambda rows: rows.segments["forward_packets"]),
    column("backward_packets", "i64", "packets", "Packets backward.", lambda rows: rows.segments["backward_packets"]),
)


class Workspace:
    """The tables `segment` and `segment_packet` of one capture, in the database of its reader."""

    def __init__(self, own: OwnSet, reader: CaptureReader) -> None:
        self.own, self.reader, self.cursor = own, reader, reader.cursor
        self._schema = definition.schema((made.feature for made in (*identity.COLUMNS, *COUNTS)), {})
        self._made: set[str] = set()

    def fill(self, segmenter: Segmenter) -> Iterator[int]:
        """Cut the capture and fill the tables; yields the number of packets of each block."""
        for block in self.reader.blocks():
            rows = segmenter.cut(block)
            self._insert("segment", self._segments(rows))
            self._insert("segment_packet", _packets(block))
            yield len(block)

    def _segments(self, rows: Rows) -> pa.Table:
        return pa.Table.from_batches([definition.batch((*identity.COLUMNS, *COUNTS), rows, self._schema)])

    def _insert(self, table: str, rows: pa.Table) -> None:
        self.cursor.register("new_rows", rows)
        verb = f"INSERT INTO {table}" if table in self._made else f"CREATE OR REPLACE TEMP TABLE {table} AS"
        self._rows(f"{verb} SELECT * FROM new_rows")  # noqa: S608 - our own names
        self.cursor.unregister("new_rows")
        self._made.add(table)

    def batches(self, made: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
        """The checked rows: identity columns, then the features."""
        if not self._made:
            return
        self._compute()
        self._check()
        names = [f"s.{quoted(one.feature.name)}" for one in identity.COLUMNS]
        names += [f"o.{quoted(one.name)}::{SQL_TYPES[one.kind]} AS {quoted(one.name)}" for one in self.own.features]
        statement = f"SELECT {', '.join(names)} FROM segment s JOIN own_row o USING ({KEY}) ORDER BY {KEY}"  # noqa: S608 - quoted
        try:
            for batch in self.cursor.sql(statement).to_arrow_reader(rows):
                yield pa.RecordBatch.from_arrays(
                    [found.cast(field.type) for found, field in zip(batch.columns, made, strict=True)], schema=made
                )
        except duckdb.Error as error:
            raise self._error(error) from error

    def _rows(self, statement: str) -> list[Any]:
        """All rows of a statement; a result that is not read to its end would keep the connection busy."""
        return self.cursor.execute(statement).fetchall()

    def _error(self, error: duckdb.Error) -> QueryError:
        return QueryError(f"{self.own.name}: {translated(error, self.reader.snapshot.names())}")

    def _compute(self) -> None:
        """Create the table `own_row`."""
        make = self.own.make
        if isinstance(make, str):
            try:
                self._run(make)
            except duckdb.Error as error:
                raise self._error(error) from error
            return
        tables = [
            self.cursor.sql(f"FROM {name} ORDER BY {KEY}").to_arrow_table() for name in ("segment", "segment_packet")
        ]
        result = make(*tables)
        self._insert("own_row", result if isinstance(result, pa.Table) else pa.table(result))

    def _run(self, text: str) -> None:
        statements = self.cursor.extract_statements(text)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryError(f"{self.own.name}: the file must have one SELECT statement.")
        query = statements[0].query.strip().rstrip(";")
        for table in self.reader.named(query) - self._made:
            self.reader.bind(table)
        self._rows(f"CREATE OR REPLACE TEMP TABLE own_row AS\n{query}")

    def _check(self) -> None:
        """QueryError unless the result has the declared columns, one row for each segment and finite numbers."""
        name, declared = self.own.name, {one.name for one in self.own.features}
        described = self._rows("DESCRIBE own_row")
        found = {row[0] for row in described}
        if missing := sorted((declared | {KEY}) - found):
            raise QueryError(f"{name}: the result has no column {', '.join(missing)}.")
        if unknown := sorted(found - declared - {KEY}):
            raise QueryError(f"{name}: {', '.join(unknown)} is not declared: add -- @feature {unknown[0]} | ...")
        self._check_rows()
        floats = {row[0] for row in described if row[1] in ("DOUBLE", "FLOAT")}
        for one in self.own.features:
            column = quoted(one.name)
            finite = f"count(*) FILTER (NOT isfinite({column}))" if one.name in floats else "0"
            statement = f"SELECT {finite}, count(*) - count({column}) FROM own_row"  # noqa: S608 - quoted
            infinite, nulls = self._rows(statement)[0]
            if infinite:
                raise QueryError(f"{name}: {one.name} is NaN or infinite in {infinite} rows; use null.")
            if nulls and not one.null_when:
                raise QueryError(f"{name}: {one.name} is null in {nulls} rows, but no null: WHEN is declared.")

    def _check_rows(self) -> None:
        statement = (
            f"SELECT count(*), count(DISTINCT o.{KEY}), count(s.{KEY}), (SELECT count(*) FROM segment)"  # noqa: S608 - constants
            f" FROM own_row o LEFT JOIN segment s USING ({KEY})"
        )
        rows, different, known, segments = self._rows(statement)[0]
        if not rows == different == known == segments:
            raise QueryError(
                f"{self.own.name}: the result has {rows} rows, of {known} known and {different} different segments;"
                f" it must have one row for each of the {segments} segments."
            )


def _packets(block: Block) -> pa.Table:
    """The rows of `segment_packet` of a block that is cut."""
    columns: dict[str, pa.Array] = {KEY: pa.array(block.extras["segments"]["first_packet"][block["row"]])}
    for name, absent in (("packet", None), ("time", NO_TIME), ("direction", None), ("gap", -1), ("side_gap", -1),
                         ("flags", -1), *((name, -1) for name in INPUTS)):  # fmt: skip
        values = block[name]
        columns[name] = pa.array(values, mask=None if absent is None else np.asarray(values == absent))
    return pa.table(columns)
