"""`netlake label features`: computes a feature set from a lake, and prints definitions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlake.cli import listing, options, rows, steps

if TYPE_CHECKING:
    from netlake.features import AnySet

EXAMPLES = """\b
netlake label features cic --out cic.parquet
netlake label features nfstream --policy nfstream:idle=60 --where "protocol = 6" --out flows.csv
netlake label features --features mine.sql --out mine.parquet
netlake label features cic --define
"""
# formats of the output, by the ending of its file
FORMATS = {"table": "", "csv": ".csv", "tsv": ".tsv", "json": ".json", "jsonl": ".jsonl", "parquet": ".parquet",
           "arrow": ".arrow"}  # fmt: skip


@click.command(
    "features", cls=options.Command, short_help="Compute a feature set of flows or packets.", epilog=EXAMPLES
)
@click.argument("name", metavar="[SET]", required=False)
@click.option("--list", "listed", is_flag=True, help="List the sets and the policies of segmentation.")
@click.option("--define", is_flag=True, help="Print the definition of each column of SET.")
@click.option("--json", "as_json", is_flag=True, help="With --list and --define: print JSON.")
@click.option(
    "--policy",
    metavar="POLICY",
    help="Segmentation, by default that of SET: a name (see --list), with changes after a colon, such as"
    " netflow:active=120,idle=30.",
)
@click.option(
    "--features",
    "own",
    metavar="FILE|MODULE:NAME",
    callback=options.filled,
    help="Own features instead of SET: a file of SQL, or a Python attribute (see docs/features.md).",
)
@click.option("--capture", "captures", metavar="ID", multiple=True, help="Only this capture; may be repeated.")
@click.option(
    "--where", metavar="SQL", callback=options.filled, help="Only flows that match a condition on connection."
)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=options.NamedPath(dir_okay=False, path_type=Path),
    help="Write to this file: .parquet, .csv, .tsv, .json, .jsonl or .arrow; it is created when all is written.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help="Format of the output, by default by the ending of --out, else table.",
)
@options.lake
def command(name: str | None, lake: Path, out: Path | None, **chosen: Any) -> int:
    """Compute the feature set SET from the packet tables of the lake: a row for each segment of a flow, or packet.

    Columns have exact definitions (--define); an undefined value is null. Rows are the same on every run.

    Exit codes: 0 success; 1 failure, and no file is written; 2 wrong usage, such as an unknown set.
    """
    if chosen["listed"]:
        _list(as_json=chosen["as_json"])
        return 0
    made = _set(name, chosen["own"])
    if chosen["define"]:
        _define(made, as_json=chosen["as_json"])
    elif chosen["as_json"]:
        raise click.UsageError("--json is for --list and --define; choose a format of rows with --format.")
    else:
        _write(made, lake, out, chosen)
    return 0


def _set(name: str | None, own: str | None) -> AnySet:
    from netlake.features import find
    from netlake.features.own import load

    if (name is None) == (own is None):
        raise click.UsageError("Give either SET (see --list) or --features.")
    return load(own) if own else find(name or "")


def _format(out: Path | None, form: str | None) -> str:
    if form or out is None:
        return form or "table"
    for name, ending in FORMATS.items():
        if ending and out.name.endswith(ending):
            return name
    raise click.UsageError(f"The format of {out.name} is not clear from its ending: choose one with --format.")


def _write(made: AnySet, lake: Path, out: Path | None, chosen: dict[str, Any]) -> None:
    from netlake import features
    from netlake.query import output

    captures, form = chosen["captures"] or None, _format(out, chosen["form"])
    schema = features.schema(made, chosen["policy"])
    terminal = rows.check_terminal(form, out)
    with rows.target(out, lake) as file, steps.shown("features", quiet=terminal) as draw:
        batches = features.compute(
            lake, made, policy=chosen["policy"], captures=captures, where=chosen["where"],
            progress=lambda done, every: draw("packets", done / max(1, every)),
        )  # fmt: skip
        style = output.Style(width=shutil.get_terminal_size().columns if terminal else 0)
        writer = output.writer(form, file, schema, style)
        for batch in batches:
            writer.write(batch)
        writer.close()
        file.flush()


def _list(*, as_json: bool) -> None:
    from netlake.features import PRESETS, SETS
    from netlake.features.policy import DESCRIPTIONS

    sets = {name: SETS[name] for name in SETS}
    if as_json:
        found = {
            "sets": {
                name: {"title": made.title, "rows": made.rows, "policy": made.policy, "columns": len(made.features)}
                for name, made in sets.items()
            },
            "policies": DESCRIPTIONS,
        }
        click.echo(json.dumps(found, indent=2))
        return
    listing.show(
        [(name, str(len(made.features)), made.rows, made.policy or "", made.title) for name, made in sets.items()],
        right=(1,),
        head=("set", "columns", "row", "policy", "title"),
    )
    click.echo("")
    listing.show([(name, DESCRIPTIONS[name]) for name in PRESETS], head=("policy", "segments"))


def _define(made: AnySet, *, as_json: bool) -> None:
    from netlake import features

    found = features.definitions(made)
    if as_json:
        click.echo(json.dumps([feature.record for feature in found], indent=2))
        return
    cells = [
        (
            one.name,
            one.kind,
            one.unit,
            one.leak,
            one.description + (f" Null: {one.null_when}." if one.null_when else ""),
        )
        for one in found
    ]
    listing.show(cells, head=("column", "type", "unit", "leak", "definition"))
