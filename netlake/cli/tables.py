"""`netlake tables`: lists the tables of a lake, or describes one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlake.cli import listing, options
from netlake.errors import MissingLakeError
from netlake.query.output.visible import say

if TYPE_CHECKING:
    from netlake.lake.catalog import Catalog


@click.command("tables", cls=options.Command, short_help="List the tables of a lake, or describe one.")
@click.argument("name", required=False, shell_complete=options.view_names)
@click.option("--functions", is_flag=True, help="List the functions that SQL statements can call beside DuckDB's.")
@click.option("--all", "every", is_flag=True, help="List every declared table, also without rows or without a lake.")
@options.plugins
@options.lake
@click.pass_context
def command(ctx: click.Context, /, name: str | None, lake: Path, **chosen: Any) -> None:
    """List the tables of the lake with their number of rows, and its views; with NAME, describe the columns of one."""
    if chosen["functions"]:
        from netlake.query import network
        from netlake.query.functions import every as declared

        listing.show([network.DESCRIBED, *((one.signature, one.doc) for one in declared().values())])
        return
    every: bool = chosen["every"]
    # a lake that the user names must exist; the default one need not, if declared tables are asked for
    named = ctx.get_parameter_source("lake") is not click.core.ParameterSource.DEFAULT
    if name is not None:
        describe(name, lake, needed=named)
        return
    rows = _counted(lake, needed=named or not every, empty=every)
    from netlake import tables

    views = {name: view for name, view in tables.views().items() if name not in rows}
    if every:
        none = 0 if rows else None
        rows |= {table.name: (none, table.doc) for table in tables.every() if table.name not in rows}
    else:
        with_rows = rows.keys()
        views = {name: view for name, view in views.items() if not view.tables or with_rows & tables.read_by(view)}
    shown = [(table, "" if count is None else f"{count:,}", doc) for table, (count, doc) in rows.items()]
    listing.show(sorted([*shown, *((name, "view", view.doc) for name, view in views.items())]), right=(1,))


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
    from netlake.query.snapshot import Field, Snapshot, of_catalog, of_declaration
    from netlake.query.views import columns, view_of

    catalog = _catalog(lake, needed=needed)
    stored = catalog.tables() if catalog else {}
    declared = tables.entries()
    snapshot = Snapshot(catalog) if catalog is not None else Snapshot.declared()
    if catalog is not None and name in stored:
        doc, fields = stored[name].doc, [of_catalog(column) for column in catalog.columns(name)]
    elif name in declared:
        doc, fields = declared[name].table.doc, list(of_declaration(declared[name].table))
    elif (view := view_of(name, snapshot)) is not None:
        made = columns(view, snapshot)
        doc, fields = view.doc, [Field(0, column, kind, doc=text) for column, (kind, text) in made.items()]
    else:
        raise names.unknown("table", name, stored.keys() | declared.keys())
    click.echo(f"{name}: {doc}\n")
    listing.show([(field.name, _short(field.type), field.doc) for field in fields])


def _short(kind: str) -> str:
    """`kind`, shortened to 40 characters."""
    kind = kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ").replace('"', "")
    return kind if len(kind) <= 40 else kind[:39] + "…"
