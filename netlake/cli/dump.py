"""`netlake dump`: the rows of one table."""

from __future__ import annotations

from pathlib import Path

import click

from netlake.cli import options, rows


@click.command("dump", cls=options.Command)
@click.argument("table", shell_complete=options.table_names)
@click.option(
    "--select",
    metavar="COLUMNS",
    callback=options.listed,
    shell_complete=options.column_names,
    help="Only these columns, in this order; a comma list.",
)
@click.option("--where", metavar="SQL", help="Only rows for which this condition holds: \"dst_port = 53 AND fault IS NULL\".")
@click.option("--limit", metavar="N", type=click.IntRange(min=0), help="At most this many rows.")
@click.option(
    "--sort",
    metavar="COLUMNS",
    callback=options.listed,
    shell_complete=options.column_names,
    help="In the order of these columns; -COLUMN sorts downwards. By default as stored, which is packet order.",
)
@options.lake
@options.output
def command(
    table: str,
    select: tuple[str, ...],
    where: str | None,
    limit: int | None,
    sort: tuple[str, ...],
    lake: Path,
    form: str,
    out: Path | None,
    raw: bool,  # noqa: FBT001 - flags are what click gives
    at: int | None,
    timeout: float | None,
    memory: str | None,
    threads: int | None,
    plan: bool,  # noqa: FBT001
) -> int:
    """Write the rows of TABLE.

    \b
    netlake dump dns --where "response_code = 3" --limit 10
    netlake dump connection --sort=-orig_bytes --format jsonl
    """
    from netlake.query.guard import Request

    if form == "proto" and select:
        raise click.UsageError("proto writes whole messages: leave --select out.")
    asked = {"table": table, "select": select, "where": where, "sort": sort, "limit": limit}
    request = Request(str(lake), dump=asked, at=at, format=form, raw=raw, threads=threads, memory=memory, plan=plan)
    return rows.write(request, out, timeout=timeout, table=table)
