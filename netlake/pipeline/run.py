"""Decode one capture from its source to a lake or to memory.

- A capture is one transaction: its files become durable first, then one commit of the catalog adds all of them. A
  failure before the commit leaves no file.
- An error of one capture is in its report, so that the others of a run are decoded; a full disk ends the run.
- A capture is identified by its content (see `netlake.lake.identity`): if another one has its id, it gets another.
- Protobuf messages are files beside the lake without a commit: after each commit, those are removed that belong to no
  capture in the lake or to an earlier decoding.
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from netlake.errors import FullDiskError, NetlakeError
from netlake.lake import CaptureFacts
from netlake.lake.captures import decide
from netlake.lake.catalog import Catalog
from netlake.lake.identity import STAMPS, CollisionError, Offer, Place
from netlake.pipeline import failed
from netlake.pipeline.decoder import Decoder, Options
from netlake.pipeline.marks import Marks
from netlake.pipeline.quality import quality
from netlake.pipeline.report import CaptureReport, ProblemReport, TableReport
from netlake.pipeline.source_rows import SourceRows
from netlake.sinks import Sink
from netlake.sinks.memory import MemorySink
from netlake.sinks.parquet import ParquetSink
from netlake.sinks.tee import TeeSink
from netlake.sources import Source, as_one, open_capture
from netlake.sources.bpf import Filtered
from netlake.sources.inputs import expand
from netlake.spelling import normal, spelled

if TYPE_CHECKING:
    from netlake.sinks.protobuf import ProtobufSink

# packets in a batch: more do not fit in the CPU's cache, fewer have more overhead in Python
BATCH = 16_384
# how often a capture is decoded whose id another one gets meanwhile
TRIES = 3
# errors after which no other capture of a run can be written either
FULL = {errno.ENOSPC, errno.EDQUOT}

# (bytes of the input read, its size or None, packets)
Progress = Callable[[int, int | None, int], None]
# what is known of a capture before it is decoded
Begun = Callable[[CaptureFacts], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a capture is decoded: the options of `netlake capture`; `plugins` are files that each worker loads."""

    options: Options = field(default_factory=Options)
    proto: bool = False
    replace: bool = False
    salvage: bool = False
    sha256: bool = True
    threads: int = 2
    plugins: tuple[str, ...] = ()
    older: bool = False  # the lake may have an older contract: a refresh

    def kept(self) -> dict[str, Any]:
        """The settings that determine the rows, as plain data: recorded with the capture, for a refresh."""
        include, exclude = self.options.include, self.options.exclude
        return {
            "include": None if include is None else sorted(include),
            "exclude": sorted(exclude),
            "entropy": self.options.entropy,
            "flow_key": list(self.options.flow_key),
            "hashes": list(self.options.hashes),
            "keylog": list(self.options.keylog),
            "bpf": self.options.bpf,
            "salvage": self.salvage,
        }

    def like(self, kept: Mapping[str, Any]) -> Settings:
        """These settings with those that another decoding recorded."""
        include = kept.get("include")
        chosen = Options(
            None if include is None else frozenset(include),
            frozenset(kept.get("exclude", ())),
            bool(kept.get("entropy")),
            tuple(kept.get("flow_key", ())),
            tuple(kept.get("hashes", ())),
            keylog=tuple(kept.get("keylog", ())),
            bpf=kept.get("bpf"),
        )
        return replace(self, options=chosen, salvage=bool(kept.get("salvage")))


def open_source(specs: Sequence[str], settings: Settings) -> Source:
    """Open one capture, or several files as one; with an expression, only the packets that it accepts."""
    if len(specs) == 1:
        source = open_capture(specs[0], salvage=settings.salvage, sha256=settings.sha256)
    else:
        source = as_one(specs, salvage=settings.salvage, sha256=settings.sha256)
    return source if settings.options.bpf is None else Filtered(source, settings.options.bpf)


