"""`netlake capture`: decodes captures into a lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlake.cli import options, progress
from netlake.errors import OptionError
from netlake.query.output.visible import say

if TYPE_CHECKING:  # importing the pipeline (pyarrow) takes a second
    from netlake.pipeline import Report

EXAMPLES = """\b
netlake capture trace.pcapng
netlake capture captures/ --lake evidence --jobs 4
tcpdump -w - | netlake capture -
"""


@click.command("capture", cls=options.Command, short_help="Decode captures into a lake.", epilog=EXAMPLES)
@click.argument("inputs", metavar="INPUT...", nargs=-1)
@options.lake
@click.option("--proto", is_flag=True, help="Also write the rows as protobuf messages, to proto/ in the lake.")
@click.option(
    "--include",
    metavar="TABLES",
    multiple=True,
    callback=options.listed,
    shell_complete=options.table_names,
    help="Write only these tables (comma-separated).",
)
@click.option(
    "--exclude",
    metavar="TABLES",
    multiple=True,
    callback=options.listed,
    shell_complete=options.table_names,
    help="Do not write these tables (comma-separated).",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 1024),
    help="Captures decoded in parallel (default: one per CPU).",
)
@click.option(
    "--budget-seconds",
    metavar="N",
    type=options.Seconds(min_open=True),
    help="A capture that takes longer fails; the others are decoded (default: no limit).",
)
@click.option(
    "--budget-memory",
    metavar="MIB",
    type=click.IntRange(1, 1 << 30),
    help="A capture that needs more memory than this fails; the others are decoded (default: no limit; Linux only).",
)
@click.option(
    "--replace", is_flag=True, help="Decode captures again that are already in the lake, and replace their rows."
)
@click.option(
    "--refresh",
    is_flag=True,
    help="Without INPUT: decode captures again that an older netlake decoded, if the original file still exists.",
)
@click.option("--as-one", is_flag=True, help="Read all inputs as one capture, in the order of their first timestamps.")
@click.option("--salvage", is_flag=True, help="After a corrupt record, search for the next valid packet.")
@click.option("--no-sha256", is_flag=True, help="Do not compute the SHA-256 of each file.")
@options.plugins
@click.option("--entropy", is_flag=True, help="Compute the entropy of payloads.")
@click.option(
    "--flow-key",
    metavar="PARTS",
    multiple=True,
    callback=options.listed,
    help="What else separates connections: vlan, interface (comma-separated).",
)
@click.option(
    "--hashes",
    metavar="NAMES",
    multiple=True,
    callback=options.listed,
    help="Hashes of files beside SHA-256: md5, sha1 (comma-separated).",
)
@click.option(
    "--extract-files",
    metavar="DIR",
    type=options.NamedPath(path_type=Path),
    help="Store the contents of files in this folder, named by their SHA-256. Do not open them: they can be malicious.",
)
@click.option(
    "--keylog",
    metavar="FILE",
    multiple=True,
    type=options.NamedPath(path_type=Path),
    help="Decrypt TLS and QUIC with the secrets in this file (format of SSLKEYLOGFILE); may be repeated.",
)
@click.option(
    "--to",
    metavar="DIR",
    type=options.NamedPath(file_okay=False, path_type=Path),
    help="Write the rows to files in this new folder, one for each table, and to no lake.",
)
@click.option(
    "--as",
    "file_format",
    type=click.Choice(["parquet", "csv", "json", "jsonl"]),
    default="parquet",
    show_default=True,
    help="Format of the files of --to.",
)
@click.option(
    "--bpf",
    metavar="EXPRESSION",
    help="Decode only packets that this filter expression accepts, as in tcpdump; needs the extra netlake[bpf].",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report to stdout as one JSON object.")
def command(inputs: tuple[str, ...], lake: Path, as_json: bool, **chosen: Any) -> int:  # noqa: FBT001 - a flag
    """Decode INPUT... (files, folders, glob patterns, - for stdin) into the lake; a missing lake is created.

    Format (pcap, pcapng) and compression (gzip, zstd, xz, bzip2, lz4) are detected from the content. A capture that
    is already in the lake is skipped; see --replace. SIGINT (Ctrl-C) or SIGTERM ends stdin, and what was read is
    added; a second one aborts. Without stdin, the first one aborts.

    A capture whose decoding process dies or exceeds its budget is listed with the state failed; the next run decodes
    it again.

    Exit codes: 0 all captures are in the lake; 1 a capture failed, the others are in the lake; 2 wrong usage; 3 a
    capture could not be read to its end, what precedes is in the lake; 130 aborted.
    """
    if bool(inputs) == chosen["refresh"]:
        raise click.UsageError(
            "Name at least one INPUT, or use --refresh without INPUT to decode the captures of the lake again."
        )
    to, file_format = chosen.pop("to"), chosen.pop("file_format")
    _check_folder(to, file_format, chosen)
    _check("include", chosen["include"])
    _check("exclude", chosen["exclude"])
    for option in ("flow_key", "hashes", "extract_files", "keylog", "bpf"):
        _check_value(option, chosen[option])
    _compile()
    from netlake.pipeline.process import ended_by_signals, settle

    settle()
    # several named pipes are read by workers, which signals of this process do not reach
    streams = "-" in inputs or (len(inputs) == 1 and _is_stream(inputs[0]))
    with ended_by_signals(streams=streams):
        if to is not None:
            report = _to_folder(inputs, to, file_format, chosen)
        else:
            report = _refreshed(lake, chosen) if chosen["refresh"] else _captured(inputs, lake, chosen)
    from netlake.cli import listing, summary

    with listing.ignore_closed_pipe():
        if as_json:
            click.echo(json.dumps(report.as_dict(), indent=1))
        else:
            for notice in report.notices:
                say(notice)
            summary.show(report)
    return report.exit_code


def _check_folder(to: Path | None, file_format: str, chosen: dict[str, Any]) -> None:
    """UsageError for a folder that cannot be written, and for options of a lake beside it."""
    if to is None:
        return
    if wrong := [name for name in ("proto", "replace", "refresh") if chosen[name]]:
        raise click.UsageError(f"--to writes no lake: omit --{' and --'.join(wrong)}.")
    from netlake.pipeline import folder

    try:
        folder.check(to, file_format)
    except OptionError as error:
        raise click.BadOptionUsage("to", f"--to: {error}") from error


def _to_folder(inputs: tuple[str, ...], to: Path, file_format: str, chosen: dict[str, Any]) -> Report:
    """Decode into a lake that is deleted, and write the rows of its tables to files."""
    import tempfile

    import netlake
    from netlake.pipeline import folder

    parent = to.absolute().parent
    with tempfile.TemporaryDirectory(prefix=f".{to.name}.", suffix=".partial", dir=parent) as scratch:
        report = _captured(inputs, Path(scratch) / "lake", chosen)
        if any(capture.state == "added" for capture in report.captures):
            with folder.replacing(to) as made, netlake.Lake(Path(scratch) / "lake") as lake:
                for table in lake.tables:
                    folder.write(made, file_format, table, lake.sql(f'FROM "{table}"').batches())
    return report


def _is_stream(given: str) -> bool:
    """Whether an input is a named pipe or a device."""
    path = Path(given)
    return path.exists() and not path.is_dir() and not path.is_file()


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
            flow_key=chosen["flow_key"],
            hashes=chosen["hashes"],
            extract_files=chosen["extract_files"],
            keylog=chosen["keylog"],
            bpf=chosen["bpf"],
            plugins=chosen["plugins"],
            budget_seconds=chosen["budget_seconds"],
            budget_memory=chosen["budget_memory"],
            progress=watch,
            begun=watch.begin,
        )


def _check(option: str, names: tuple[str, ...]) -> None:
    """UsageError for a table that does not exist."""
    if names:
        from netlake import tables
        from netlake.query.names import unknown

        for name in names:
            if name not in tables.entries():
                raise click.BadOptionUsage(option, f"--{option}: {unknown('table', name, tables.entries())}")


def _check_value(option: str, value: Any) -> None:
    """UsageError for a value that the decoder refuses."""
    if value or value == "":
        from netlake import pipeline

        try:
            pipeline.options(None, (), **{option: value})
        except OptionError as error:
            raise click.BadOptionUsage(option, f"--{option.replace('_', '-')}: {error}") from error


def _compile() -> None:
    """Compile the kernels and report it; without a cache directory, `netlake.kernels` warns instead."""
    from netlake import kernels
    from netlake.kernels import warm

    if kernels.cache_directory() is not None and not warm.is_warm():
        say("compiling native code (about a minute, only in the first run); the result is cached.")
        warm.warm()
