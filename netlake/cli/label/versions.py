"""`netlake label versions` lists the versions of labels in a lake; `netlake label versions rm` removes some."""

from __future__ import annotations

from pathlib import Path

import click

from netlake.cli import listing, options

EXAMPLES = """\b
netlake label versions --lake lake
netlake label versions rm strict --lake lake
"""
REMOVAL = """\b
netlake label versions rm strict --lake lake
"""


@click.group(
    "versions",
    invoke_without_command=True,
    short_help="List the versions of labels, or remove some (rm).",
    epilog=EXAMPLES,
)
@options.lake
@click.pass_context
def command(ctx: click.Context, lake: Path) -> None:
    """List the versions of labels: name, number of labels, sources, mode, and what changed since they were made.

    Labels stay in the lake when captures are decoded again or ground truth changes; a version that is not current any
    more is listed as stale, with the reason. `netlake label apply --version NAME` makes it again.

    Exit codes: 0 success; 1 failure, such as without a lake; 2 wrong usage.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = {**(ctx.obj or {}), "lake": lake}
        return
    from netlake.label.join import versions
    from netlake.lake import Catalog

    rows = [
        (
            found.name,
            f"{found.edges:,}",
            ", ".join(found.sources),
            found.mode if found.tolerance is None else f"{found.mode}, {found.tolerance:g} s",
            f"stale: {'; '.join(found.stale)}" if found.stale else "current",
        )
        for found in versions.every(Catalog(lake, readonly=True))
    ]
    if rows:
        listing.show(rows, right=(1,), head=("version", "labels", "sources", "mode", "state"))
    else:
        click.echo("The lake has no labels; make some: netlake label apply.", err=True)


@command.command("rm", cls=options.Command, short_help="Remove versions of labels.", epilog=REMOVAL)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@options.lake
@click.pass_context
def remove(ctx: click.Context, names: tuple[str, ...], lake: Path) -> None:
    """Remove the versions of labels with these NAMEs; earlier snapshots of the lake still contain them.

    Exit codes: 0 all were removed; 1 a version does not exist, and none was removed; 2 wrong usage.
    """
    from netlake.label.join import versions
    from netlake.lake import Catalog

    given = ctx.get_parameter_source("lake") is not click.core.ParameterSource.DEFAULT
    catalog = Catalog(lake if given else (ctx.obj or {}).get("lake", lake))
    for name in names:
        versions.known(catalog, name)
    for name in names:
        click.echo(catalog.remove_rows("label", name).sentence)
