"""`netlake compact`: merges small files of a lake."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from netlake.cli import listing, options, steps
from netlake.query.output.visible import say


def _days(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> frozenset[dt.date] | None:
    """Callback: the dates in comma-separated lists, None without any; UsageError for another text."""
    try:
        return frozenset(map(dt.date.fromisoformat, options.listed(ctx, param, value))) or None
    except ValueError:
        raise click.BadParameter(f"{','.join(value)!r} is not a date such as 2026-11-23.", ctx, param) from None


@click.command("compact", cls=options.Command, short_help="Merge the small files of a lake.")
@click.argument("tables", metavar="[TABLE]...", nargs=-1, shell_complete=options.table_names)
@click.option(
    "--target-size",
    metavar="SIZE",
    default="128MB",
    show_default=True,
    callback=options.size_in_bytes,
    help="Size of a merged file; files of more than half of it are left as they are.",
)
@click.option(
    "--day", "days", metavar="DATES", multiple=True, callback=_days,
    help="Merge only the files of these days (UTC, comma-separated), each day by itself.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print what would be merged, and change nothing.")
@options.lake
def command(
    tables: tuple[str, ...],
    target_size: int,
    days: frozenset[dt.date] | None,
    dry_run: bool,  # noqa: FBT001 - click passes flags by position
    lake: Path,
) -> None:
    """Merge the small files of each TABLE (default: all) into larger ones, in one snapshot of the lake.

    Captures write a file for each table and day, which many small captures make many. Merging keeps rows, columns and
    their order, and removes no capture. Days of a table with less than 1 MB are merged with each other.

    The files that were merged stay for earlier snapshots and running queries; `netlake util expire` deletes them.
    Captures can be added and removed meanwhile.
    """
    from netlake.lake.catalog import Catalog
    from netlake.lake.compact import Wanted

    catalog = Catalog(lake, readonly=dry_run)
    if catalog.notice:
        say(catalog.notice)
    wanted = Wanted(tables or None, days, target_size)
    if dry_run:
        found = [(group.table, len(group.files), group.size) for group in catalog.plan(wanted)]
        if found:
            lines = [(name, f"{count:,}", listing.size(size)) for name, count, size in found]
            listing.show(lines, right=(1, 2), head=("table", "files", "size"))
        files, into = sum(count for _, count, _ in found), len(found)
        click.echo(f"{files:,} files would become {into:,}." if files else "No files would be merged.")
        return
    with steps.shown("compact") as watch:
        merged = catalog.compact(wanted, watch)
    rows = [
        (one.table, f"{one.files:,}", f"{one.into:,}", listing.size(one.size), listing.size(one.into_size))
        for one in merged
    ]
    if not rows:
        click.echo("No files were merged.")
        return
    listing.show(rows, right=(1, 2, 3, 4), head=("table", "files", "into", "size", "into size"))
    files, into = sum(one.files for one in merged), sum(one.into for one in merged)
    before, after = sum(one.size for one in merged), sum(one.into_size for one in merged)
    click.echo(
        f"{files:,} files ({listing.size(before)}) were merged into {into:,} ({listing.size(after)});"
        " `netlake util expire` deletes the former ones."
    )
