"""`netlake util`: upkeep of a lake and of an installation. Each is one call of the part that does it."""

from __future__ import annotations

import time
from pathlib import Path

import click

from netlake.cli import PARTIAL, listing, options
from netlake.query.output.visible import say


@click.group("util")
def command() -> None:
    """Upkeep: compile, generate, check, move, clean."""


@command.command("warm", cls=options.Command)
def warm() -> None:
    """Compile everything that is compiled at first use, so that no later run has to."""
    from netlake.kernels import warm as kernels

    began = time.monotonic()
    kernels.warm()
    click.echo(f"All kernels are compiled and kept ({time.monotonic() - began:.1f} s).")


@command.command("generate", cls=options.Command)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if a file would change.")
@click.option(
    "--forget", metavar="TABLES", callback=options.listed, help="Tables that never shipped: begin theirs afresh."
)
@click.argument("root", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
def generate(root: Path, check: bool, forget: tuple[str, ...]) -> int:  # noqa: FBT001 - a flag is what click gives
    """Write schemas/ and proto/ under ROOT, the source tree, from the tables that are declared."""
    from netlake import tables
    from netlake.schema import freeze

    changed = freeze.generate(root, tables.every(), check=check, forget=forget)
    for path in changed:
        click.echo(str(path))
    return 1 if check and changed else 0


@command.command("validate", cls=options.Command)
@click.option("--deep", is_flag=True, help="Also read every byte and compare its sha256.")
@options.lake
def validate(deep: bool, lake: Path) -> int:  # noqa: FBT001 - a flag is what click gives
    """Check that every file of the lake is there as it was written; exit 3 if one is not."""
    from netlake.lake.catalog import Catalog

    problems = Catalog(lake, readonly=True).validate(deep=deep)
    listing.show([(problem.path, problem.sentence) for problem in problems])
    if not problems:
        click.echo("Every file is as it was written.")
    return PARTIAL if problems else 0


@command.command("relocate", cls=options.Command)
@options.lake
def relocate(lake: Path) -> None:
    """After a lake was moved: write its present place into its catalog, for other engines."""
    from netlake.lake.catalog import Catalog

    click.echo(f"The catalog now says that the data lies in {Catalog(lake).relocate()}.")


@command.command("gc", cls=options.Command)
@click.option(
    "--grace",
    metavar="SECONDS",
    default=86_400.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Leave files that were written to since: a capture may still be at work on them.",
)
@options.lake
def gc(grace: float, lake: Path) -> None:
    """Remove files that no snapshot of the lake knows: what runs that were killed left behind."""
    from netlake.lake.catalog import Catalog

    catalog = Catalog(lake)
    if catalog.notice:
        say(catalog.notice)
    for path in catalog.collect_orphans(grace):
        click.echo(str(path))
