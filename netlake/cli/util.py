"""`netlake util`: maintenance of a lake and of the installation; each command calls one function."""

from __future__ import annotations

import time
from pathlib import Path

import click

from netlake.cli import PARTIAL, listing, options
from netlake.query.output.visible import say


@click.group("util")
def command() -> None:
    """Maintain a lake or the installation."""


@command.command("warm", cls=options.Command)
def warm() -> None:
    """Compile all native code now instead of in the first run (about a minute); the result is cached."""
    from netlake.kernels import warm as kernels

    began = time.monotonic()
    kernels.warm()
    click.echo(f"All native code is compiled and cached ({time.monotonic() - began:.1f} s).")


@command.command("generate", cls=options.Command)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a file would change.")
@click.option(
    "--forget", metavar="TABLES", callback=options.listed, help="Renumber the columns of these unreleased tables."
)
@click.option(
    "--remove",
    metavar="TABLE.COLUMNS",
    callback=options.listed,
    help="Remove these frozen columns, which are not declared any more; their ids stay reserved.",
)
@click.argument("root", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
def generate(
    root: Path,
    check: bool,  # noqa: FBT001 - click passes flags by position
    forget: tuple[str, ...],
    remove: tuple[str, ...],
) -> int:
    """Write schemas/ and proto/ below ROOT, the source tree, from the declared tables."""
    from netlake import tables
    from netlake.schema import freeze

    changed = freeze.generate(root, tables.declared(), check=check, forget=forget, remove=remove)
    for path in changed:
        click.echo(str(path))
    return 1 if check and changed else 0


@command.command("validate", cls=options.Command)
@click.option("--deep", is_flag=True, help="Also compare the SHA-256 of every file, which reads all of them.")
@options.lake
def validate(deep: bool, lake: Path) -> int:  # noqa: FBT001 - click passes flags by position
    """Check that every file of the lake exists and has its size; exit 3 if one of the newest snapshot does not.

    --deep also finds files whose bytes were changed without changing the size. Files that only earlier snapshots
    contain, of captures that were removed or replaced, are listed separately.
    """
    from netlake.lake.catalog import Catalog

    catalog = Catalog(lake, readonly=True)
    problems = catalog.validate(deep=deep)
    present = [(problem.path, problem.sentence) for problem in problems if problem.present]
    history = [(problem.path, problem.sentence) for problem in problems if not problem.present]
    listing.show(present)
    if not present:
        which = "All files of the newest snapshot" if problems else "All files"
        checked = (
            "exist, and have the size and SHA-256 with which they were written."
            if deep
            else "exist and have the size with which they were written; --deep also compares their bytes."
        )
        click.echo(f"{which} {checked}")
    if deep and (foreign := catalog.without_sha256()):
        click.echo(f"Of {foreign:,} files, which another engine wrote, only the size is known and was compared.")
    if history:
        click.echo("Damaged files that only earlier snapshots contain (`netlake util expire` forgets these snapshots):")
        listing.show(history)
    return PARTIAL if present else 0


@command.command("relocate", cls=options.Command)
@options.lake
def relocate(lake: Path) -> None:
    """Write the present path of a moved lake to its catalog, which other engines need."""
    from netlake.lake.catalog import Catalog

    click.echo(f"The data path in the catalog is now {Catalog(lake).relocate()}.")


@command.command("gc", cls=options.Command)
@click.option(
    "--grace",
    metavar="SECONDS",
    default=86_400.0,
    show_default=True,
    type=options.Seconds(),
    help="Keep files younger than this: a running capture may still write them.",
)
@options.lake
def gc(grace: float, lake: Path) -> None:
    """Remove files that no snapshot of the lake refers to, left behind by killed runs."""
    from netlake.lake.catalog import Catalog

    catalog = Catalog(lake)
    if catalog.notice:
        say(catalog.notice)
    for path in catalog.collect_orphans(grace):
        click.echo(str(path))


@command.command("expire", cls=options.Command)
@click.option(
    "--days",
    metavar="DAYS",
    default=7.0,
    show_default=True,
    type=options.Seconds(),
    help="Keep the snapshots of so many days; 0 keeps the newest only.",
)
@options.lake
def expire(days: float, lake: Path) -> None:
    """Remove old snapshots of the lake, and delete the files that only they contain.

    These are the files of captures that were removed or replaced. The lake cannot be read at these snapshots any more.
    """
    import datetime as dt

    from netlake.lake.catalog import Catalog

    catalog = Catalog(lake)
    if catalog.notice:
        say(catalog.notice)
    now = dt.datetime.now(dt.UTC)
    first = dt.datetime.min.replace(tzinfo=dt.UTC)
    numbers, gone = catalog.expire(max(first, now - dt.timedelta(days=min(days, (now - first).days))))
    click.echo(f"{len(numbers):,} snapshots were removed, and {len(gone):,} files that only they contained.")
