"""`netlake catalog build`: writes a DuckDB file of views over a lake."""

from __future__ import annotations

from pathlib import Path

import click

from netlake.cli import options
from netlake.spelling import spelled


@click.group("catalog", short_help="Write a DuckDB file of views over a lake, for other programs.")
def command() -> None:
    """Write a DuckDB file of views over a lake, for programs such as Harlequin, DBeaver and Grafana."""


@command.command("build", cls=options.Command, short_help="Write or replace the DuckDB file.")
@click.option(
    "-o",
    "--output",
    "output",
    metavar="FILE",
    type=options.NamedPath(dir_okay=False, path_type=Path),
    help="File to write; by default the name of the lake with .duckdb, beside the lake.",
)
@options.lake
def build(output: Path | None, lake: Path) -> None:
    """Write a small DuckDB file with a view of each table, and the views of netlake, of the latest snapshot.

    The views read the Parquet files of the lake by their absolute paths. Table netlake_catalog says which snapshot it
    is, netlake_omitted which views and functions need Python. Build it again to see later captures.
    """
    from netlake import __version__
    from netlake.query import catalog_file

    out = output or lake.resolve().parent / f"{lake.resolve().name}.duckdb"
    built = catalog_file.build(lake, out, version=__version__)
    click.echo(
        f"{spelled(out)}: snapshot {built.snapshot}, {built.tables} tables with rows, {built.views} views, "
        f"{built.macros} functions."
    )
    if built.omitted:
        names = ", ".join(sorted(built.omitted))
        click.echo(f"Left out, because they need Python: {names}.")
