"""One capture, from its source to a lake or to memory.

A capture is one transaction: its files become durable first, then the catalog says that they are there. Whatever goes
wrong before that leaves nothing behind.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from netlake.errors import NetlakeError
from netlake.lake import CaptureFacts
from netlake.lake.catalog import Catalog
from netlake.lake.facts import contract_version
from netlake.pipeline.decoder import Decoder, Options
from netlake.pipeline.quality import quality
from netlake.pipeline.report import CaptureReport, ProblemReport, TableReport
from netlake.pipeline.source_rows import SourceRows
from netlake.sinks import Sink
from netlake.sinks.memory import MemorySink
from netlake.sinks.parquet import ParquetSink
from netlake.sinks.tee import TeeSink
from netlake.sources import Source, as_one, open_capture
from netlake.sources.inputs import expand

if TYPE_CHECKING:
    from netlake.sinks.protobuf import ProtobufSink

# packets at a time: more would leave the processor's cache, fewer would pay Python's part too often
BATCH = 16_384

# (bytes of the input read, its size or None, packets)
Progress = Callable[[int, int | None, int], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to take a capture in: see the options of `netlake capture`; `plugins` are files that a worker loads."""

    options: Options = field(default_factory=Options)
    proto: bool = False
    replace: bool = False
    salvage: bool = False
    sha256: bool = True
    threads: int = 2
    plugins: tuple[str, ...] = ()
    older: bool = False  # a refresh: the lake may have an older contract

    def kept(self) -> dict[str, Any]:
        """What of it decides which rows there are, as plain data: kept with the capture, for the next decoding."""
        include, exclude = self.options.include, self.options.exclude
        return {
            "include": None if include is None else sorted(include),
            "exclude": sorted(exclude),
            "entropy": self.options.entropy,
            "salvage": self.salvage,
        }

    def like(self, kept: Mapping[str, Any]) -> Settings:
        """These settings, with what another decoding kept."""
        include = kept.get("include")
        chosen = Options(
            None if include is None else frozenset(include),
            frozenset(kept.get("exclude", ())),
            bool(kept.get("entropy")),
        )
        return replace(self, options=chosen, salvage=bool(kept.get("salvage")))


def open_source(specs: Sequence[str], settings: Settings) -> Source:
    """One capture, or several read as one."""
    if len(specs) == 1:
        return open_capture(specs[0], salvage=settings.salvage, sha256=settings.sha256)
    return as_one(specs, salvage=settings.salvage, sha256=settings.sha256)


