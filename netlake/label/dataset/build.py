"""Make a data set from a lake: stage, label, classify, group, split, check, write.

Everything is computed in a temporary folder beside OUT, which is renamed to OUT at the end: a data set is complete or
absent. A dry run ends after the checks and leaves nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netlake.derived.labels import LABEL, TRUTH
from netlake.errors import OptionError
from netlake.label.dataset import card, classes, edges, groups, manifest, output, pipeline, plots, split, stats
from netlake.label.dataset.checks import FAIL, Check, run
from netlake.label.dataset.checks.columns import constant
from netlake.label.dataset.formats import croissant, huggingface, parquet, table
from netlake.label.dataset.frame import CONSTANTS, Frame, finish, select
from netlake.label.dataset.options import Options
from netlake.label.dataset.rows import stage
from netlake.label.dataset.source import Source, of_lake
from netlake.label.dataset.work import Work
from netlake.label.join import versions
from netlake.query.lake import Lake
from netlake.schema import Table
from netlake.spelling import spelled

MEMORY = "1500MB"
# names of the splits that are written without a class
BESIDE = (split.ATTEMPTED, split.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Result:
    """What was made: `checks` in order, `rows` by split, `path` None for a dry run; `stale` why the labels are old."""

    checks: tuple[Check, ...]
    rows: dict[str, int]
    classes: tuple[str, ...]
    features: int
    path: Path | None
    stale: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a check failed."""
        return any(check.status == FAIL for check in self.checks)


@dataclass(frozen=True, slots=True)
class Made:
    """The finished rows in the working folder, and what the files beside the rows describe."""

    frame: Frame
    checks: tuple[Check, ...]
    boundaries: tuple[split.Boundary, ...]
    stats: dict[str, Any]
    edges: str
    source: Source
    stale: tuple[str, ...]


def build(  # noqa: PLR0913 - all but three are optional
    lake: Path,
    out: Path | None,
    options: Options,
    source: Source | None = None,
    *,
    memory: str = MEMORY,
    say: Callable[[str], None] | None = None,
) -> Result:
    """Make the data set `out` of the rows of `source` (by default the feature set of the options).

    `out` None is a dry run. `memory` limits the working tables, which are on disk beyond it. `say` gets the name of
    each step as it begins. OptionError for options that do not fit together or if `out` exists, QueryError if there are
    no rows or no labels, LakeError for a lake that cannot be read.
    """
    options.check()
    tell = say or (lambda _: None)
    _refuse(out, options)
    with Lake(lake) as opened, _folder(out) as (work_folder, part):
        edges.require(options.version, opened.catalog.owners("label"))
        stale = versions.stale(opened.catalog, options.version)
        source = source or of_lake(lake, options.features, options.policy)
        work = Work.of_lake(work_folder, opened, _tables())
        work.limit(memory)
        try:
            made = _make(work, options, source, stale, tell)
            if out is not None:
                _refuse_random(made, options)
                tell("writing the files")
                _write(part, made, opened)
        finally:
            work.close()
        if out is not None:
            part.rename(out)
    found = made.stats["rows_by_split"]
    return Result(made.checks, found, made.frame.classes, len(made.frame.features), out, stale)


def _tables() -> tuple[Table, ...]:
    """The tables of the lake that are read."""
    from netlake.tables import entries  # imports every protocol

    return (LABEL, TRUTH, *(entries()[name].table for name in ("connection", "packet")))


def _refuse(out: Path | None, options: Options) -> None:
    if options.split == "kfold" and (options.missing == "impute" or options.pipeline):
        option = "--pipeline" if options.pipeline else "--missing impute"
        raise OptionError(f"{option} learns from a training split, and folds have one each: choose another --split.")
    if options.pipeline:
        pipeline.require()
    if out is not None and os.path.lexists(out):
        raise OptionError(f"{spelled(out)} exists: remove it, or choose another folder.")
    if out is not None and not out.absolute().parent.is_dir():
        raise OptionError(f"{spelled(out.absolute().parent)} is not a folder: create it first.")


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[tuple[Path, Path]]:
    """(folder for working files, folder that becomes OUT); both are removed at the end if they are still there."""
    where = None if out is None else out.absolute().parent
    name = "netlake" if out is None else f".{out.name}"
    try:
        base = Path(tempfile.mkdtemp(prefix=f"{name}.", suffix=".partial", dir=where))
    except OSError as error:
        raise OptionError(f"{spelled(out or Path())} cannot be written: {error.strerror}.") from error
    try:
        (base / "work").mkdir()
        (base / "out").mkdir(mode=0o755)
        yield base / "work", base / "out"
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _make(work: Work, options: Options, source: Source, stale: tuple[str, ...], tell: Callable[[str], None]) -> Made:
    tell(f"computing {source.name}")
    definitions = stage(work, source)
    features, apart = select(definitions, options)
    tell("joining labels")
    used = edges.join(work, options.version, options.choose)
    names = classes.classify(work, options)
    groups.group(work, options.unit)
    tell(f"splitting by {options.split}")
    boundaries = split.assign(work, options)
    finish(work, names)
    beside = tuple(name for name in BESIDE if work.value("SELECT count(*) FROM work.assigned WHERE split = ?", (name,)))
    frame = Frame(work, features, apart, names, tuple(options.shares), options, beside)
    if CONSTANTS in options.exclude:
        frame = _varying(frame)
    tell("checking")
    return Made(frame, tuple(run(frame)), boundaries, stats.stats(frame), used, source, stale)


