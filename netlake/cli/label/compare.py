"""`netlake label compare`: compares two versions of labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from netlake.cli import listing, options

if TYPE_CHECKING:
    from netlake.label.join.compare import Comparison

EXAMPLES = """\b
netlake label compare official corrected --lake lake
netlake label compare schedule suricata --table packet --lake lake
"""


@click.command("compare", cls=options.Command, short_help="Compare two versions of labels.", epilog=EXAMPLES)
@click.argument("first")
@click.argument("second")
@click.option(
    "--table", default="connection", show_default=True, metavar="TABLE", help="Table whose records to compare."
)
@options.lake
def command(first: str, second: str, table: str, lake: Path) -> None:
    """Compare the labels of version SECOND with those of version FIRST, which is taken as the truth.

    Prints the number of records for each pair of labels, precision and recall of each label, and the agreement.

    Exit codes: 0 success, whether the versions differ or not; 1 a version does not exist; 2 wrong usage.
    """
    from netlake.label.join.compare import compare

    found = compare(lake, first, second, table)
    _show(found)


def _show(found: Comparison) -> None:
    classes = found.classes
    rows = [(one, *(f"{found.matrix[one, two]:,}" for two in classes)) for one in classes]
    listing.show(rows, right=range(1, len(classes) + 1), head=(f"{found.first} \\ {found.second}", *classes))
    click.echo()
    rates = [
        (name, *("" if rate is None else f"{rate:.4f}" for rate in (found.precision(name), found.recall(name))))
        for name in classes[:-1]
    ]
    listing.show(rates, right=(1, 2), head=("label", "precision", "recall"))
    agreement = (
        "none has a label" if found.agreement is None else f"agreement on those with a label {found.agreement:.4f}"
    )
    click.echo(f"\n{found.records:,} records of {found.table}, {found.labelled:,} with a label in either; {agreement}.")