def to_lake(
    specs: Sequence[str],
    lake: str | os.PathLike[str],
    settings: Settings,
    progress: Progress,
    begun: Begun = lambda _: None,
) -> CaptureReport:
    """Decode one capture (or several files as one) into `lake`; errors are in the report.

    `begun` is called before it is decoded. An exception that is not an error of the input is also recorded in the lake.
    """
    first = spelled(specs[0])
    known: list[CaptureFacts] = []

    def begins(facts: CaptureFacts) -> None:
        known[:] = [facts]
        begun(facts)

    report = CaptureReport(name=first if len(specs) == 1 else f"{first} and {len(specs) - 1} more")
    began = time.monotonic()
    try:
        for left in reversed(range(TRIES)):
            with open_source(specs, settings) as source, suppress(*((CollisionError,) if left else ())):
                report.name, report.notices = source.name, []
                _take(source, Catalog(Path(lake), late=True, older=settings.older), settings, progress, report, begins)
                break
    except FullDiskError as error:
        _fail(report, str(error), full=True)
    except NetlakeError as error:
        _fail(report, str(error))
    except OSError as error:
        where = f"{spelled(error.filename)}: " if error.filename else ""
        full = error.errno in FULL
        what = f"The lake {spelled(lake)} could not be written" if full else f"{report.name} could not be decoded"
        _fail(report, f"{what}: {where}{error.strerror or error}.", full=full)
    except Exception as error:  # noqa: BLE001 - a bug, or not enough memory: the other captures are decoded
        _fail(report, f"{report.name} could not be decoded: {_unexpected(error)}.")
        failed.record(lake, known[0] if known else None, _unexpected(error))
    report.seconds = time.monotonic() - began
    return report


