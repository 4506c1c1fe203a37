"""`netlake label dataset`: makes a training set of the labelled rows of a lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlake.cli import PARTIAL, listing, options
from netlake.query.output.visible import say

if TYPE_CHECKING:
    from netlake.label.dataset import Check, Result

EXAMPLES = """\b
netlake label dataset flows --features cic --split time --unknown benign
netlake label dataset flows --split attack --exclude leak:environment --dry-run
netlake label dataset folds --split kfold --folds 5 --group host
netlake label dataset imputed --missing impute --pipeline

Exit codes: 0 the data set is written (dry run: no check failed), 1 failure and nothing is written, 2 wrong usage,
3 the data set is written, but a check failed (dry run: a check failed).
"""
# as in netlake.label.dataset.options, which imports large packages
_SPLIT = click.Choice(["time", "host", "attack", "kfold", "random"])


def _share(*, least: float) -> click.FloatRange:
    return click.FloatRange(least, 1, min_open=least == 0, max_open=True)


_CHOICES = (
    click.option("--features", metavar="SET", default="cic", show_default=True, callback=options.filled,
                 help="Feature set, see `netlake label features`."),
    click.option("--policy", metavar="NAME", callback=options.filled,
                 help="How flows are cut into rows, see `netlake label features` (default: that of the set)."),
    click.option("--version", metavar="NAME", default="default", show_default=True, callback=options.filled,
                 help="Version of the labels, see `netlake label versions`."),
    click.option("--split", type=_SPLIT, default="time", show_default=True,
                 help="Keep apart: times, hosts, instances of attacks; folds of groups; or rows at random."),
    click.option("--group", type=click.Choice(["attack", "host", "flow"]),
                 help="What attack, kfold and random must not cut (default: attack)."),
    click.option("--test", metavar="SHARE", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.2,
                 show_default=True, help="Share of the rows in the test split."),
    click.option("--validation", metavar="SHARE", type=click.FloatRange(0, 1, max_open=True), default=0.1,
                 show_default=True, help="Share of the rows in the validation split; 0 for none."),
    click.option("--purge", metavar="SECONDS", type=options.Seconds(), default=0.0, show_default=True,
                 help="Leave out rows that begin so long after a boundary of --split time."),
    click.option("--folds", metavar="K", type=click.IntRange(2, 100), default=5, show_default=True,
                 help="Number of folds of --split kfold."),
    click.option("--seed", metavar="N", type=click.IntRange(0, (1 << 63) - 1), default=0, show_default=True,
                 help="Decides between equal groups, and the rows of --split random."),
    click.option("--missing", type=click.Choice(["null", "impute"]), default="null", show_default=True,
                 help="Keep nulls, or replace them by the median of the training split and write masks."),
    click.option("--attempted", type=click.Choice(["separate", "attack", "benign", "drop"]), default="separate",
                 show_default=True, help="Attempts without effect: a split of their own, attack, benign, or left out."),
    click.option("--unknown", type=click.Choice(["drop", "benign", "keep"]), default="drop", show_default=True,
                 help="Rows without a label: left out, benign, or kept in a split of their own."),
    click.option("--choose", type=click.Choice(["priority", "majority"]), default="priority", show_default=True,
                 help="Class of a row with several labels: by priority of the rules, or by most packets."),
    click.option("--exclude", metavar="COLUMNS", callback=options.listed,
                 help="Columns that are not features (comma-separated); leak:CLASS names all of a class of leak,"
                 " check:constants those with one value in all training rows."),
    click.option("--include", metavar="COLUMNS", callback=options.listed,
                 help="Columns that are features although they name a host, a flow or a time."),
    click.option("--pipeline", is_flag=True, help="Also fit a scikit-learn pipeline on the training split."),
    click.option("--force", is_flag=True, help="Allow a random split that cuts groups."),
)  # fmt: skip


def _chosen(function: Any) -> Any:
    for option in reversed(_CHOICES):
        function = option(function)
    return function


@click.command("dataset", cls=options.Command, short_help="Make a training set.", epilog=EXAMPLES)
@click.argument("out", type=options.NamedPath(path_type=Path))
@_chosen
@click.option("--memory", metavar="SIZE", default="1500MB", show_default=True, callback=options.size,
              help="Memory limit of the working tables, such as 4GB; beyond it, temporary files are used.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print what would leak, and write nothing.")
@options.lake
def command(out: Path, lake: Path, memory: str, dry_run: bool, **chosen: Any) -> int:  # noqa: FBT001 - a flag
    """Write labelled rows of the lake to the new folder OUT, as a data set for machine learning.

    OUT gets Parquet files in the layout of Hugging Face with a card (README.md), croissant.json, CSV and npz files, the
    splits and labels of all rows, checks.json, plots, and a manifest with the SHA-256 of every input and output. The
    same command on the same inputs writes the same bytes.
    """
    from netlake.label.dataset import Options, build

    result = build(lake, None if dry_run else out, Options(**chosen), memory=memory, say=_progress())
    if result.stale:
        say(
            f"The labels of version {chosen['version']} are stale: {'; '.join(result.stale)}. Make them again with"
            f" `netlake label apply --version {chosen['version']}`."
        )
    _print(result)
    if result.path is not None:
        click.echo(f"\n{result.path} is written: {sum(result.rows.values()):,} rows, {result.features} features.")
    return PARTIAL if result.failed else 0


def _progress() -> Any:
    """Prints each step on a terminal."""
    import sys

    return (lambda text: say(f"{text} ...")) if sys.stderr.isatty() else None


def _print(result: Result) -> None:
    rows = [(name, f"{count:,}") for name, count in result.rows.items()]
    listing.show(rows, right=(1,), head=("split", "rows"))
    click.echo(f"classes: {', '.join(result.classes)}\n")
    listing.show([_line(check) for check in result.checks], head=("check", "result", "finding"))


def _line(check: Check) -> tuple[str, str, str]:
    return check.name, check.status.upper() if check.status == "fail" else check.status, check.sentence
