"""`netlake label explain`: why a record has its labels, or none."""

from __future__ import annotations

from pathlib import Path

import click

from netlake.cli import options

EXAMPLES = """\b
netlake label explain connection 384e:7 --lake lake
netlake label explain dns 384e23a2b2fdf607:1042:1 --version strict
"""


@click.command("explain", cls=options.Command, short_help="Explain the labels of one record.", epilog=EXAMPLES)
@click.argument("table")
@click.argument("record")
@click.option("--version", metavar="NAME", help="Only labels of this version (default: all).")
@options.lake
def command(table: str, record: str, version: str | None, lake: Path) -> None:
    """Show the labels of a RECORD of TABLE, the rules they come from with file and line, and how each matches.

    RECORD is CAPTURE:FLOW for a connection, else CAPTURE:PACKET, or CAPTURE:PACKET:PLACE for later records of the
    packet; a unique prefix of the capture's id is enough. For a record without a label the nearest rules are shown, and
    why they do not match.

    Exit codes: 0 the record was found, with or without a label; 1 there is no such record or version; 2 wrong
    usage.
    """
    from netlake.label.join.explain import explain

    found = explain(lake, f"{table} {record}", version)
    click.echo(found.record)
    for edge in found.edges:
        attempt = "" if edge.attempted is None else f", attempted (category {edge.attempted})"
        click.echo(f"\n{edge.label}: {edge.state}{attempt}, in version {edge.version}")
        click.echo(f"  rule {edge.rule} of {edge.source}, {edge.place}")
        click.echo(f"  {edge.how}")
    if not found.edges:
        click.echo("\nIt has no label: unknown.")
        for rule, place, label, reason in found.near:
            click.echo(f"  rule {rule} ({place}), {label}: {reason}")
        if not found.near:
            click.echo("  No rule of the ground truth names one of its hosts.")
