"""`netlake label suricata`: runs Suricata on captures, and imports its alerts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netlake.cli import PARTIAL, options, progress
from netlake.query.output.visible import say

if TYPE_CHECKING:
    from netlake.label.truth.suricata import Report

EXAMPLES = """\b
netlake capture trace.pcap
netlake label suricata trace.pcap --rules local.rules
netlake label suricata day1.pcap day2.pcap --name suricata-et
"""


@click.command("suricata", cls=options.Command, short_help="Run Suricata, and import its alerts.", epilog=EXAMPLES)
@click.argument("inputs", metavar="CAPTURE...", nargs=-1, required=True)
@click.option("--rules", metavar="FILE", type=options.NamedPath(exists=True, dir_okay=False, path_type=Path),
              help="Use only the rules in this file, instead of those of the configuration.")  # fmt: skip
@click.option("--config", metavar="FILE", type=options.NamedPath(exists=True, dir_okay=False, path_type=Path),
              help="Configuration of Suricata, by default that of its installation.")  # fmt: skip
@click.option("--name", metavar="NAME", default="suricata", show_default=True, help="Name of the source; one of this"
              " name is replaced.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report to stdout as one JSON object.")
@options.lake
def command(  # noqa: PLR0913 - one argument for each option
    inputs: tuple[str, ...],
    lake: Path,
    rules: Path | None,
    config: Path | None,
    name: str,
    as_json: bool,  # noqa: FBT001 - a flag
) -> int:
    """Run Suricata on each CAPTURE, a file whose packets are in the lake, and import its alerts as one source.

    Suricata must be installed (Debian bookworm: from bookworm-backports). Each alert is an event of its packet.

    Exit codes: 0 Suricata read every capture; 1 nothing was imported; 2 wrong usage; 3 a capture or a rule failed, and
    the others were used.
    """
    import dataclasses

    from netlake.cli.label.import_ import explained
    from netlake.label.truth import importing, suricata

    importing.check_name(name)
    with progress.shown("alerts") as watch, explained():
        watch.begin(len(inputs))
        report = suricata.label(
            lake,
            [Path(given) for given in inputs],
            suricata.Options(name, rules, config),
            lambda index, size: watch(index, size, size, 0),
        )
    for sentence in report.problems:
        say(sentence)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(report), indent=1))
    else:
        click.echo(_result(report))
        for path, count in report.alerts.items():
            click.echo(f"{count:>9,}  {path}")
    return PARTIAL if report.problems else 0


def _result(report: Report) -> str:
    if report.rules:
        return f"Source {report.source} was {report.status}: {report.rules:,} alerts of {report.program}."
    if report.status == "removed":
        return f"{report.program} has no alert, so source {report.source} was removed."
    return f"{report.program} has no alert, so there is no source {report.source}."