def _varying(frame: Frame) -> Frame:
    """The rows without the features that have one value in all training rows: they are kept apart."""
    left_out = constant(frame)
    features = tuple(one for one in frame.features if one.name not in left_out)
    if not features:
        raise OptionError(f"--exclude {CONSTANTS} leaves no feature: every one has one value in the training rows.")
    return replace(frame, features=features, apart=(*frame.apart, *(o for o in frame.features if o.name in left_out)))


def _refuse_random(made: Made, options: Options) -> None:
    """OptionError for a random split that cuts groups, unless it is forced."""
    if options.split != "random" or options.force:
        return
    cut = next(check for check in made.checks if check.name == "groups")
    if cut.status == FAIL:
        raise OptionError(
            f"--split random: {cut.sentence.rstrip('.')}. Results would be flattered: choose --split attack, or"
            " give --force."
        )


def _write(folder: Path, made: Made, lake: Lake) -> None:
    frame = made.frame
    made_output = output.prepare(frame)
    features, apart, masks = parquet.data(folder, made_output)
    parquet.tables(folder, made_output)
    table.csv(folder, made_output)
    table.npz(folder, made_output)
    if frame.options.pipeline:
        pipeline.write(folder, made_output)
    if made_output.masks or made_output.imputed:
        _text(folder / "imputation.json", manifest.as_json(made_output.imputed))
    _text(folder / "checks.json", manifest.as_json([check.as_json() for check in made.checks]))
    _text(folder / "stats.json", manifest.as_json(made.stats))
    _text(folder / "features.json", manifest.as_json(_definitions(frame)))
    (folder / "plots").mkdir()
    _text(folder / "plots" / "class-balance.svg", plots.balance(made.stats["rows_by_split_and_class"]))
    drawn = plots.timeline(stats.timeline(frame), frame.classes, made.boundaries, stats.BINS)
    _text(folder / "plots" / "timeline.svg", drawn)
    _describe(folder, made, lake, {"default": features, "identity": apart, "masks": masks})


def _describe(folder: Path, made: Made, lake: Lake, configs: dict[str, parquet.Written]) -> None:
    """Write the card, croissant.json, manifest.json and SHA256SUMS, which describe the other files."""
    frame = made.frame
    configs = {name: {key: paths for key, paths in found.items() if paths} for name, found in configs.items() if found}
    used = [row[0] for row in frame.work.rows("SELECT DISTINCT capture FROM work.key ORDER BY 1")]
    captures, truths = manifest.captures(lake, used), manifest.truths(frame.work, lake)
    facts = card.Facts(made.stats, made.checks, captures, truths, made.edges, command(frame.options))
    configs |= huggingface.folds(configs["default"])
    front = huggingface.front_matter(folder, card.title(frame), frame.classes, configs)
    _text(folder / "README.md", front + card.card(frame, facts))
    applied = lake.catalog.owners("label")[frame.options.version]
    head = {"name": "netlake-dataset", "description": card.title(frame), "version": "1.0.0"}
    docs = {**{one.name: one.description for one in (*frame.features, *frame.apart)}, **card.LABEL_DOCS}
    parts = [
        path
        for found in ("default", "identity", "masks")
        for paths in configs.get(found, {}).values()
        for path in paths
    ]
    _text(folder / "croissant.json", manifest.as_json(croissant.describe(folder, head, parts, docs, manifest.digest)))
    written = manifest.files(folder)
    _text(
        folder / "manifest.json",
        manifest.as_json(
            {
                "program": manifest.program(),
                "command": facts.command,
                "configuration": frame.options.as_json(),
                "features": {"set": made.source.name, "policy": dict(made.source.policy)},
                "classes": frame.classes,
                "labels": {"version": frame.options.version, "edges": made.edges, "stale": made.stale,
                           "applied": versions.facts(applied) or applied},
                "inputs": {"captures": captures, "truth": truths, "features": manifest.own(made.source.files)},
                "boundaries": [{"split": one.split, "begin_us": one.begin} for one in made.boundaries],
                "rows": made.stats["rows_by_split"],
                "outputs": written,
            }
        ),
    )  # fmt: skip
    _text(folder / "SHA256SUMS", manifest.sums(manifest.files(folder)))


def _definitions(frame: Frame) -> list[dict[str, Any]]:
    """features.json: the definition of each column, and whether it is a feature of this data set."""
    kept = {one.name for one in frame.features}
    return [
        {
            "name": one.name,
            "feature": one.name in kept,
            "type": str(frame.types[one.name]),
            "unit": one.unit,
            "leak": one.leak,
            "null_when": one.null_when,
            "description": one.description,
        }
        for one in (*frame.features, *frame.apart)
    ]


def command(options: Options) -> str:
    """The command that makes the data set again: all options that are not the default."""
    parts = ["netlake label dataset OUT"]
    default = Options()
    for name, value in options.as_json().items():
        option = "--" + name.replace("_", "-")
        if name in ("features", "split") or value != getattr(default, name):
            if isinstance(value, tuple | list):
                parts.append(f"{option} {quote(','.join(value))}")
            elif value is True:
                parts.append(option)
            else:
                parts.append(f"{option} {quote(str(value))}")
    return " ".join(parts)


def quote(text: str) -> str:
    """A word of a shell command."""
    import shlex

    return shlex.quote(text)


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
