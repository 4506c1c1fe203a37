"""`netlake label apply`: labels the records of a lake with its ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from netlake.cli import listing, options, steps

if TYPE_CHECKING:
    from netlake.label.join import Report

EXAMPLES = """\b
netlake label apply --lake lake
netlake label apply --version strict --source schedule --mode contained --tolerance 0
netlake sql "SELECT label, count(*) FROM labelled.connection GROUP BY ALL" --lake lake
"""
# rules without a match that are listed
SHOWN = 5


@click.command(
    "apply", cls=options.Command, short_help="Label records with the imported ground truth.", epilog=EXAMPLES
)
@click.option("--version", metavar="NAME", default="default", show_default=True,
              help="Name of these labels; an existing version is replaced.")  # fmt: skip
@click.option(
    "--source",
    "sources",
    metavar="NAME",
    multiple=True,
    callback=options.listed,
    help="Use only this source of ground truth; may be repeated (default: all, see `netlake label sources`).",
)
@click.option(
    "--mode",
    type=click.Choice(("overlap", "start", "contained")),
    default="overlap",
    show_default=True,
    help="Connections that a window labels: those that overlap it, begin in it, or lie in it.",
)
@click.option(
    "--tolerance",
    metavar="SECONDS",
    type=options.Seconds(),
    help="Extend every interval at both ends (default: 0; for events the unit of their time).",
)
@click.option("--spread", is_flag=True, help="Also label packets of a labelled flow that do not match by themselves.")
@click.option("--memory", metavar="SIZE", default="1200MB", show_default=True, callback=options.size,
              help="Memory limit of the join.")  # fmt: skip
@click.option(
    "--threads", metavar="N", type=click.IntRange(1, 1024), help="Threads of the join (default: one per CPU)."
)
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON.")
@options.lake
def command(  # noqa: PLR0913 - one argument for each option
    version: str,
    sources: tuple[str, ...],
    mode: str,
    tolerance: float | None,
    lake: Path,
    *,
    spread: bool,
    memory: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Join the ground truth of the lake with its records, and write the matches to the table `label`.

    Records are packets, connections, and the rows of every table with addresses or a flow. A record may have several
    labels; one without any is unknown. The report also says what is probably wrong with the ground truth.

    Exit codes: 0 labels were written; 1 nothing was written, such as if no record matches; 2 wrong usage.
    """
    from netlake.label.join import Options, apply

    chosen = Options(version, sources, mode, tolerance, spread=spread, memory=memory, threads=threads)
    with steps.shown("labelling") as progress:
        report = apply(lake, chosen, progress)
    if as_json:
        import dataclasses
        import json

        click.echo(json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=2))
    else:
        _show(report)


def _show(report: Report) -> None:
    listing.show([(table, f"{count:,}") for table, count in sorted(report.tables.items())], right=(1,),
                 head=("table", "labels"))  # fmt: skip
    click.echo()
    listing.show([(label, f"{count:,}") for label, count in sorted(report.labels.items())], right=(1,),
                 head=("label", "connections"))  # fmt: skip
    click.echo(
        f"\n{report.rules:,} rules of {', '.join(report.sources)} gave {report.edges:,} labels in version"
        f" {report.version}."
    )
    for finding in report.findings:
        click.echo(f"{finding.source}: {finding.sentence}")
    if report.missed:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in report.reasons.items())
        click.echo(f"{len(report.missed):,} rules matched nothing: {reasons}.")
        for missed in report.missed[:SHOWN]:
            click.echo(f"  rule {missed.rule} of {missed.source} ({missed.place}), {missed.label}: {missed.sentence}")
        if len(report.missed) > SHOWN:
            click.echo(f"  and {len(report.missed) - SHOWN:,} more: netlake label coverage --version {report.version}")
