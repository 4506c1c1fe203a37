"""`netlake query`: runs a saved query on a lake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from netlake.cli import listing, options, rows
from netlake.errors import OptionError, QueryError
from netlake.query import saved

EXAMPLES = """\b
netlake query --search T1071
netlake query beacons --param min_connections=10
netlake query beacons --show
netlake query mine --folder queries -o out.parquet
"""


def _params(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Callback: name -> text of each NAME=VALUE."""
    found: dict[str, str] = {}
    for given in value:
        name, sign, text = given.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{given!r} is not NAME=VALUE, such as minutes=5.", ctx, param)
        if name in found:
            raise click.BadParameter(f"{name} is given twice.", ctx, param)
        found[name] = text
    return found


def _complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of queries that start with the typed text, with their titles."""
    del param
    return [CompletionItem(one.name, help=one.title) for one in _listed(ctx) if one.name.startswith(incomplete)]


def _complete_param(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the parameters of the query that was typed before."""
    del param
    name = ctx.params.get("name") or next(iter(ctx.args), "")
    known = [found for one in _listed(ctx) if one.name == name for found in one.params]
    return [CompletionItem(f"{one.name}=", help=one.doc) for one in known if one.name.startswith(incomplete)]


def _listed(ctx: click.Context) -> list[saved.Saved]:
    """The queries for completion: none if one cannot be read."""
    try:
        known = saved.paths(ctx.params.get("folder"), ctx.params.get("lake") or Path("lake"))
        return [saved.read(path) for path in known.values()]
    except QueryError:
        return []


@click.command("query", cls=options.Command, short_help="Run a saved query on a lake, or list them.", epilog=EXAMPLES)
@click.argument("name", required=False, shell_complete=_complete_name)
@click.option(
    "-p",
    "--param",
    "params",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_params,
    shell_complete=_complete_param,
    help="Value of a parameter of the query; may be repeated.",
)
@click.option("--list", "every", is_flag=True, help="List all queries; with NAME, the parameters of this one.")
@click.option(
    "--search",
    metavar="WORDS",
    callback=options.filled,
    help="List the queries whose name, title, description or MITRE ATT&CK techniques contain all words.",
)
@click.option("--show", is_flag=True, help="Print the SQL of the query instead of running it.")
@click.option(
    "--folder",
    metavar="DIR",
    envvar="NETLAKE_QUERIES",
    show_envvar=True,
    type=options.NamedPath(exists=True, file_okay=False, path_type=Path),
    help="Folder with queries of your own, besides those in the folder `queries` of the lake.",
)
@options.lake
@options.output
@options.limit("--max-rows")
def command(name: str | None, folder: Path | None, lake: Path, **chosen: Any) -> int:
    """Run the saved query NAME on the tables of the lake.

    A query is a file of SQL with a header in comments; docs/queries.md has those of netlake. Parameters have the types
    and defaults of the header.
    """
    every, search, show = (chosen.pop(option) for option in ("every", "search", "show"))
    if search is not None or (every and name is None):
        if name is not None:
            raise click.UsageError("Give either a NAME or --search, not both.")
        return _list(saved.paths(folder, lake), (search or "").split())
    if name is None:
        raise click.UsageError("Give the NAME of a query, or --list or --search.")
    try:
        found = saved.find(name, folder, lake)
    except QueryError as error:
        raise OptionError(str(error)) from error
    if show or every:
        _show(found, sql=show)
        return 0
    return _run(found, lake, **chosen)


def _run(
    found: saved.Saved, lake: Path, params: dict[str, str], out: Path | None, timeout: float | None, **chosen: Any
) -> int:
    from netlake.query.guard import Request

    chosen["format"] = rows.form(chosen["format"], out)
    if chosen["format"] == "proto":
        raise click.UsageError("--format proto needs a table: use netlake dump TABLE --format proto.")
    try:
        bound = found.bound(params)
    except QueryError as error:
        raise OptionError(f"--param: {error}") from error
    return rows.write(Request(str(lake), sql=found.sql, params=bound, **chosen), out, timeout=timeout)


def _list(known: dict[str, Path], words: list[str]) -> int:
    """Print the names and titles of the queries with all `words`; exit code 1 if there is none."""
    found = [one for one in map(saved.read, known.values()) if one.matches(words)]
    if not found:
        raise QueryError(f"No query has the words {' '.join(words)!r}; `netlake query --list` lists all.")
    listing.show([(one.name, ", ".join(one.techniques), one.title) for one in found])
    return 0


def _show(found: saved.Saved, *, sql: bool) -> None:
    """Print the SQL of a query, or what it answers and its parameters."""
    if sql:
        click.echo(found.sql.strip())
        return
    click.echo(f"{found.title}\n{found.doc}\n")
    listing.show(
        [
            (one.name, one.type, "(must be given)" if one.default is None else one.default, one.doc)
            for one in found.params
        ]
    )
