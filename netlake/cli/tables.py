"""`netlake tables`: lists the tables of a lake, or describes one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from netlake.cli import listing, options
from netlake.errors import MissingLakeError
from netlake.query.output.visible import say

if TYPE_CHECKING:
    from netlake.lake.catalog import Catalog
    from netlake.query.snapshot import Field
    from netlake.schema.views import View


@click.command("tables", cls=options.Command, short_help="List the tables of a lake, or describe one.")
@click.argument("name", required=False, shell_complete=options.view_names)
@click.option("--all", "every", is_flag=True, help="List every declared table, also without rows or without a lake.")
@options.plugins
@options.lake
@click.pass_context
def command(ctx: click.Context, name: str | None, every: bool, lake: Path, plugins: tuple[str, ...]) -> None:  # noqa: FBT001 - click passes flags by position
    """List the tables of the lake with their number of rows; with NAME, describe its columns."""
    del plugins  # loaded by the option
    # a lake that the user names must exist; the default one need not, if declared tables are asked for
    named = ctx.get_parameter_source("lake") is not click.core.ParameterSource.DEFAULT
    if name is not None:
        describe(name, lake, needed=named)
        return
    rows = _counted(lake, needed=named or not every, empty=every)
    if every:
        from netlake import tables

        none = 0 if rows else None
        rows |= {table.name: (none, table.doc) for table in tables.every() if table.name not in rows}
        rows |= {name: (None, view.doc) for name, view in tables.views().items() if name not in rows}
    shown = ((table, "" if count is None else f"{count:,}", doc) for table, (count, doc) in sorted(rows.items()))
    listing.show(list(shown), right=(1,))


def _catalog(lake: Path, *, needed: bool) -> Catalog | None:
    from netlake.lake.catalog import Catalog

    try:
        return Catalog(lake, readonly=True)
    except MissingLakeError:
        if needed:
            raise
        return None


def _counted(lake: Path, *, needed: bool, empty: bool) -> dict[str, tuple[int | None, str]]:
    """Name -> (rows, description) of the tables in the lake.

    MissingLakeError without a lake if `needed`, else an empty dict; tables without rows only with `empty`.
    """
    catalog = _catalog(lake, needed=needed)
    if catalog is None:
        return {}
    if catalog.notice:
        say(catalog.notice)
    counts: dict[str, tuple[int | None, str]] = {}
    for name, table in catalog.tables().items():
        rows = sum(file.rows for file in catalog.files(name, columns=()))
        if rows or empty:
            counts[name] = (rows, table.doc)
    return counts


def describe(name: str, lake: Path, *, needed: bool) -> None:
    """Print the description of a table and of its columns with their SQL types: as in the lake, else as declared."""
    from netlake import tables
    from netlake.query import names
    from netlake.query.snapshot import of_catalog, of_declaration

    catalog = _catalog(lake, needed=needed)
    stored = catalog.tables() if catalog else {}
    declared = tables.entries()
    if catalog is not None and name in stored:
        doc, fields = stored[name].doc, [of_catalog(column) for column in catalog.columns(name)]
    elif name in declared:
        doc, fields = declared[name].table.doc, list(of_declaration(declared[name].table))
    elif name in (views := tables.views()):
        doc, fields = views[name].doc, _of_view(views[name], catalog)
    else:
        raise names.unknown("table", name, stored.keys() | declared.keys())
    click.echo(f"{name}: {doc}\n")
    listing.show([(field.name, _short(field.type), field.doc) for field in fields])


def _of_view(view: View, catalog: Catalog | None) -> list[Field]:
    """The columns of a declared view: without a lake, of its tables as declared."""
    from netlake.query.snapshot import Field, Snapshot
    from netlake.query.views import columns

    made = columns(view, Snapshot(catalog) if catalog is not None else Snapshot.declared())
    return [Field(0, name, kind, doc=doc) for name, (kind, doc) in made.items()]


def _short(kind: str) -> str:
    """`kind`, shortened to 40 characters."""
    kind = kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ").replace('"', "")
    return kind if len(kind) <= 40 else kind[:39] + "…"
