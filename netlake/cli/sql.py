"""`netlake sql`: a statement, answered from the lake."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from netlake.cli import options, rows


@click.command("sql", cls=options.Command)
@click.argument("statement")
@options.lake
@options.output
@click.option("--max-rows", metavar="N", type=click.IntRange(min=0), help="Give at most this many rows, and say so.")
def command(
    statement: str,
    lake: Path,
    form: str,
    out: Path | None,
    raw: bool,  # noqa: FBT001 - flags are what click gives
    at: int | None,
    timeout: float | None,
    memory: str | None,
    threads: int | None,
    plan: bool,  # noqa: FBT001
    max_rows: int | None,
) -> int:
    """Answer an SQL STATEMENT (DuckDB's) from the tables of the lake; - reads it from stdin.

    The statement cannot change anything: it runs in a process that may only read the lake.

    \b
    netlake sql "SELECT name, count(*) FROM dns GROUP BY ALL ORDER BY 2 DESC LIMIT 10"
    netlake sql "FROM connection WHERE resp_ip IN (FROM net('10.0.0.0/8'))" --format csv -o out.csv
    """
    from netlake.query.guard import Request

    if statement == "-":
        statement = sys.stdin.read()
    request = Request(
        str(lake), sql=statement, at=at, format=form, raw=raw, rows=max_rows, threads=threads, memory=memory, plan=plan
    )
    if form == "proto":
        raise click.UsageError("proto is the form of a table's rows: use netlake dump TABLE --format proto.")
    return rows.write(request, out, timeout=timeout)
