"""`netlake captures`: what stands in the lake; `netlake captures rm` takes some of it out."""

from __future__ import annotations

from pathlib import Path

import click

from netlake.cli import listing, options
from netlake.query.output.visible import say


@click.group("captures", invoke_without_command=True, short_help="List the captures in a lake; rm takes them out.")
@options.lake
@click.pass_context
def command(ctx: click.Context, lake: Path) -> None:
    """List the captures in the lake: id, packets, bytes, time of the first packet, state, source."""
    if ctx.invoked_subcommand is None:
        from netlake.lake.catalog import Catalog

        catalog = Catalog(lake, readonly=True)
        if catalog.notice:
            say(catalog.notice)
        rows = [
            (
                facts.capture,
                f"{facts.packets:,}",
                "" if facts.size is None else listing.size(facts.size),
                "" if facts.begin is None else f"{facts.begin:%Y-%m-%d %H:%M:%S}",
                facts.state,
                facts.path.replace("\n", ", "),
            )
            for facts in (standing.facts for standing in catalog.captures())
        ]
        listing.show(rows, right=(1, 2), head=("capture", "packets", "size", "first packet", "state", "source"))
    else:
        ctx.obj = {**(ctx.obj or {}), "lake": lake}


@command.command("rm", cls=options.Command)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@options.lake
@click.pass_context
def remove(ctx: click.Context, ids: tuple[str, ...], lake: Path) -> None:
    """Take captures out of the lake, by ID as `netlake captures` lists it; all of an id's first letters will do.

    Earlier snapshots still hold them.
    """
    from netlake.errors import LakeError
    from netlake.lake.catalog import Catalog

    given = ctx.get_parameter_source("lake") is not click.core.ParameterSource.DEFAULT
    catalog = Catalog(lake if given else (ctx.obj or {}).get("lake", lake))
    known = [standing.facts.capture for standing in catalog.captures()]
    for begun in ids:
        found = [begun] if begun in known else [capture for capture in known if capture.startswith(begun)]
        if len(found) != 1:
            what = "No capture" if not found else "More than one capture"
            raise LakeError(f"{what} in the lake has an id that begins with {begun}.")
        click.echo(catalog.remove(found[0]).sentence)
