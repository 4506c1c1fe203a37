"""`netlake label import`: imports a file of ground truth, or a built-in pack."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlake.cli import PARTIAL, options, progress
from netlake.query.output.visible import say

if TYPE_CHECKING:
    from netlake.label.truth import Report

EXAMPLES = """\b
netlake label import attacks.yaml --zone America/Halifax
netlake label import eve.json.gz --capture 3f2a9c --name suricata
netlake label import pack:cic-ids2017-corrected
"""


@click.command("import", cls=options.Command, short_help="Import ground truth from a file.", epilog=EXAMPLES)
@click.argument("file", metavar="FILE")
@click.option(
    "--kind",
    metavar="FORMAT",
    default="auto",
    show_default=True,
    callback=options.filled,
    help="Format of the file; `netlake label import --formats` lists them.",
)
@click.option("--zone", metavar="ZONE", help="Time zone of local times in the file: an IANA name, UTC, or +08:00.")
@click.option(
    "--clock",
    type=click.Choice(["12", "24"]),
    help="How to read times without AM or PM: 12 takes 1:00 to 7:59 as p.m., 24 takes all as written.",
)
@click.option(
    "--name", metavar="NAME", help="Name of the source, by default that of the file; one of this name is replaced."
)
@click.option(
    "--capture", metavar="ID", callback=options.filled, help="The rules are about this capture only (a unique prefix)."
)
@click.option(
    "--benign",
    metavar="LABELS",
    multiple=True,
    callback=options.listed,
    help="Labels that mean benign (comma-separated), besides benign, normal and legitimate.",
)
@click.option("--problems", metavar="N", type=click.IntRange(0, 100_000), default=20, show_default=True,
              help="Print at most N invalid rows.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report to stdout as one JSON object.")
@click.option(
    "--formats", is_flag=True, is_eager=True, expose_value=False, callback=lambda ctx, _, value: _formats(ctx, value),
    help="List the formats and the built-in packs.",
)  # fmt: skip
@options.lake
def command(file: str, lake: Path, as_json: bool, **chosen: Any) -> int:  # noqa: FBT001 - a flag
    """Import the rules of FILE into the table `truth` of the lake, as a source; pack:NAME is a built-in pack.

    The source replaces one of the same name. An invalid row is reported with its line, and the others are imported.

    Exit codes: 0 every row was imported; 1 nothing was imported; 2 wrong usage, such as a missing or unknown time zone;
    3 some rows are invalid, and the others were imported.
    """
    from netlake.label import truth
    from netlake.label.truth.rules import BENIGN_LABELS

    with progress.shown("rules") as watch, explained():
        watch.begin(1)
        report = truth.import_truth(
            lake,
            file,
            truth.Options(
                chosen["kind"],
                chosen["name"],
                chosen["zone"],
                chosen["clock"],
                chosen["capture"],
                BENIGN_LABELS | {label.lower() for label in chosen["benign"]},
                chosen["problems"],
            ),
            lambda done, size: watch(0, done, size, 0),
        )
    show(report, as_json=as_json)
    return PARTIAL if report.bad else 0


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Print the problems of rows before the error that nothing could be imported."""
    from netlake.label.truth.store import NothingError

    try:
        yield
    except NothingError as error:
        for sentence in error.problems:
            say(sentence)
        raise


def _formats(ctx: click.Context, value: bool) -> None:  # noqa: FBT001 - a flag
    if not value:
        return
    from netlake.cli import listing
    from netlake.label.truth import packs, reader

    kinds = [(found.kind, "--zone" if found.local else "", found.doc) for found in reader.every().values()]
    listing.show([*kinds, *((f"pack:{name}", "", packs.title(name)) for name in packs.names())],
                 head=("format", "needs", "description"))  # fmt: skip
    ctx.exit(0)


def show(report: Report, *, as_json: bool) -> None:
    """Print a report: problems and notices to stderr, the result to stdout."""
    import dataclasses

    from netlake.label.truth.times import text

    for sentence in report.problems:
        say(sentence)
    if report.bad > len(report.problems):
        say(f"{report.bad - len(report.problems):,} further invalid rows are not listed; see --problems.")
    for sentence in report.notices:
        say(sentence)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(report), indent=1))
        return
    noun = "rule" if report.rules == 1 else "rules"
    click.echo(f"Source {report.source} was {report.status}: {report.rules:,} {noun} of {report.file} ({report.kind}).")
    labels = [*report.labels[:8], *([f"and {len(report.labels) - 8:,} more"] if len(report.labels) > 8 else [])]
    click.echo(f"labels   {', '.join(labels)}")
    if report.begin is not None:
        zone = f", local times read as {report.zone}" if report.zone else ""
        click.echo(f"times    {text(report.begin)} to {text(report.end)} UTC{zone}")
    if report.bad:
        click.echo(f"invalid  {report.bad:,} rows were not imported")
    for reason, count in sorted(report.skipped.items()):
        click.echo(f"skipped  {count:,} rows: {reason}")
