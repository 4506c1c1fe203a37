"""Applies ground truth to the records of a lake, and writes the edges as one version of labels.

Steps, for each group of captures (netlake.label.join.opened): flows, packets, edges of connections, edges of every
other table. Nothing is kept between groups but the counts of hits and what the diagnosis needs, so memory is that of
the largest group, and DuckDB moves what exceeds its limit to disk. Edges are streamed from DuckDB into Parquet.

The result depends on rules, captures and options only: not on the order of sources or rules, not on other versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netlake.derived.labels import LABEL
from netlake.errors import LakeError
from netlake.label import owned
from netlake.label.join import diagnosis, edges, flows, rules, versions
from netlake.label.join.endpoints import Endpoints
from netlake.label.join.opened import Opened, groups
from netlake.label.join.options import Options, Progress
from netlake.label.join.packets import Packets
from netlake.label.join.report import NoMatchError, Report
from netlake.lake import Catalog, Stored
from netlake.schema import arrow

BATCH = 131_072


def apply(lake: Path, options: Options | None = None, progress: Progress = lambda *_: None) -> Report:
    """Write the labels of a version and return what was found.

    LakeError without a lake, ground truth or captures, NoMatchError without any match, QueryError for an invalid
    condition or option.
    """
    options = options or Options()
    options.check()
    with Opened(lake, memory=options.memory, threads=options.threads) as opened:
        captures = opened.captures()
        if not captures:
            raise LakeError(f"The lake {lake} has no captures; add some: netlake capture FILE --lake {lake}.")
        chosen = rules.load(opened, options, len(captures))
        run = _Run(opened, options, chosen, captures, progress)
        version = versions.text(options, chosen.sources, captures)
        writer = Catalog(lake)
        outcome = owned.replace(writer, LABEL, options.version, version, run.batches())
        run.report.snapshot = outcome.snapshot
        return run.report


class _Run:
    """One application, group by group."""

    def __init__(
        self, lake: Opened, options: Options, chosen: rules.Rules, captures: list[Stored], progress: Progress
    ) -> None:
        self.lake, self.options, self.rules, self.captures, self.progress = lake, options, chosen, captures, progress
        self.endpoints = Endpoints(rules.networks(lake))
        self.shapes = [shape for shape in lake.shapes() if shape.name != "packet"]
        self.report = Report(options.version, tuple(chosen.sources), len(chosen))
        self.found = np.zeros(len(chosen), np.int64)
        self.diagnosis = diagnosis.Diagnosis(lake, captures)
        self.repeated = _Repeated(options.version, chosen.repeated)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The edges of all groups; NoMatchError at the end if there are none."""
        done, total = 0, sum(stored.facts.packets for stored in self.captures) or 1
        for group in groups(self.captures):
            packets = sum(stored.facts.packets for stored in group)
            for part, batch in self._group(group):
                self.progress(f"{part} of {len(group)} captures", (done + packets / 2) / total)
                yield batch
            done += packets
            self.progress(f"{len(group)} captures", done / total)
        self.report.findings, self.report.missed = self.diagnosis.result(self.found)
        if not self.report.edges:
            raise NoMatchError(_nothing(self.report), self.report)

    def _group(self, group: list[Stored]) -> Iterator[tuple[str, pa.RecordBatch]]:
        lake, one = self.lake, len(group) == 1
        names = [stored.facts.capture for stored in group]
        with_table = [stored for stored in group if stored.facts.rows.get("connection") or not stored.facts.packets]
        flows.prepare(lake, names, connections=bool(with_table))
        self.endpoints.resolve(lake)
        flows.find(lake)
        Packets(lake, one=one).find(names)
        edges.make(lake, self.options.mode)
        self._count()
        self.diagnosis.add()
        yield from self._table("connection", names, edges.of_connections())
        yield from self._table("packet", names, edges.of_packets(lake, one=one, spread=self.options.spread))
        if lake.value("SELECT count(*) FROM reach"):
            for shape in self.shapes:
                if lake.bind(shape.name, names):
                    yield from self._table(
                        shape.name, names, edges.of_records(lake, shape, one=one, spread=self.options.spread)
                    )

    def _count(self) -> None:
        """Count the direct matches of each rule, and connections by label."""
        query = "SELECT id, count(*) FROM (SELECT id FROM hit UNION ALL SELECT id FROM edge) GROUP BY id"
        counts = self.lake.sql.execute(query).fetchnumpy()
        self.found[counts["id"]] += counts["count_star()"]
        query = "SELECT label, count(DISTINCT (cap, flow)) FROM edge JOIN rule USING (id) GROUP BY label"
        for label, connections in self.lake.rows(query):
            self.report.labels[label] = self.report.labels.get(label, 0) + connections

    def _table(self, table: str, captures: list[str], statement: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        reader = self.lake.sql.sql(statement).to_arrow_reader(BATCH)
        for batch in reader:
            if batch.num_rows:
                self.report.tables[table] = self.report.tables.get(table, 0) + batch.num_rows
                yield table, self.repeated.batch(table, captures, batch)


class _Repeated:
    """Adds what all edges of a rule repeat, as dictionaries, so that no text is copied."""

    def __init__(self, version: str, columns: pa.Table) -> None:
        self.version, self.schema = version, arrow.schema(LABEL)
        self.columns = {
            name: _encoded(columns.column(name).combine_chunks(), self.schema.field(name).type)
            for name in columns.column_names
        }

    def batch(self, table: str, captures: list[str], found: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of LABEL for the edges `found`, whose columns are edges.COLUMNS."""
        rule = found.column("id")
        values: dict[str, Any] = {name: column.take(rule) for name, column in self.columns.items()}
        values |= {name: found.column(name) for name in ("flow", "packet", "place", "ambiguous")}
        values |= {name: found.column(name) for name in ("overlap", "distance", "fraction")}
        count = found.num_rows
        values["version"] = _same(self.version, count)
        values["record_table"] = _same(table, count)
        values["capture"] = pa.DictionaryArray.from_arrays(found.column("cap").cast(pa.int32()), pa.array(captures))
        values["scope"] = pa.DictionaryArray.from_arrays(found.column("scope").cast(pa.int32()), pa.array(edges.SCOPES))
        # 1 is a2v, -1 is v2a
        way = pa.array(np.where(found.column("direction").fill_null(0).to_numpy() > 0, 0, 1).astype(np.int32),
                       mask=found.column("direction").is_null().to_numpy(zero_copy_only=False))  # fmt: skip
        values["direction"] = pa.DictionaryArray.from_arrays(way, pa.array(["a2v", "v2a"]))
        return pa.RecordBatch.from_arrays([values[name] for name in self.schema.names], names=self.schema.names)


def _encoded(values: pa.Array, kind: pa.DataType) -> pa.Array:
    if not pa.types.is_string(kind):
        return values.cast(kind)
    encoded = values.cast(pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.cast(pa.int32()), encoded.dictionary)


def _same(text: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([text]))


def _nothing(report: Report) -> str:
    """The sentence for ground truth that matches no record."""
    start = (
        f"No record of the lake matches the {report.rules} rules of {', '.join(report.sources)}, nothing was written"
    )
    if report.findings:
        return f"{start}: {' Also, '.join(finding.sentence for finding in report.findings[:2])}"
    reasons = ", ".join(f"{reason} ({count})" for reason, count in report.reasons.items())
    return f"{start}: {reasons or 'no reason was found'}."
