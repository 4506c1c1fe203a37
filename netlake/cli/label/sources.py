"""`netlake label sources`: lists the sources of ground truth in a lake."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netlake.cli import listing, options

EXAMPLES = """\b
netlake label sources
netlake label sources --json
"""


@click.command("sources", cls=options.Command, short_help="List the sources of ground truth.", epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, with all labels and the whole version.")
@options.lake
def command(lake: Path, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """List the sources of ground truth in the lake: name, rules, kinds, time span in UTC, labels, version, file.

    The version is a hash of the rules: it changes whenever they do.

    Exit codes: 0 success; 1 failure, such as without a lake; 2 wrong usage.
    """
    import dataclasses

    from netlake.label import truth

    found = truth.sources(lake)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(source) for source in found], default=str, indent=1))
        return
    if not found:
        click.echo("The lake has no ground truth; import some with `netlake label import FILE`.")
        return
    rows = [
        (
            source.name,
            f"{source.rules:,}",
            ", ".join(source.kinds),
            f"{source.begin:%Y-%m-%d %H:%M:%S}" if source.begin else "",
            f"{source.end:%Y-%m-%d %H:%M:%S}" if source.end else "",
            f"{len(source.labels):,}",
            source.version[:12],
            source.format,
            source.file,
            ", ".join(source.labels[:6]) + (", ..." if len(source.labels) > 6 else ""),
        )
        for source in found
    ]
    head = (
        "source",
        "rules",
        "kinds",
        "begin (UTC)",
        "end (UTC)",
        "labels",
        "version",
        "format",
        "file",
        "label names",
    )
    listing.show(rows, right=(1, 5), head=head)
