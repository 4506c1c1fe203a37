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


class Sql(options.Command):
    """The command `sql`, whose argument may begin with `--`, as an SQL comment does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `args`; one that begins with `--`, has white space, and names no option is the statement."""
        names = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
        for place, given in enumerate(args):
            comment = given.startswith("--") and any(map(str.isspace, given)) and given.partition("=")[0] not in names
            if comment and "--" not in args[:place] and not self._takes_value(args[:place]):
                return super().parse_args(ctx, [*args[:place], *args[place + 1 :], "--", given])
        return super().parse_args(ctx, args)

    def _takes_value(self, before: list[str]) -> bool:
        """Whether the last argument of `before` is an option whose value follows."""
        last = before[-1:] or [""]
        return any(
            last[0] in param.opts for param in self.params if isinstance(param, click.Option) and not param.is_flag
        )


@click.command("sql", cls=Sql, short_help="Run an SQL statement on the tables of a lake.", epilog=EXAMPLES)
@click.argument("statement")
@options.lake
@options.output
@click.option(
    "--max-rows",
    "rows",
    metavar="N",
    type=click.IntRange(0, (1 << 63) - 1),
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
        try:
            statement = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError as error:
            raise click.UsageError(f"The statement on stdin is not UTF-8: {error.reason}.") from error
    return rows.write(Request(str(lake), sql=statement, **chosen), out, timeout=timeout)
