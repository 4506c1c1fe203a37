"""`netlake captures` lists the captures in a lake; `netlake captures rm` removes some."""

from __future__ import annotations

from pathlib import Path

import click

from netlake.cli import listing, options
from netlake.query.output.visible import say


@click.group("captures", invoke_without_command=True, short_help="List the captures in a lake, or remove some (rm).")
@options.lake
@click.pass_context
def command(ctx: click.Context, lake: Path) -> None:
    """List the captures in the lake: id, packets, size, time of the first packet, state, source.

    Of a capture that could not be decoded, the state has the reason; `netlake capture` decodes it again.
    """
    if ctx.invoked_subcommand is None:
        from netlake.lake.catalog import Catalog

        catalog = Catalog(lake, readonly=True, older=True)
        if catalog.notice:
            say(catalog.notice)
        rows = [
            (
                facts.capture,
                f"{facts.packets:,}",
                "" if facts.size is None else listing.size(facts.size),
                "" if facts.begin is None else f"{facts.begin:%Y-%m-%d %H:%M:%S}",
                f"failed: {facts.report['failure']}" if "failure" in facts.report else facts.state,
                facts.path.replace("\n", ", "),
            )
            for facts in (entry.facts for entry in catalog.captures())
        ]
        listing.show(rows, right=(1, 2), head=("capture", "packets", "size", "first packet", "state", "source"))
    else:
        ctx.obj = {**(ctx.obj or {}), "lake": lake}


@command.command("rm", cls=options.Command, short_help="Remove captures; a unique id prefix is enough.")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option(
    "--purge",
    is_flag=True,
    help="Remove them from earlier snapshots too, and delete their files now; also captures removed before.",
)
@options.lake
@click.pass_context
def remove(ctx: click.Context, ids: tuple[str, ...], purge: bool, lake: Path) -> None:  # noqa: FBT001 - a flag
    """Remove captures by ID (see `netlake captures`); a unique id prefix is enough.

    Without --purge, earlier snapshots of the lake still contain them, and no file is deleted before `util expire`.
    """
    from netlake.errors import LakeError
    from netlake.lake.catalog import Catalog

    if not all(ids):
        raise click.UsageError("An ID is empty; list the ids with `netlake captures`.")
    given = ctx.get_parameter_source("lake") is not click.core.ParameterSource.DEFAULT
    catalog = Catalog(lake if given else (ctx.obj or {}).get("lake", lake), older=True)
    known = catalog.known() if purge else [entry.facts.capture for entry in catalog.captures()]
    for prefix in ids:
        found = [prefix] if prefix in known else [capture for capture in known if capture.startswith(prefix)]
        if not found:
            raise LakeError(f"No capture in the lake has an id that starts with {prefix}; list ids: netlake captures.")
        if len(found) > 1:
            raise LakeError(f"The ids of {len(found)} captures in the lake start with {prefix}: give more of the id.")
        click.echo((catalog.purge if purge else catalog.remove)(found[0]).sentence)
