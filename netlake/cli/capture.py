"""`netlake capture`: captures become tables of a lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlake.cli import options, progress
from netlake.query.output.visible import say

if TYPE_CHECKING:  # pyarrow and the rest of the pipeline take a second to import
    from netlake.pipeline import Report

EXAMPLES = """\b
netlake capture trace.pcapng
netlake capture captures/ --lake evidence --jobs 4
tcpdump -w - | netlake capture -
"""


@click.command("capture", cls=options.Command, short_help="Decode captures into a lake.", epilog=EXAMPLES)
@click.argument("inputs", metavar="INPUT...", nargs=-1)
@options.lake
@click.option("--proto", is_flag=True, help="Also write the rows as protobuf messages, under proto/ in the lake.")
@click.option(
    "--include",
    metavar="TABLES",
    multiple=True,
    callback=options.listed,
    shell_complete=options.table_names,
    help="Write only these tables; a comma list.",
)
@click.option(
    "--exclude",
    metavar="TABLES",
    multiple=True,
    callback=options.listed,
    shell_complete=options.table_names,
    help="Do not write these tables; a comma list.",
)
@click.option("--jobs", metavar="N", type=click.IntRange(min=1), help="Captures taken side by side; one a processor.")
@click.option(
    "--replace", is_flag=True, help="Decode captures again that stand in the lake, and put them in their place."
)
@click.option(
    "--refresh",
    is_flag=True,
    help="Without INPUT: decode again what an older netlake decoded, where the original still lies in its place.",
)
@click.option("--as-one", is_flag=True, help="Read all inputs, in order of their first time, as one capture.")
@click.option("--salvage", is_flag=True, help="After a corrupt record, search on for the next packet.")
@click.option("--no-sha256", is_flag=True, help="Do not compute the hash of each file.")
@options.plugins
@click.option("--entropy", is_flag=True, help="Also compute the entropy of payloads.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the report as one JSON object, and nothing else, to stdout."
)
def command(inputs: tuple[str, ...], lake: Path, as_json: bool, **chosen: Any) -> int:  # noqa: FBT001 - a flag
    """Decode INPUT... (files, folders, patterns, - for stdin) into the lake, which is made if it is not there.

    pcap and pcapng are told by their content, and so are gzip, zstd, xz, bzip2 and lz4 around them. A capture that
    stands in the lake already is left as it is. Exit code 3: some could not be read to their end.
    """
    if bool(inputs) == chosen["refresh"]:
        raise click.UsageError("Name captures to decode, or give --refresh alone to decode again those of the lake.")
    _check(chosen["include"] + chosen["exclude"])
    _compile()
    from netlake.pipeline.process import settle

    settle()
    report = _refreshed(lake, chosen) if chosen["refresh"] else _captured(inputs, lake, chosen)
    from netlake.cli import listing, summary

    with listing.patient():
        if as_json:
            click.echo(json.dumps(report.as_dict(), indent=1))
        else:
            for notice in report.notices:
                say(notice)
            summary.show(report)
    return report.exit_code


def _refreshed(lake: Path, chosen: dict[str, Any]) -> Report:
    from netlake import pipeline

    with progress.shown() as watch:
        return pipeline.refresh(
            lake,
            proto=chosen["proto"],
            jobs=chosen["jobs"],
            plugins=chosen["plugins"],
            sha256=not chosen["no_sha256"],
            progress=watch,
            begun=watch.begin,
        )


def _captured(inputs: tuple[str, ...], lake: Path, chosen: dict[str, Any]) -> Report:
    from netlake import pipeline

    with progress.shown() as watch:
        return pipeline.capture(
            inputs,
            lake,
            proto=chosen["proto"],
            include=chosen["include"] or None,
            exclude=chosen["exclude"],
            jobs=chosen["jobs"],
            replace=chosen["replace"],
            as_one=chosen["as_one"],
            salvage=chosen["salvage"],
            sha256=not chosen["no_sha256"],
            entropy=chosen["entropy"],
            plugins=chosen["plugins"],
            progress=watch,
            begun=watch.begin,
        )


def _check(names: tuple[str, ...]) -> None:
    if names:
        from netlake import tables
        from netlake.query.names import unknown

        for name in names:
            if name not in tables.entries():
                raise unknown("table", name, tables.entries())


def _compile() -> None:
    """Compile what is compiled at first use, and say so; where it cannot be kept that is said elsewhere."""
    from netlake import kernels
    from netlake.kernels import warm

    if kernels.cache_directory() is not None and not warm.is_warm():
        say("compiling what decodes, once for this installation; half a minute or so.")
        warm.warm()
