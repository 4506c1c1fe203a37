"""netcap's two ways of labelling: a file of attacks, or the alerts of Suricata, to CSV files with a column `result`.

Theory of operation
- A run does what `label import` (or `label suricata`) and `label apply` do, and writes the tables as CSV. The rules and
  the labels stay in the lake as source and version of one name, so that `label explain` can say why a record has its
  label, and a later run of the same name replaces them. With `temporary` both are removed at the end.
- If the run fails, what it added to the lake under a new name is removed, and no file is written: files are made in a
  temporary folder and get their names when all are complete.
- Rules that name their captures, such as those of Suricata, say nothing about others, so only those are written.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from netlake.errors import OptionError, TruthError
from netlake.label import join, truth
from netlake.label.join.opened import Opened
from netlake.label.labelled_csv import SUFFIX, Form, Progress, Table, write
from netlake.label.truth import importing, suricata, times
from netlake.lake.catalog import Catalog
from netlake.schema.sql import literal
from netlake.spelling import spelled

NAME = "netcap"
MEMORY = "1200MB"
# the tables with what a run adds, in the order of removal
_ADDED = ("label", "truth")


@dataclass(frozen=True, slots=True)
class Options:
    """How a run works: `out` is the folder of the files, `name` that of the source and the version.

    `temporary` removes both at the end; `name` is not used then.
    """

    out: Path
    name: str = NAME
    temporary: bool = False
    form: Form = field(default_factory=Form)


@dataclass(slots=True)
class Report:
    """The result: rules imported, labels made, files written. `captures` are those written, none if it was all."""

    name: str
    rules: truth.Report | suricata.Report
    labels: join.Report
    tables: list[Table] = field(default_factory=list)
    captures: tuple[str, ...] = ()


def custom(  # noqa: PLR0913 - lake, file, and how
    lake: Path, file: str, options: Options, *, zone: str | None, clock: times.Clock | None, progress: Progress
) -> Report:
    """Label by a file of attacks; any format of `label import` is accepted.

    TruthError if the file has no rule, OptionError for a wrong option, NoMatchError if no record matches, LakeError
    without a lake.
    """
    with _run(lake, options) as (name, folder):
        progress("reading the attacks", 0)
        report = truth.import_truth(lake, file, truth.Options(name=name, zone=zone, clock=clock))
        return _labelled(lake, Report(name, report, join.Report(name)), options, folder, progress)


def alerts(
    lake: Path, capture: Path, options: Options, chosen: suricata.Options | None = None, *, progress: Progress
) -> Report:
    """Label by the alerts that Suricata gives for a capture in the lake; the name in `chosen` is not used.

    TruthError without Suricata, its rules or any alert, LakeError if the capture is not in the lake, and otherwise as
    `custom`.
    """
    chosen = chosen or suricata.Options()
    with _run(lake, options) as (name, folder):
        progress("running Suricata", 0)
        report = suricata.label(lake, [capture], suricata.Options(name, chosen.rules, chosen.config, chosen.program))
        if not report.rules:
            raise TruthError(f"{report.program} has no alert for {spelled(capture)}, so nothing was written.")
        return _labelled(lake, Report(name, report, join.Report(name)), options, folder, progress)


def _labelled(lake: Path, report: Report, options: Options, folder: Path, progress: Progress) -> Report:
    """Apply the source and write the files."""
    chosen = join.Options(report.name, (report.name,))
    report.labels = join.apply(lake, chosen, lambda step, share: progress(f"labelling {step}", share * 0.3))
    with Opened(lake, memory=MEMORY) as opened:
        opened.bind("truth")
        named = opened.rows(f"SELECT DISTINCT capture FROM truth WHERE source = {literal(report.name)}")  # noqa: S608
        if all(row[0] for row in named):
            report.captures = tuple(sorted(row[0] for row in named))
        report.tables = write(
            opened, report.name, folder, options.form, captures=report.captures,
            progress=lambda step, share: progress(f"writing {step}", 0.3 + share * 0.7),
        )  # fmt: skip
    return report


@contextlib.contextmanager
def _run(lake: Path, options: Options) -> Iterator[tuple[str, Path]]:
    """(name of source and version, folder for the files); the files get their names if the block succeeds."""
    options.form.check()
    importing.check_name(options.name)
    _check_out(options.out, lake)
    Catalog(lake)
    name = f"temporary-{secrets.token_hex(6)}" if options.temporary else options.name
    with _added(lake, name, keep=not options.temporary), _files(options.out) as folder:
        yield name, folder


def _check_out(out: Path, lake: Path) -> None:
    if out.exists() and not out.is_dir():
        raise OptionError(f"--out: {spelled(out)} is not a folder.")
    if os.path.lexists(out) and not out.exists():
        raise OptionError(f"--out: {spelled(out)} is a link to a place that does not exist.")
    if not out.absolute().parent.is_dir():
        raise OptionError(f"--out: {spelled(out.absolute().parent)} is not a folder: create it first.")
    if out.resolve().is_relative_to(lake.resolve()):
        raise OptionError(f"--out: {spelled(out)} is inside the lake: choose another folder.")
    # names only: an earlier run may have had other tables, which would be mistaken for this one's
    if out.exists() and (earlier := sorted(path.name for path in out.glob(f"*{SUFFIX}"))):
        raise OptionError(
            f"--out: {spelled(out)} has files of an earlier run, such as {spelled(earlier[0])}: remove them, or choose"
            " another folder."
        )


@contextlib.contextmanager
def _added(lake: Path, name: str, *, keep: bool) -> Iterator[None]:
    """Remove what the block adds to the lake under a new name if it fails, or without `keep`."""
    new = [table for table in _ADDED if name not in Catalog(lake).owners(table)]
    done = False
    try:
        yield
        done = True
    finally:
        if not (done and keep):
            catalog = Catalog(lake)
            for table in new:
                if name in catalog.owners(table):
                    catalog.remove_rows(table, name)


@contextlib.contextmanager
def _files(out: Path) -> Iterator[Path]:
    """A folder whose files get their names in `out` if the block succeeds."""
    fresh = not out.exists()
    where = out.absolute().parent if fresh else out
    base = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=where))
    try:
        folder = base / "out"
        folder.mkdir()
        yield folder
        if fresh:
            folder.rename(out)
        else:
            for path in sorted(folder.iterdir()):
                path.rename(out / path.name)
    finally:
        shutil.rmtree(base, ignore_errors=True)
