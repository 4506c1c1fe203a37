"""Import of one ground-truth file, or of a built-in pack, as a source of a lake.

Theory of operation
- The file's format is recognized (or given), and its reader yields rules, which are written as they come. Bad rows are
  noted with file and line, and the others are imported; without a single rule nothing is changed.
- A source is replaced as a whole. Its name is given, or that which the file suggests, or the stem of the file's name. A
  name that was not given never replaces a source that came from another file: two files named eve.json are two sources.
- A capture is given by its id, of which a unique beginning is enough. It must be in the lake, because a rule of a
  capture that is not there could never apply.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from netlake.errors import LakeError, OptionError, TruthError
from netlake.label.truth import packs, reader, store, times
from netlake.label.truth.files import Progress
from netlake.label.truth.reader import Task
from netlake.label.truth.rules import BENIGN_LABELS, Notes, Rule
from netlake.lake.catalog import Catalog
from netlake.spelling import spelled

PACK = "pack:"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_PACKED = {".gz", ".bz2", ".xz", ".zst", ".lz4"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is imported: the options of `netlake label import`, with the same meaning; None is not given."""

    kind: str = "auto"
    name: str | None = None
    zone: str | None = None
    clock: times.Clock | None = None
    capture: str | None = None
    benign: frozenset[str] = BENIGN_LABELS
    most_problems: int = 20


@dataclass(frozen=True, slots=True)
class Report:
    """What was imported: `status` is added or replaced, `problems` sentences about the first of the `bad` rows.

    `skipped` counts rows that are valid and no rule, by reason; `begin` and `end` are the span of the rules in
    microseconds since 1970 (UTC), None without times.
    """

    source: str
    file: str
    kind: str
    status: str
    rules: int
    labels: tuple[str, ...]
    version: str
    begin: int | None = None
    end: int | None = None
    bad: int = 0
    problems: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    zone: str | None = None
    notices: tuple[str, ...] = ()


def import_truth(
    lake: Path, file: str | Path, options: Options | None = None, progress: Progress | None = None
) -> Report:
    """Import a file, or `pack:NAME`, into the table `truth` of a lake.

    TruthError if nothing can be imported, OptionError for a wrong option (a zone that does not exist, a format, a
    name), LakeError if there is no lake, it cannot be written, or it has no such capture.
    """
    chosen = options or Options()
    if chosen.name is not None:
        check_name(chosen.name)
    Catalog(lake)
    if str(file).startswith(PACK):
        return _pack(lake, str(file), chosen)
    path = Path(file)
    _check_file(path)
    found = reader.choose(path, chosen.kind)
    task = Task(path, Notes(spelled(path), chosen.most_problems), progress=progress, benign=chosen.benign)
    return _import(lake, task, found, chosen)


def _pack(lake: Path, given: str, options: Options) -> Report:
    name = given.removeprefix(PACK)
    if options.kind not in {"auto", "yaml"} or options.zone or options.clock:
        raise OptionError(
            f"{given} is built in and has its own format and time zone; give no --kind, --zone or --clock."
        )
    with packs.opened(name) as path:
        task = Task(path, Notes(given, options.most_problems), name=name)
        return _import(lake, task, reader.every()["yaml"], options)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise TruthError(f"{spelled(path)} is a folder; name a file of ground truth.")
    if not path.exists():
        known = ", ".join(packs.names())
        raise TruthError(f"{spelled(path)} does not exist; give a file, or {PACK}NAME for a built-in pack ({known}).")
    if not path.is_file():
        raise TruthError(f"{spelled(path)} is not a file; ground truth is read twice, so a pipe cannot be used.")


def check_name(name: str) -> None:
    """OptionError for a name that a source cannot have."""
    if not _NAME.fullmatch(name):
        raise OptionError(f"--name: {name!r} is no name; use up to 64 letters, digits, dots, dashes and underscores.")