def to_lake(
    specs: Sequence[str], lake: str | os.PathLike[str], settings: Settings, progress: Progress
) -> CaptureReport:
    """Take one capture (or several as one) into `lake`; what keeps it from that is in the report, never raised."""
    report = CaptureReport(name=specs[0] if len(specs) == 1 else f"{specs[0]} and {len(specs) - 1} more")
    began = time.monotonic()
    try:
        with open_source(specs, settings) as source:
            report.name, report.id = source.name, source.capture_id
            _take(source, Catalog(Path(lake), older=settings.older), settings, progress, report)
    except NetlakeError as error:
        _fail(report, str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(report, f"{report.name} could not be taken in: {where}{error.strerror or error}.")
    report.seconds = time.monotonic() - began
    return report


def _fail(report: CaptureReport, sentence: str) -> None:
    """Nothing of the capture is in the lake, so the report has neither packets nor tables of it."""
    report.state, report.message = "failed", sentence
    report.packets, report.tables = 0, {}


def _take(source: Source, catalog: Catalog, settings: Settings, progress: Progress, report: CaptureReport) -> None:
    unchanged = None if settings.replace else catalog.find(source.capture_id, contract_version())
    if unchanged is not None:
        report.state, report.message = unchanged.status, unchanged.sentence
        return
    parquet = ParquetSink(catalog.data, source.capture_id, threads=settings.threads)
    again = settings.replace and _messages(catalog, source)  # they would be another decoding's
    proto = _protobuf(catalog, source) if settings.proto or again else None
    sink: Sink = parquet if proto is None else TeeSink([parquet, proto])
    try:
        source_rows = run(source, sink, settings.options, progress)
        sink.close()
    except BaseException:
        sink.abort()
        raise
    _describe(report, source, source_rows)
    for file in parquet.files:
        table = report.tables.setdefault(file.table.name, TableReport(0))
        table.rows += file.rows
        table.bytes += file.size
    if parquet.beyond:
        report.quality["rows_beyond_days"] = dict(parquet.beyond)
    written = set(proto.files.values()) if proto is not None else set()
    try:
        outcome = catalog.commit(_facts(source, settings, report), parquet.files, replace=settings.replace)
    except BaseException:
        _keep(catalog, source, written)
        raise
    _keep(catalog, source, written)
    report.state, report.message = outcome.status, outcome.sentence
    if outcome.status not in {"added", "replaced"}:  # another writer came first: our files are gone
        report.tables = {}


def _messages(catalog: Catalog, source: Source) -> set[Path]:
    """The files of messages that the lake has of a capture."""
    return set(catalog.folder.glob(f"proto/*/{source.capture_id}.pb.zst"))


def _keep(catalog: Catalog, source: Source, written: set[Path]) -> None:
    """Messages stand beside a capture that stands, and are those of its last decoding."""
    stands = catalog.capture(source.capture_id) is not None
    for path in _messages(catalog, source):
        if not stands or (written and path not in written):
            path.unlink(missing_ok=True)


def _protobuf(catalog: Catalog, source: Source) -> ProtobufSink:
    """The sink of messages; its library is slow to import, and most runs do without."""
    from netlake.sinks.protobuf import ProtobufSink

    return ProtobufSink(catalog.folder, source.capture_id, source=source.name)


def run(source: Source, sink: Sink, options: Options, progress: Progress) -> SourceRows:
    """Decode every batch of `source` into `sink`, which is left open."""
    decoder = Decoder(sink, source.capture_id, options)
    source_rows = SourceRows(decoder, source)
    try:
        for packets in source.batches(BATCH):
            decoder.batch(packets)
            source_rows.batch(packets)
            progress(source.bytes_read, source.size, source.packets)
        source_rows.finish()
        decoder.finish()
    finally:
        decoder.rows.end()
    return source_rows


def to_memory(specs: Sequence[str], settings: Settings) -> tuple[dict[str, pa.Table], CaptureReport]:
    """Decode a capture into Arrow tables."""
    sink = MemorySink()
    with open_source(specs, settings) as source:
        source_rows = run(source, sink, settings.options, lambda *_: None)
        sink.close()
        report = CaptureReport(name=source.name, id=source.capture_id, state="added")
        _describe(report, source, source_rows)
    report.tables = {name: TableReport(table.num_rows, table.nbytes) for name, table in sink.tables.items()}
    return dict(sink.tables), report


def _describe(report: CaptureReport, source: Source, source_rows: SourceRows) -> None:
    report.packets, report.bytes = source.packets, source.bytes_read
    report.partial = any(problem.partial for problem in source.problems)
    report.problems = [ProblemReport(p.offset, p.reason, p.file) for p in source.problems]
    report.quality = quality(source_rows)


def _facts(source: Source, settings: Settings, report: CaptureReport) -> CaptureFacts:
    quality = report.quality
    problems = [f"byte {p.offset}: {p.sentence}" for p in report.problems]
    return CaptureFacts(
        capture=source.capture_id,
        kind="stream" if source.size is None else "file",
        path=_path(source),
        size=source.size,
        sha256=source.sha256,
        state="partial" if report.partial else "complete",
        packets=report.packets,
        begin=_time(quality.get("begin")),
        end=_time(quality.get("end")),
        rows={name: table.rows for name, table in report.tables.items()},
        report={**quality, "problems": problems, "options": settings.kept()},
    )


def _path(source: Source) -> str:
    """Where the original lies, so that it can be found again: several files one a line."""
    names = [part.name for part in source.parts] or [source.name]
    return "\n".join(str(Path(name).absolute()) if Path(name).exists() else name for name in names)


def _time(text: Any) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if isinstance(text, str) else None


def inputs(given: Sequence[str | os.PathLike[str]], *, as_one: bool) -> list[list[str]]:
    """What to take in, each a list of the files that are one capture."""
    found = expand(given)
    return [found] if as_one else [[spec] for spec in found]
