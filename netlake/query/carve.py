"""Carve: packets of a lake to one capture file. Which ones is SQL (`carving`), the rest is netlake.originals.

Commands run the SQL in the guarded child, which has no access to the originals unless a display filter on bytes needs
it; this process reads them and writes the file. `Lake.carve` does all with the rights of the caller.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from netlake.errors import LakeError, OptionError, QueryError
from netlake.lake.catalog import Catalog
from netlake.lake.facts import CaptureFacts
from netlake.originals import carved
from netlake.originals.carved import Carved
from netlake.originals.writer import Pcap, Pcapng, Writer
from netlake.query import guard
from netlake.query.carving import has_labels
from netlake.query.chosen import chosen
from netlake.query.output.place import target
from netlake.query.snapshot import Snapshot, moment
from netlake.spelling import spelled

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS: dict[str, Callable[[BinaryIO], Writer]] = {".pcapng": Pcapng, ".pcap": Pcap}
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Originals:
    """Where originals are that are not at their paths, and whether their SHA-256 is compared."""

    folder: Path | None = None
    verified: bool = False


def opened(lake: Path, at: str | None, names: Sequence[str]) -> Snapshot:
    """The lake at a snapshot and of captures as the user writes them; OptionError if there are none."""
    catalog = Catalog(lake, readonly=True)
    try:
        snapshot = Snapshot(catalog, moment(at))
    except OptionError:
        raise
    except LakeError as error:
        raise OptionError(f"--at: {error}") from error
    return Snapshot(catalog, snapshot.at, chosen(names, snapshot.captures())) if names else snapshot


def numbered(snapshot: Snapshot, option: str) -> None:
    """OptionError if flows and packets have no unique numbers, because there are several captures."""
    if (count := len(snapshot.captures())) > 1:
        raise OptionError(
            f"{option}: the lake has {count} captures, each with numbers of its own; name one with --capture."
        )


def guarded(lake: Path, out: Path | None, wanted: dict[str, Any], originals: Originals, **chosen: Any) -> Carved:
    """Write packets to `out`, None for stdout; `wanted` are the fields of Carving, their SQL runs in the child.

    `chosen` has `at`, `captures`, `labels`, `threads`, `memory`, `timeout` and `progress` (what, share) of the command.
    """
    progress: Progress = chosen.pop("progress")
    timeout, version = chosen.pop("timeout"), chosen.pop("labels")
    form = format_of(out)
    snapshot = opened(lake, chosen["at"], chosen["captures"])
    wanted = wanted | {"labels": labels_of(snapshot, version, form)}
    for name, option in (("flows", "--flow"), ("packets", "--packet")):
        if wanted[name]:
            numbered(snapshot, option)
    files: tuple[str, ...] = ()
    if wanted["filter"]:
        from netlake.query.filter import applied

        files = applied.originals(lake, wanted["filter"], chosen["at"], chosen["captures"])
    known = {facts.capture: facts for facts in snapshot.captures()}
    most = wanted["limit"] or max(1, sum(facts.packets for facts in known.values()))
    request = guard.Request(str(lake), carve=wanted, originals=files, **chosen)
    with guard.rows(request, timeout=timeout) as batches, _file(out, lake) as file:
        return write(batches, known, form(file), originals, lambda count: progress("packets", count / most))


def write(
    batches: Iterable[pa.RecordBatch],
    known: Mapping[str, CaptureFacts],
    writer: Writer,
    originals: Originals,
    progress: carved.Progress = lambda _: None,
) -> Carved:
    """Write the packets of `batches` (netlake.originals.carved); QueryError if there are none."""
    done = carved.write(batches, known, writer, folder=originals.folder, verified=originals.verified, progress=progress)
    if not done.packets:
        raise QueryError("No packet matches, so no capture was written.")
    return done


def labels_of(snapshot: Snapshot, version: str | None, form: Callable[[BinaryIO], Writer]) -> str | None:
    """The version of labels that comments are made of, None for none."""
    if form is Pcap:
        if version is not None:
            raise OptionError("--labels: a .pcap file has no comments; write a .pcapng file.")
        return None
    try:
        return has_labels(snapshot, version)
    except QueryError as error:
        raise OptionError(f"--labels: {error}") from error


def format_of(out: Path | None) -> Callable[[BinaryIO], Writer]:
    """The writer for a file of this name; OptionError for another ending."""
    if out is None:
        return Pcapng
    if out.suffix.lower() not in FORMATS:
        raise OptionError(f"-w: {spelled(out)}: the name of a capture ends in {' or '.join(FORMATS)}.")
    return FORMATS[out.suffix.lower()]


@contextlib.contextmanager
def _file(out: Path | None, lake: Path) -> Iterator[BinaryIO]:
    if out is not None:
        with target(out, lake, "-w") as file:
            yield file
        return
    sys.stdout.flush()
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()
