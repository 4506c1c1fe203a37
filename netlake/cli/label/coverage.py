"""`netlake label coverage`: what a version of labels covers and what it leaves out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from netlake.cli import listing, options, steps

EXAMPLES = """\b
netlake label coverage --lake lake
netlake label coverage --version strict --limit 50 --lake lake
"""


@click.command("coverage", cls=options.Command, short_help="Show what labels leave out.", epilog=EXAMPLES)
@click.option("--version", metavar="NAME", default="default", show_default=True, help="Version of the labels.")
@click.option("--limit", metavar="N", default=20, show_default=True, type=click.IntRange(1, (1 << 63) - 1),
              help="Lines of each list.")  # fmt: skip
@options.lake
def command(version: str, limit: int, lake: Path) -> None:
    """Show rules without records, traffic outside windows, records with several rules, and hosts without any rule.

    For traffic outside a window, an interval is suggested that includes it as long as it has no gap of 10 minutes. The
    hosts are those on no side of any rule: what they do is unknown, not benign.

    Exit codes: 0 success; 1 failure, such as without labels; 2 wrong usage.
    """
    from netlake.label.join.coverage import coverage

    with steps.shown("coverage") as progress:
        found = coverage(lake, version, progress)
    _list(f"{len(found.silent):,} rules have no record", [
        (f"{source} {rule}", label, place) for source, rule, place, label in found.silent
    ], ("rule", "label", "line"), limit)  # fmt: skip
    _list(f"{len(found.outside):,} windows have connections of their hosts outside", [
        (f"{one.source} {one.rule}", one.label, f"{one.before:,}", f"{one.after:,}", _times(one.begin, one.end),
         _times(*one.suggested) if one.suggested != (one.begin, one.end) else "")
        for one in found.outside
    ], ("rule", "label", "before", "after", "window, UTC", "suggested"), limit)  # fmt: skip
    _list(f"{sum(count for *_, count in found.twice):,} records have several rules", [
        (table, ", ".join(labels), f"{count:,}") for table, labels, count in found.twice
    ], ("table", "labels", "records"), limit)  # fmt: skip
    _list(f"{found.unnamed:,} hosts are on no side of any rule", [
        (host, f"{packets:,}", f"{connections:,}") for host, packets, connections in found.hosts
    ], ("host", "packets", "connections"), limit)  # fmt: skip


def _list(title: str, rows: list[tuple[str, ...]], head: tuple[str, ...], limit: int) -> None:
    click.echo(f"{title}{':' if rows else '.'}")
    if rows:
        listing.show(rows[:limit], head=head)
        if len(rows) > limit:
            click.echo(f"... and {len(rows) - limit:,} more; see --limit")
    click.echo()


def _times(begin: dt.datetime, end: dt.datetime) -> str:
    same = begin.date() == end.date()
    return f"{begin:%Y-%m-%d %H:%M:%S} to {end:{'%H:%M:%S' if same else '%Y-%m-%d %H:%M:%S'}}"
