"""`netlake util`: maintenance of a lake and of the installation; each command calls one function."""

from __future__ import annotations

import re
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


def _place(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Callback: an absolute folder, or a URL of an object store; UsageError for others."""
    if value is None or re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{2,62}(/[A-Za-z0-9!_.*'()=-]+)*/?", value):
        return value
    if "://" in value:
        raise click.BadParameter(f"{value!r} is not a place; give a folder, or s3://BUCKET/PREFIX.", ctx, param)
    folder = options.NamedPath(file_okay=False, path_type=Path).convert(value, param, ctx)
    return str(Path(folder).absolute())


@command.command("connect", cls=options.Command)
@click.option(
    "--catalog",
    metavar="URL",
    help="Database of the catalog, as postgresql://user@host/database; PGPASSWORD or ~/.pgpass has the password.",
)
@click.option(
    "--data",
    metavar="DIR",
    callback=_place,
    help="Folder of the data files of a new lake, the same path on all machines, or s3://BUCKET/PREFIX (default: data/"
    " in the lake's folder).",
)
@options.lake
def connect(catalog: str | None, data: str | None, lake: Path) -> None:
    """Make a folder the lake whose catalog is in PostgreSQL, or whose data are elsewhere; a missing lake is created.

    The file lake.toml in the folder names the places, and all commands then use the folder like any other lake. Do this
    on every machine that captures or reads. Needs the extras netlake[postgresql] and netlake[s3].
    """
    from netlake.errors import OptionError
    from netlake.lake import elsewhere
    from netlake.lake.catalog import Catalog

    if catalog is None and data is None:
        raise click.UsageError("Name a --catalog, a place for --data, or both.")
    wanted = elsewhere.Elsewhere(catalog, data)
    try:
        elsewhere.check(wanted)
    except OptionError as error:
        raise click.BadOptionUsage("catalog", f"--catalog: {error}") from error
    made = elsewhere.write(lake, wanted)
    try:
        opened = Catalog(lake, create=True)
    except BaseException:
        elsewhere.unwrite(lake, made)
        raise
    click.echo(f"The catalog of {lake} is {catalog or 'in it'}, its data files are in {opened.base}.")


@command.command("publish", cls=options.Command)
@click.option(
    "--iceberg",
    metavar="DIR",
    required=True,
    type=options.NamedPath(file_okay=False, path_type=Path),
    help="Folder of the Iceberg catalog (iceberg.sqlite) and its metadata; what was published there is replaced.",
)
@options.lake
def publish(iceberg: Path, lake: Path) -> None:
    """Publish the newest snapshot of the lake as Apache Iceberg tables, for Spark, Trino and others.

    The tables refer to the files of the lake, of which none is copied or changed. Publish again after captures were
    added, and after `util expire`. Needs the extra netlake[iceberg].
    """
    from netlake.lake import iceberg as tables
    from netlake.lake.catalog import Catalog

    published = tables.publish(Catalog(lake, readonly=True), iceberg)
    for sentence in published.refused:
        say(sentence)
    rows = sum(published.tables.values())
    click.echo(f"{len(published.tables):,} tables with {rows:,} rows were published in {iceberg / tables.CATALOG}.")


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


@command.command("snapshots", cls=options.Command)
@click.option("--limit", metavar="N", type=click.IntRange(0, (1 << 63) - 1), help="Only the newest N snapshots.")
@options.lake
def snapshots(limit: int | None, lake: Path) -> None:
    """List the snapshots of the lake, oldest first: id, time, tables that changed, author, message.

    `--at` of `sql`, `dump` and `query` takes an id or a time; `util expire` removes old snapshots.
    """
    from netlake.lake.catalog import Catalog

    catalog = Catalog(lake, readonly=True, older=True)
    if catalog.notice:
        say(catalog.notice)
    every = catalog.snapshots()
    rows = [
        (str(one.id), f"{one.time:%Y-%m-%d %H:%M:%S}", f"{one.tables:,}", one.author or "", one.message or one.changes)
        for one in every[max(0, len(every) - limit) if limit is not None else 0 :]
    ]
    listing.show(rows, right=(0, 2), head=("id", "time (UTC)", "tables", "author", "message"))


@command.command("expire", cls=options.Command)
@click.option(
    "--days",
    metavar="DAYS",
    default=7.0,
    show_default=True,
    type=options.Seconds(),
    help="Keep the snapshots of so many days; 0 keeps the newest only.",
)
@click.option(
    "--keep", metavar="N", type=click.IntRange(1, (1 << 63) - 1), help="Keep at least the newest N snapshots."
)
@options.lake
def expire(days: float, keep: int | None, lake: Path) -> None:
    """Remove old snapshots of the lake, and delete the files that only they contain.

    These are the files of captures that were removed or replaced, and files that were merged. The lake cannot be read
    at these snapshots any more.
    """
    import datetime as dt

    from netlake.lake.catalog import Catalog

    catalog = Catalog(lake)
    if catalog.notice:
        say(catalog.notice)
    now = dt.datetime.now(dt.UTC)
    first = dt.datetime.min.replace(tzinfo=dt.UTC)
    before = max(first, now - dt.timedelta(days=min(days, (now - first).days)))
    numbers, gone = catalog.expire(before, keep=keep or 1)
    click.echo(f"{len(numbers):,} snapshots were removed, and {len(gone):,} files that only they contained.")
