"""Decode captures to tables: the only package that uses sources, layers, records and sinks together.

decode(path)                         {table name: pyarrow.Table}, without a lake
capture([paths], "lake", ...)        into a lake -> Report
refresh("lake")                      decode captures of a lake again under the present contract -> Report
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pyarrow as pa

from netlake import tables
from netlake.errors import LakeError, NetlakeError, OptionError, QueryError
from netlake.flows.tracker import FLOW_KEYS
from netlake.kernels import warm
from netlake.lake.catalog import Catalog
from netlake.lake.facts import CaptureFacts, Stored, schema_version
from netlake.lake.identity import Content
from netlake.layers.contents import HASHES
from netlake.pipeline import folder
from netlake.pipeline.decoder import Options
from netlake.pipeline.key_logs import checked
from netlake.pipeline.process import only_if_used
from netlake.pipeline.report import CaptureReport, ProblemReport, Report, TableReport
from netlake.pipeline.run import Settings, inputs, offer, open_source, to_lake, to_memory
from netlake.pipeline.workers import Budget, Supervisor, Watcher, default_jobs
from netlake.sources.bpf import checked as checked_expression
from netlake.spelling import unspelled

__all__ = ["CaptureReport", "ProblemReport", "Report", "TableReport", "capture", "decode", "refresh"]

Paths = Sequence[str | os.PathLike[str]]
Specs = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class Decoding(TypedDict, total=False):
    """Options of `capture` that it only passes on."""

    entropy: bool
    flow_key: Iterable[str]
    hashes: Iterable[str]
    extract_files: str | os.PathLike[str] | None
    budget_seconds: float | None
    budget_memory: int | None
    keylog: Iterable[str | os.PathLike[str]]
    bpf: str | None


def _ignore(*_: Any) -> None:
    """Ignore progress."""


def decode(  # noqa: PLR0913 - the options of the command, each by its name
    path: Specs,
    *,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    salvage: bool = False,
    entropy: bool = False,
    flow_key: Iterable[str] = (),
    hashes: Iterable[str] = (),
    extract_files: str | os.PathLike[str] | None = None,
    keylog: Iterable[str | os.PathLike[str]] = (),
    bpf: str | None = None,
    plugins: Paths = (),
    to: str | os.PathLike[str] | None = None,
    file_format: str = "parquet",
) -> dict[str, pa.Table]:
    """Decode a capture (several paths are read as one) to Arrow tables by name; tables without rows are omitted.

    With `to`, each table is also written to a file in this new folder: `file_format` is parquet, csv, json or jsonl.

    `plugins` are files that declare further tables; they stay loaded in this process (see netlake.tables). `flow_key`
    names what separates connections beside addresses, ports, protocol and tunnel: `vlan`, `interface`, both or none.
    `hashes` are computed of files beside SHA-256: `md5`, `sha1`, both or none; their contents are stored in the folder
    `extract_files`. `keylog` are files with secrets of TLS and QUIC in the format of SSLKEYLOGFILE, by which they are
    decrypted. `bpf` is a filter expression, as of tcpdump: only packets that it accepts are decoded.
    InputError if the capture cannot be opened or is not one, SchemaError for an invalid plugin. Problems of the input
    are in the metadata of each table, key `netlake.problems`.
    """
    if to is not None:
        folder.check(Path(to), file_format)
    tables.load(plugins)
    chosen = options(
        include, exclude, entropy=entropy, flow_key=flow_key, hashes=hashes, extract_files=extract_files,
        keylog=keylog, bpf=bpf,
    )  # fmt: skip
    settings = Settings(options=chosen, salvage=salvage, sha256=False)
    specs = [path] if isinstance(path, str | os.PathLike) else list(path)
    found, report = to_memory([os.fspath(spec) for spec in specs], settings)
    if report.problems:
        listed = "\n".join(f"byte {problem.offset}: {problem.sentence}" for problem in report.problems)
        for name, table in found.items():
            found[name] = table.replace_schema_metadata({**(table.schema.metadata or {}), "netlake.problems": listed})
    if to is not None:
        with folder.replacing(Path(to)) as made:
            for name, table in found.items():
                folder.write(made, file_format, name, table.to_reader())
    return found


def capture(  # noqa: PLR0913 - the options of the command, each by its name
    paths: Specs,
    lake: str | os.PathLike[str],
    *,
    proto: bool = False,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    jobs: int | None = None,
    replace: bool = False,
    as_one: bool = False,
    salvage: bool = False,
    sha256: bool = True,
    plugins: Paths = (),
    progress: Watcher | None = None,
    begun: Callable[[int], None] | None = None,
    **decoding: Unpack[Decoding],
) -> Report:
    """Decode captures into a lake, which is created by the first capture if it is missing.

    `paths` are files, folders, glob patterns or `-`; `jobs` is the number of processes (default: one per CPU);
    `plugins`, and `entropy`, `flow_key`, `hashes`, `extract_files`, `keylog` and `bpf` (in `decoding`), are as for
    `decode`.
    `progress` is called with (index of the capture, bytes read, size or None, packets), `begun` with the number of
    captures.
    A capture that takes more than `budget_seconds`, or more than `budget_memory` MiB, fails; the others are decoded.
    With one of them each capture is decoded in a process of its own, which standard input cannot be.
    InputError if a path names no capture; errors of one capture are in its report.
    """
    tables.load(plugins)
    outside = tuple(os.fspath(plugin) for plugin in plugins)
    chosen = options(include, exclude, **decoding)
    settings = Settings(chosen, proto, replace, salvage, sha256, plugins=outside)
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    captures = inputs(given, as_one=as_one)
    catalog = Catalog(Path(lake), late=True)
    report = Report(notices=[catalog.notice] if catalog.notice else [])
    with only_if_used(catalog.folder):
        budget = Budget(decoding.get("budget_seconds"), decoding.get("budget_memory"))
        return _all(captures, lake, settings, report, jobs, progress or _ignore, begun, budget)


def refresh(  # noqa: PLR0913 - as above
    lake: str | os.PathLike[str],
    *,
    proto: bool = False,
    jobs: int | None = None,
    sha256: bool = True,
    plugins: Paths = (),
    progress: Watcher | None = None,
    begun: Callable[[int], None] | None = None,
) -> Report:
    """Decode the captures of a lake again that another contract decoded, if their originals are unchanged.

    Each is decoded with its own options: tables included or excluded, entropy, flow key, key logs, salvage. Captures
    without their original, or a key log, remain as they are; the report's notices name them. In a lake of an older
    contract (see netlake.lake.contract) no row can remain: LakeError if an original is missing, and the lake is refused
    until every capture is decoded again.
    """
    tables.load(plugins)
    catalog = Catalog(Path(lake), older=True)
    report = Report(notices=[catalog.notice] if catalog.notice else [])
    older = catalog.older_contract
    stored = catalog.outdated() if older else _of_other_contract(catalog)
    outside = tuple(os.fspath(plugin) for plugin in plugins)
    common = Settings(Options(), proto, replace=True, sha256=sha256, plugins=outside, older=older)
    alike: dict[Settings, list[list[str]]] = {}
    for facts in (entry.facts for entry in stored):
        why = _unlike(facts)
        if why and older:
            raise LakeError(_needed(facts, why, catalog.folder))
        if why:
            report.notices.append(f"Capture {facts.capture} is not decoded again: {why}.")
            continue
        alike.setdefault(common.like(facts.report.get("options", {})), []).append(_paths(facts))
    if begun is not None:
        begun(sum(map(len, alike.values())))
    if older:
        catalog.begin_refresh(tables.entries())
    for settings, captures in alike.items():
        _all(captures, lake, settings, report, jobs, progress or _ignore, None)
    if older and failed(report):
        report.notices.append("The lake cannot be read before `netlake capture --refresh` succeeds for all captures.")
    elif older:
        catalog.finish_refresh()
    return report


def _of_other_contract(catalog: Catalog) -> list[Stored]:
    return [stored for stored in catalog.captures() if stored.facts.contract != schema_version()]


def _needed(facts: CaptureFacts, why: str, lake: Path) -> str:
    return (
        f"The lake can only be refreshed with the original of every capture, but {why}; restore it, or remove the"
        f" capture with `netlake captures rm {facts.capture} --lake {lake}`."
    )


def _unlike(facts: CaptureFacts) -> str | None:
    """Why a capture cannot be decoded again: its original is missing or another capture; None if it can."""
    paths = _paths(facts)
    if facts.kind != "file" or not all(Path(path).is_file() for path in paths):
        return f"{facts.called} is missing"
    for log in facts.report.get("options", {}).get("keylog", ()):
        if not Path(log).is_file():
            return f"its key log {log} is missing"
    try:
        with open_source(paths, Settings(sha256=False).like(facts.report.get("options", {}))) as source:
            offered = offer(source)
            if offered is not None and facts.capture in offered.ids() and Content(offered).is_of(facts, replace=True):
                return None
    except NetlakeError as error:
        return str(error).rstrip(".")
    return f"{facts.called} is another capture now"


def _paths(facts: CaptureFacts) -> list[str]:
    return [unspelled(line) for line in facts.path.split("\n")]


def _all(  # noqa: PLR0913 - the common part of two public functions
    captures: list[list[str]],
    lake: str | os.PathLike[str],
    settings: Settings,
    report: Report,
    jobs: int | None,
    watcher: Watcher,
    begun: Callable[[int], None] | None,
    budget: Budget = Budget(),  # noqa: B008 - frozen
) -> Report:
    """Decode captures, one after another or in parallel; their reports are added to `report`."""
    began, before = time.monotonic(), len(report.captures)
    if begun is not None:
        begun(len(captures))
    # several captures have workers also where there is one CPU, so that a process that dies costs one of them
    alone = not budget and (len(captures) <= 1 or jobs == 1)
    jobs = min(jobs or default_jobs(len(captures)), len(captures))
    if alone or any(spec == "-" for specs in captures for spec in specs):
        for index, specs in enumerate(captures, before):
            report.captures.append(to_lake(specs, lake, settings, lambda *state, i=index: watcher(i, *state)))
            if report.captures[-1].disk_full:
                break
    else:
        warm.warm()

        def later(index: int, done: int, size: int | None, packets: int) -> None:
            watcher(before + index, done, size, packets)

        report.captures += Supervisor(os.fspath(lake), settings, jobs, later, budget).run(captures)
    _end_of_full_disk(report, before + len(captures))
    report.seconds += time.monotonic() - began
    return report


def _end_of_full_disk(report: Report, wanted: int) -> None:
    """Report a full disk once, and how many captures were not decoded because of it."""
    full = [found for found in report.captures if found.disk_full]
    if full:
        report.captures = [found for found in report.captures if found is full[0] or not found.disk_full]
        if left := wanted - len(report.captures):
            full[0].message += f" {left:,} more captures were not decoded; free space, then repeat the command."


def options(include: Iterable[str] | None, exclude: Iterable[str], **decoding: Unpack[Decoding]) -> Options:
    """The options of the decoder.

    QueryError for an unknown table, OptionError for an unknown part of the flow key, an unknown hash, a folder for
    files that cannot be made, a key log that cannot be read, and a BPF expression without libpcap.
    """
    wanted = None if include is None else frozenset(include)
    unwanted = frozenset(exclude)
    known = tables.entries()
    for name in sorted((wanted or frozenset()) | unwanted):
        if name not in known:
            raise QueryError(f"There is no table {name}; `netlake tables --all` lists them.")
    parts = _known(decoding.get("flow_key", ()), FLOW_KEYS, "cannot be part of the flow key")
    hashes = _known(decoding.get("hashes", ()), HASHES, "is not a hash of files")
    folder = decoding.get("extract_files")
    if folder is not None:
        _folder(Path(folder))
        folder = str(Path(folder).resolve())
    given = decoding.get("keylog", ())
    bpf = checked_expression(decoding.get("bpf"))
    logs = checked([given] if isinstance(given, str | os.PathLike) else given)
    return Options(wanted, unwanted, bool(decoding.get("entropy")), parts, hashes, folder, logs, bpf)


def _known(given: Iterable[str], possible: Sequence[str], wrong: str) -> tuple[str, ...]:
    """Those of `possible` that are given, in their order; OptionError for another word."""
    words = {given} if isinstance(given, str) else set(given)
    for word in sorted(words):
        if word not in possible:
            raise OptionError(f"{word!r} {wrong}; possible are {' and '.join(possible)}.")
    return tuple(word for word in possible if word in words)


def _folder(path: Path) -> None:
    """Make the folder for contents of files if it does not exist."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK | os.X_OK)
    except OSError as error:
        raise OptionError(f"The folder {path} for files cannot be made: {error.strerror}; name another one.") from error
    if not writable:
        raise OptionError(f"The folder {path} for files is not writable; name another one.")


def failed(report: Report) -> NetlakeError | None:
    """The first failure of a run as an error, None if no capture failed."""
    for found in report.captures:
        if found.state == "failed":
            return NetlakeError(found.message)
    return None
