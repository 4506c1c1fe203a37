"""`netlake dump`: the rows of one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netlake.cli import options, rows

EXAMPLES = """\b
netlake dump dns --where "rcode = 3" --limit 10
netlake dump connection --sort=-orig_wire_bytes --format jsonl
netlake dump lake/proto/dns/384e23a2b2fdf607.pb.zst --select query_name
"""
# what is asked of the table; everything else is asked of the query
ASKED = ("select", "where", "sort", "limit")


@click.command("dump", cls=options.Command, short_help="Write the rows of one table.", epilog=EXAMPLES)
@click.argument("table", shell_complete=options.table_names)
@click.option(
    "--select",
    metavar="COLUMNS",
    callback=options.listed,
    shell_complete=options.column_names,
    help="Only these columns, in this order; a comma list.",
)
@click.option(
    "--where", metavar="SQL", help='Only rows for which this condition holds: "dst_port = 53 AND fault IS NULL".'
)
@click.option("--limit", metavar="N", type=click.IntRange(min=0), help="At most this many rows.")
@click.option(
    "--sort",
    metavar="COLUMNS",
    callback=options.listed,
    shell_complete=options.column_names,
    help="In the order of these columns; -COLUMN sorts downwards.",
)
@options.lake
@options.output
def command(table: str, lake: Path, out: Path | None, timeout: float | None, **chosen: Any) -> int:
    """Write the rows of TABLE, as stored, which is packet order, unless --sort says otherwise.

    TABLE may also be a file of protobuf messages: those of `capture --proto`, or of `dump --format proto`.
    """
    from netlake.query.guard import Request

    asked = {"table": table, **{name: chosen.pop(name) for name in ASKED}}
    if not table.isidentifier() and Path(table).is_file():
        needless = [name for name in ("where", "sort") if asked[name]] + [
            name for name in ("at", "plan") if chosen[name]
        ]
        if needless:
            raise click.UsageError(f"A file is written as it stands: leave --{' and --'.join(needless)} out.")
        from netlake.cli import messages

        return messages.write(Path(table), out, lake, asked, style=chosen)
    if chosen["format"] == "proto" and asked["select"]:
        raise click.UsageError("proto writes whole messages: leave --select out.")
    return rows.write(Request(str(lake), dump=asked, **chosen), out, timeout=timeout)
