"""`netlake label rm`: removes sources of ground truth."""

from __future__ import annotations

from pathlib import Path

import click

from netlake.cli import options

EXAMPLES = """\b
netlake label rm suricata
"""


@click.command("rm", cls=options.Command, short_help="Remove sources of ground truth.", epilog=EXAMPLES)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@options.lake
def command(names: tuple[str, ...], lake: Path) -> None:
    """Remove the sources NAME... with their rules; if one does not exist, nothing is removed.

    Labels that were made from them remain until `netlake label apply` makes them anew. Earlier snapshots of the lake
    still contain the rules.

    Exit codes: 0 all were removed; 1 a source does not exist, and none was removed; 2 wrong usage.
    """
    from netlake.errors import QueryError
    from netlake.label import truth
    from netlake.query.names import unknown

    known = {source.name for source in truth.sources(lake)}
    for name in names:
        if name not in known:
            raise QueryError(f"{str(unknown('source', name, known)).rstrip('.')}; list them: netlake label sources.")
    for name in dict.fromkeys(names):
        truth.remove(lake, name)
        click.echo(f"Source {name} was removed.")
