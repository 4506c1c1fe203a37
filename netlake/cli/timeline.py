"""`netlake timeline`: the events of all tables as one list in the order of time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from netlake.cli import options, rows
from netlake.query.output import FORMATS, OF_TIMELINES

EXAMPLES = """\b
netlake timeline --host 10.0.0.5 --from 2024-02-28T23:00 --to 2024-02-29
netlake timeline --host laptop.example.com --kinds names,web,tls
netlake timeline --flow 42 --capture office.pcapng --kinds all
netlake timeline --host 10.0.0.0/24 -o timeline.html
netlake timeline --filter "http.request || dns" --format timesketch -o timeline.jsonl
"""
# rows of a page without --limit, and the most that one can have
PAGE, MOST = 100_000, 1_000_000
SELECTION = ("host", "flow", "since", "until", "kinds")


def _complete_kind(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Groups, and names of tables, that start with the part after the last comma."""
    from netlake.query.timeline.kinds import EVERY, groups

    before, comma, last = incomplete.rpartition(",")
    found = [
        CompletionItem(f"{before}{comma}{name}", help=", ".join(tables))
        for name, tables in {**groups(), EVERY: ["every table"]}.items()
        if name.startswith(last)
    ]
    return found + options.table_names(ctx, param, incomplete)


@click.command("timeline", cls=options.Command, short_help="Write the events of all tables by time.", epilog=EXAMPLES)
@click.option(
    "--host",
    metavar="HOST",
    callback=options.filled,
    help="Only events of this host: an address, a network such as 10.0.0.0/8, a MAC address, or a name that the lake"
    " has for addresses (view host_name).",
)
@click.option(
    "--flow",
    metavar="N",
    type=click.IntRange(1, (1 << 63) - 1),
    help="Only events of this flow; with several captures, --capture names the one.",
)
@click.option(
    "--from", "since", metavar="TIME", help="Only events at this time or later, such as 2024-02-28T23:54 (UTC)."
)
@click.option("--to", "until", metavar="TIME", help="Only events before this time.")
@click.option(
    "--kinds",
    metavar="KINDS",
    callback=options.listed,
    shell_complete=_complete_kind,
    help="Only these tables or groups of tables (comma-separated), such as dns,web; all is every table. Default: every"
    " table with events; those with a row for each packet only if named.",
)
@click.option(
    "--filter",
    "display_filter",
    metavar="FILTER",
    callback=options.filled,
    help="Only events whose packet matches this display filter of Wireshark; see docs/filters.md.",
)
@options.limit()
@options.lake
@options.output_in(
    [*(name for name in FORMATS if name != "proto"), *OF_TIMELINES],
    "html is one page that works offline, with at most 100,000 rows by default; timesketch is JSONL for Timesketch.",
)
def command(lake: Path, out: Path | None, timeout: float | None, display_filter: str | None, **chosen: Any) -> int:
    """Write one list of the events of all tables, ordered by time.

    A row has the time, the kind, which is the name of a table, a message, source, destination, flow, packet and
    capture. Connections are at the time of their first packet.
    """
    from netlake.query.guard import Request
    from netlake.query.timeline.times import moment

    asked = {name: chosen.pop(name) for name in SELECTION}
    for option, name in (("--from", "since"), ("--to", "until")):
        time = moment(option, asked[name])
        asked[name] = time and time.isoformat()
    suffix = out.suffix.lower() if out is not None else ""
    chosen["format"] = chosen["format"] or ("html" if suffix in (".html", ".htm") else rows.form(None, out))
    if chosen["format"] == "proto":
        raise click.UsageError("Rows of a timeline are of no table that protobuf has: choose another --format.")
    if chosen["format"] == "html":
        chosen["rows"] = _rows_of_page(chosen["rows"], out)
    if display_filter:
        from netlake.query.filter import applied

        asked["filter"] = display_filter
        chosen["originals"] = applied.originals(lake, display_filter, chosen["at"], chosen["captures"])
    return rows.write(Request(str(lake), timeline=asked, **chosen), out, timeout=timeout)


def _rows_of_page(limit: int | None, out: Path | None) -> int:
    """The most rows of a page; UsageError for more than one can have, and for a terminal."""
    import sys

    if out is None and sys.stdout.isatty():
        raise click.UsageError("html is a page: write it to a file with -o, such as timeline.html.")
    if limit == 0 or (limit or 0) > MOST:
        raise click.UsageError(
            f"--limit: a page has at most {MOST:,} rows; choose a shorter time with --from and --to."
        )
    return limit or PAGE