def _import(lake: Path, task: Task, found: reader.Reader, options: Options) -> Report:
    task.zone = times.zone(options.zone) if options.zone else None
    task.clock = options.clock
    task.capture = capture_of(lake, options.capture) if options.capture else None
    task.known = {
        entry.facts.sha256: entry.facts.capture
        for entry in Catalog(lake, readonly=True).captures()
        if entry.facts.sha256
    }
    rules = _of_this_era(found.read(task), task.notes)
    first = next(rules, None)  # the reader has set the name that the file suggests
    name = options.name or _suggested(task)
    if options.name is None:
        _refuse_other(lake, name, task.notes.file)
    writing = store.Writing(name, task.notes.file, found.kind, _digest(task.path))
    every: Iterator[Rule] = rules if first is None else chain([first], rules)
    if first is None:
        raise _nothing(task.notes)
    outcome = store.write(Catalog(lake), writing, every)
    notes = task.notes
    return Report(
        name,
        notes.file,
        found.kind,
        outcome.status,
        writing.count,
        tuple(sorted(writing.labels)),
        writing.version,
        writing.begin,
        writing.end,
        notes.bad,
        tuple(notes.sentences),
        dict(notes.skipped),
        task.zone.name if task.zone else None,
        tuple(_notices(lake, writing)),
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_this_era(rules: Iterator[Rule], notes: Notes) -> Iterator[Rule]:
    """The rules, without those that a long duration or a zone takes out of the years 1 to 9999."""
    for rule in rules:
        if (
            rule.begin is not None
            and rule.end is not None
            and not times.EARLIEST <= rule.begin <= rule.end <= times.LATEST
        ):
            notes.wrong(rule.line, "the interval is not within the years 1 to 9999.")
        else:
            yield rule


def _notices(lake: Path, writing: store.Writing) -> Iterator[str]:
    """Sentences about rules that cannot apply to any capture of the lake."""
    spans = [
        (entry.facts.begin, entry.facts.end)
        for entry in Catalog(lake, readonly=True).captures()
        if entry.facts.begin and entry.facts.end
    ]
    if not spans:
        yield "The lake has no capture yet; `netlake capture` adds one, before or after ground truth."
    elif writing.begin is not None and writing.end is not None:
        begin, end = times.instant(writing.begin), times.instant(writing.end)
        if all(last < begin or first > end for first, last in spans):
            first, last = min(first for first, _ in spans), max(last for _, last in spans)
            yield (
                f"No capture of the lake has a time of these rules, {_seconds(begin)} to {_seconds(end)} UTC; the"
                f" captures are from {_seconds(first)} to {_seconds(last)} UTC. Check the time zone."
            )


def _seconds(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"


def _nothing(notes: Notes) -> store.NothingError:
    """Why there is no rule at all."""
    if notes.bad:
        rows = f"the {notes.bad:,} rows" if notes.bad > 1 else "its row"
        return store.NothingError(
            f"{notes.file} was not imported, because {'none of ' if notes.bad > 1 else ''}{rows} is"
            f" {'valid' if notes.bad > 1 else 'not valid'}.",
            notes.sentences,
        )
    skipped = "; ".join(f"{count:,} rows were skipped: {reason}" for reason, count in notes.skipped.most_common(5))
    return store.NothingError(f"{notes.file} has no rule, so nothing was imported{f' ({skipped})' if skipped else ''}.")


def _suggested(task: Task) -> str:
    """The name that the file suggests, or the stem of its name, made valid."""
    name = task.name
    if not name:
        path = task.path
        while path.suffix in _PACKED:
            path = path.with_suffix("")
        name = path.stem
    valid = _UNFIT.sub("-", name).strip("-._")[:64]
    return valid or "truth"


def _refuse_other(lake: Path, name: str, file: str) -> None:
    stored = store.file_of(lake, name)
    if stored is not None and stored != file:
        raise OptionError(
            f"The lake has a source {name}, from {stored}; give --name {name} to replace it, or another --name."
        )


def capture_of(lake: Path, given: str) -> str:
    """The id of the capture in the lake that begins with `given`; LakeError if there is none, or more than one."""
    known = [entry.facts.capture for entry in Catalog(lake, readonly=True).captures()]
    found = [capture for capture in known if capture.startswith(given)] if given else []
    if not found:
        raise LakeError(f"No capture in the lake has an id that starts with {given!r}; list ids: netlake captures.")
    if len(found) > 1:
        raise LakeError(f"The ids of {len(found)} captures in the lake start with {given}: give more of the id.")
    return found[0]
