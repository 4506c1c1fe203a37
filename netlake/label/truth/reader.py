"""Readers of ground-truth formats, found by looking into the package `readers`, and the choice among them.

A module of `netlake.label.truth.readers` declares `READER`, with the name of the format (the value of `--kind`), a
`detect` that recognizes it by the beginning of a file, and a `read` that yields rules. There is no list to edit.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from netlake.errors import OptionError, TruthError
from netlake.label.truth import readers
from netlake.label.truth.files import Head, Progress, head
from netlake.label.truth.rules import BENIGN_LABELS, Notes, Rule
from netlake.label.truth.times import Clock, Moment, Zone
from netlake.spelling import spelled


@dataclass(slots=True)
class Task:
    """One file to read, and how: `capture` is the id of the capture that it is about, if it is about one.

    `known` are the ids of the captures in the lake by the SHA-256 of their source, for files that name their capture
    by it. `zone` is that of `--zone`, `clock` that of `--clock`, `benign` the labels that mean benign, in lower case.
    A reader may set `name`, the name of the source that its file suggests, before its first rule.
    """

    path: Path
    notes: Notes
    capture: str | None = None
    zone: Zone | None = None
    clock: Clock | None = None
    benign: frozenset[str] = BENIGN_LABELS
    progress: Progress | None = None
    name: str | None = None
    known: Mapping[str, str] = field(default_factory=dict)

    def utc(self, given: Moment) -> int:
        """A time in UTC; OptionError that names --zone for a local time without zone."""
        if given.local and self.zone is None:
            raise missing_zone(self.notes.file)
        return given.utc(self.zone)

    def zone_of(self, given: Moment) -> str | None:
        """The name of the zone that was used for a time; None for one in UTC."""
        return self.zone.name if given.local and self.zone else None


def missing_zone(file: str) -> OptionError:
    """The error for a file of local times without a zone."""
    return OptionError(
        f"{file} has local times and names no time zone; give the zone of its clock with --zone, such as --zone"
        " America/Halifax or --zone UTC."
    )


@dataclass(frozen=True, slots=True)
class Reader:
    """The reader of one format: `doc` is one line about it, `local` whether its times need `--zone`."""

    kind: str
    doc: str
    detect: Callable[[Head], bool]
    read: Callable[[Task], Iterator[Rule]]
    local: bool = False


@cache
def every() -> dict[str, Reader]:
    """All readers by kind."""
    found = {}
    for module in pkgutil.iter_modules(readers.__path__):
        reader: Reader = importlib.import_module(f"{readers.__name__}.{module.name}").READER
        found[reader.kind] = reader
    return dict(sorted(found.items()))


def choose(path: Path, kind: str) -> Reader:
    """The reader of a file: that of `kind`, or with `auto` the only one that recognizes it."""
    known = every()
    if kind != "auto":
        if kind not in known:
            raise OptionError(f"--kind: there is no format {kind!r}; formats are auto, {', '.join(known)}.")
        return known[kind]
    beginning = head(path)
    if not beginning.data:
        raise TruthError(f"{spelled(path)} is empty.")
    found = [reader for reader in known.values() if reader.detect(beginning)]
    if len(found) == 1:
        return found[0]
    if found:
        kinds = " or ".join(reader.kind for reader in found)
        raise TruthError(f"{spelled(path)} can be read as {kinds}; choose one with --kind.")
    raise TruthError(
        f"{spelled(path)} has none of the known formats; if it has one, name it with --kind ({', '.join(known)})."
    )
