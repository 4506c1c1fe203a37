"""`netlake dump`: writes the rows of one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlake.cli import options, rows
from netlake.errors import InputError
from netlake.spelling import spelled

EXAMPLES = """\b
netlake dump dns --where "rcode = 3" --limit 10
netlake dump tcp --filter "ip.addr == 10.0.0.0/8 && tcp.flags.syn == 1"
netlake dump connection --sort=-orig_wire_bytes --format jsonl
netlake dump lake/proto/dns/384e23a2b2fdf607.pb.zst --select query_name
"""
# options that select rows of the table; the others are about the query and its output
SELECTION = ("select", "where", "sort")


@click.command("dump", cls=options.Command, short_help="Write the rows of one table.", epilog=EXAMPLES)
@click.argument("table", shell_complete=options.view_names)
@click.option(
    "--select",
    metavar="COLUMNS",
    callback=options.listed,
    shell_complete=options.column_names,
    help="Only these columns, in this order (comma-separated).",
)
@click.option(
    "--where",
    metavar="SQL",
    callback=options.filled,
    help='Only rows that match this SQL condition, such as "dst_port = 53 AND fault IS NULL".',
)
@click.option(
    "--filter",
    "display_filter",
    metavar="FILTER",
    callback=options.filled,
    help="Only rows whose packet matches this display filter of Wireshark; see docs/filters.md.",
)
@options.limit()
@click.option(
    "--sort",
    metavar="COLUMNS",
    callback=options.listed,
    shell_complete=options.column_names,
    help="Sort by these columns (comma-separated); -COLUMN sorts in descending order.",
)
@options.lake
@options.output
def command(
    table: str, lake: Path, out: Path | None, timeout: float | None, display_filter: str | None, **chosen: Any
) -> int:
    """Write the rows of TABLE in stored order, which is packet order, unless --sort is given.

    With --filter they are in the order of capture and packet.

    TABLE may also be a file of protobuf messages, written by `capture --proto` or `dump --format proto`.
    """
    from netlake.query.guard import Request

    selection = {"table": table, **{name: chosen.pop(name) for name in SELECTION}, "limit": chosen["rows"] or None}
    chosen["format"] = rows.form(chosen["format"], out)
    if not table.isidentifier() and Path(table).is_file():
        unsupported = [name for name in ("where", "sort") if selection[name]] + [
            name.removesuffix("s") for name in ("at", "plan", "captures", "local") if chosen[name]
        ]
        unsupported += ["filter"] if display_filter else []
        if unsupported:
            raise click.UsageError(f"Rows of a file cannot be queried: omit --{' and --'.join(unsupported)}.")
        from netlake.cli import messages

        return messages.write(Path(table), out, lake, selection, style=chosen)
    if not table.isidentifier() and table.endswith(".pb.zst"):
        raise InputError(
            f"There is no file {spelled(table)}; `netlake capture --proto` writes files of messages under proto/."
        )
    if chosen["format"] == "proto" and selection["select"]:
        raise click.UsageError("--format proto writes all columns: omit --select.")
    if display_filter:
        from netlake.query.filter import applied

        selection["filter"] = display_filter
        chosen["originals"] = applied.originals(lake, display_filter, chosen["at"], chosen["captures"])
    return rows.write(Request(str(lake), dump=selection, **chosen), out, timeout=timeout)
