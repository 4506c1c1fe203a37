"""`netlake sql`: runs SQL statements on a lake."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from netlake.cli import options, rows
from netlake.spelling import spelled

EXAMPLES = """\b
netlake sql "SELECT query_name, count(*) FROM dns GROUP BY ALL ORDER BY 2 DESC LIMIT 10"
netlake sql "FROM connection WHERE resp_ip IN (FROM net('10.0.0.0/8'))" -o out.parquet
netlake sql "FROM host_name JOIN known USING (address)" --with known=inventory.csv --capture office.pcapng
netlake sql -f beacons.sql
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


def _files(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Callback: name -> path of each NAME=FILE."""
    found: dict[str, str] = {}
    for given in value:
        name, sign, path = given.partition("=")
        if not sign or not (name.isidentifier() and name.isascii()):
            raise click.BadParameter(f"{given!r} is not NAME=FILE, with a name such as truth.", ctx, param)
        if not Path(path).is_file():
            raise click.BadParameter(f"there is no file {spelled(path)!r}.", ctx, param)
        if name.lower() in found:
            raise click.BadParameter(f"{name} is given twice.", ctx, param)
        found[name.lower()] = str(Path(path).resolve())
    return found


@click.command("sql", cls=Sql, short_help="Run SQL statements on the tables of a lake.", epilog=EXAMPLES)
@click.argument("statement", required=False)
@click.option(
    "-f",
    "--file",
    "source",
    metavar="FILE",
    type=options.NamedPath(exists=True, dir_okay=False, path_type=Path),
    help="Read the statements from this file.",
)
@options.lake
@options.output
@options.limit("--max-rows")
@click.option(
    "--with",
    "files",
    metavar="NAME=FILE",
    multiple=True,
    callback=_files,
    help="Make this CSV or Parquet file a table NAME, which can be read and not changed; may be repeated.",
)
def command(
    statement: str | None, source: Path | None, lake: Path, out: Path | None, timeout: float | None, **chosen: Any
) -> int:
    """Run the SQL statements in STATEMENT (DuckDB dialect) on the tables of the lake; - reads them from stdin.

    Without STATEMENT, on a terminal, it asks for statements. Of several, the rows of each are written, separated by
    an empty line. The statements cannot change anything: they run in a process with read-only access to the lake.
    """
    from netlake.query.guard import Request

    chosen["format"] = rows.form(chosen["format"], out)
    if chosen["format"] == "proto":
        raise click.UsageError("--format proto needs a table: use netlake dump TABLE --format proto.")
    if statement is not None and source is not None:
        raise click.UsageError("Give either a STATEMENT or --file, not both.")
    request = Request(str(lake), **chosen)
    if statement is None and source is None:
        if out is not None or not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise click.UsageError("Give a STATEMENT, - for stdin, or --file; without them, a terminal is needed.")
        from netlake.cli import prompt

        return prompt.run(request, timeout=timeout)
    from dataclasses import replace

    return rows.write(replace(request, sql=_read(statement, source)), out, timeout=timeout)


def _read(statement: str | None, source: Path | None) -> str:
    """The statements, from where they are given."""
    if statement is not None and statement != "-":
        return statement
    data = sys.stdin.buffer.read() if source is None else source.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = "The statement on stdin" if source is None else f"--file: {spelled(source)}"
        raise click.UsageError(f"{where} is not UTF-8: {error.reason}.") from error