def _unexpected(error: Exception) -> str:
    """What an exception was that no input should cause."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    step = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__}: {error} ({step.filename}, line {step.lineno}), which is a bug of netlake or a plugin"
    )


def _fail(report: CaptureReport, sentence: str, *, full: bool = False) -> None:
    """Report a failure: no row of the capture is in the lake, so the report has no packets and tables."""
    report.state, report.message, report.disk_full = "failed", sentence, full
    report.packets, report.tables = 0, {}


def _take(  # noqa: PLR0913 - what a decoding works with
    source: Source, catalog: Catalog, settings: Settings, progress: Progress, report: CaptureReport, begun: Begun
) -> None:
    place = _place(source, catalog, settings, report)
    if place is not None and place.stored is not None and not settings.replace:
        outcome = decide(place.stored, _facts(source, settings, report), replace=False, seen=place.seen)
        if outcome is not None:
            report.state, report.message = outcome.status, outcome.sentence
            return
    begun(_facts(source, settings, report))
    parquet = ParquetSink(catalog.data, source.capture_id, threads=settings.threads)
    again = settings.replace and _messages(catalog, source)  # those of the earlier decoding must be replaced
    proto = _protobuf(catalog, source) if settings.proto or again else None
    sink: Sink = parquet if proto is None else TeeSink([parquet, proto])
    try:
        marks = Marks()
        source_rows = run(source, sink, settings.options, progress, marks)
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
    sha256 = source.sha256
    if isinstance(source, Filtered):
        # two captures of a lake have different SHA-256; that of the file is no property of what was decoded of it
        report.quality["sha256_of_file"], sha256 = sha256, None
    facts = replace(_facts(source, settings, report), sha256=sha256, marks=marks.result())
    try:
        outcome = catalog.commit(facts, parquet.files, replace=settings.replace, seen=place.seen if place else None)
    except BaseException:
        _keep(catalog, source, written)
        raise
    _keep(catalog, source, written)
    report.state, report.message = outcome.status, outcome.sentence
    report.notices += outcome.notes
    if outcome.status not in {"added", "replaced"}:  # another writer added it first, and our files were removed
        report.tables = {}


def _place(source: Source, catalog: Catalog, settings: Settings, report: CaptureReport) -> Place | None:
    """Give the capture of files its id in the lake; None for a stream, whose id is random."""
    place, offered = None, offer(source)
    if offered is not None:
        place = catalog.place(offered, replace=settings.replace)
        source.capture_id = place.capture
    if place is not None and place.stored is None and place.other is not None:
        report.notices.append(_clash(source.name, place, place.other.facts))
    report.id = source.capture_id
    return place


def _clash(name: str, place: Place, other: CaptureFacts) -> str:
    """A sentence about a capture that has the id of another one."""
    why = (
        "but another SHA-256"
        if place.compared
        else f"and {other.called} is not as it was captured and its SHA-256 was not stored, so they cannot be compared"
    )
    samples = f"{name} has the size and samples of {other.called} (capture {other.capture}), {why}"
    return f"{samples}: it is a capture of its own, {place.capture}."


def offer(source: Source) -> Offer | None:
    """The files of a capture as the lake compares them; None for a stream."""
    stamps = _stamps(source)
    if not stamps:
        return None
    files = [part.path for part in source.files if part.path is not None]
    return Offer(source.capture_id, source.former_id, _path(source), stamps, files)


def _stamps(source: Source) -> list[str]:
    """A stamp of each file, empty unless all are regular files."""
    stamps = [part.stamp for part in source.files]
    return [stamp for stamp in stamps if stamp is not None] if all(stamps) else []


def _messages(catalog: Catalog, source: Source) -> set[Path]:
    """The message files of a capture in the lake."""
    return set(catalog.folder.glob(f"proto/*/{source.capture_id}.pb.zst"))


def _keep(catalog: Catalog, source: Source, written: set[Path]) -> None:
    """Remove the message files of a capture that is not in the lake, or of an earlier decoding of it."""
    stored = catalog.capture(source.capture_id) is not None
    for path in _messages(catalog, source):
        if not stored or (written and path not in written):
            path.unlink(missing_ok=True)


def _protobuf(catalog: Catalog, source: Source) -> ProtobufSink:
    """The sink of messages; imported here because its library is slow to import and rarely used."""
    from netlake.sinks.protobuf import ProtobufSink

    return ProtobufSink(catalog.folder, source.capture_id, source=source.name)


def run(source: Source, sink: Sink, options: Options, progress: Progress, marks: Marks | None = None) -> SourceRows:
    """Decode every batch of `source` into `sink`, which is not closed; `marks` get the packets too."""
    decoder = Decoder(sink, source.capture_id, options)
    source_rows = SourceRows(decoder, source)
    try:
        for packets in source.batches(BATCH):
            if marks is not None:
                marks.add(packets)
            for text in source.secrets:
                decoder.add_key_log(text)
            source.secrets.clear()
            decoder.batch(packets)
            source_rows.batch(packets)
            progress(source.bytes_read, source.size, source.packets)
        source_rows.finish()
        decoder.finish()
    finally:
        decoder.streams.close()
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
    if isinstance(source, Filtered):
        report.packets -= source.rejected
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
        state="partial" if report.partial else "complete",
        packets=report.packets,
        begin=_time(quality.get("begin")),
        end=_time(quality.get("end")),
        rows={name: table.rows for name, table in report.tables.items()},
        report={**quality, "problems": problems, "options": settings.kept(), STAMPS: _stamps(source)},
    )


def _path(source: Source) -> str:
    """The absolute paths of the original, one a line and without symbolic links, by which a refresh finds it."""
    return "\n".join(normal(part.path) if part.path and part.stamp else part.name for part in source.files)


def _time(text: Any) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if isinstance(text, str) else None


def inputs(given: Sequence[str | os.PathLike[str]], *, as_one: bool) -> list[list[str]]:
    """The captures named by `given`, each a list of its files."""
    found = expand(given)
    return [found] if as_one else [[spec] for spec in found]
