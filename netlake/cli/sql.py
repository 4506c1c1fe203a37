"""`netlake sql`: runs an SQL statement on a lake."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from netlake.cli import options, rows

EXAMPLES = """\b
netlake sql "SELECT query_name, count(*) FROM dns GROUP BY ALL ORDER BY 2 DESC LIMIT 10"
netlake sql "FROM connection WHERE resp_ip IN (FROM net('10.0.0.0/8'))" --format csv -o out.csv
"""


@click.command("sql", cls=options.Command, short_help="Run an SQL statement on the tables of a lake.", epilog=EXAMPLES)
@click.argument("statement")
@options.lake
@options.output
@click.option(
    "--max-rows",
    "rows",
    metavar="N",
    type=click.IntRange(min=0),
    help="Write at most N rows; a message reports if there are more.",
)
def command(statement: str, lake: Path, out: Path | None, timeout: float | None, **chosen: Any) -> int:
    """Run an SQL STATEMENT (DuckDB dialect) on the tables of the lake; - reads it from stdin.

    The statement cannot change anything: it runs in a process with read-only access to the lake.
    """
    from netlake.query.guard import Request

    if chosen["format"] == "proto":
        raise click.UsageError("--format proto needs a table: use netlake dump TABLE --format proto.")
    if statement == "-":
        statement = sys.stdin.read()
    return rows.write(Request(str(lake), sql=statement, **chosen), out, timeout=timeout)
