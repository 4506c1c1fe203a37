"""`netlake search`: finds a regular expression in the payload of the originals."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import click

from netlake.cli import options, rows
from netlake.query.output import FORMATS
from netlake.query.output.visible import say

EXAMPLES = """\b
netlake search "password=[^&]+" --ignore-case
netlake search --hex "4d 5a 90 00" --capture monday.pcap.gz
netlake search "SELECT .* FROM" --flow 17 --format jsonl
"""


def digits(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    """Callback: bytes in hexadecimal digits, with spaces or colons between them."""
    if value is None:
        return None
    try:
        found = bytes.fromhex(value.replace(":", " "))
    except ValueError:
        found = b""
    if not found:
        raise click.BadParameter(f"{value!r} is not bytes in hexadecimal, such as de:ad:be:ef.", ctx, param)
    return found


@click.command("search", cls=options.Command, short_help="Find a pattern in the payload of captures.", epilog=EXAMPLES)
@click.argument("regex", required=False)
@click.option("--hex", "sought", metavar="BYTES", callback=digits,
              help="Find these bytes instead of REGEX, in hexadecimal such as de:ad:be:ef.")  # fmt: skip
@click.option("--ignore-case", is_flag=True, help="Upper and lower case letters of ASCII match each other.")
@click.option("--flow", metavar="N", type=click.IntRange(1, (1 << 63) - 1),
              help="Only the content of this flow; only its packets are read.")  # fmt: skip
@click.option("--format", type=click.Choice([name for name in FORMATS if name not in ("proto", "elasticsearch")]),
              help="Output format (default: by the ending of the file of -o, else table).")  # fmt: skip
@click.option("-o", "--output", "out", metavar="FILE", type=options.NamedPath(dir_okay=False, path_type=Path),
              help="Write to this file; it is created only after all rows are written.")  # fmt: skip
@click.option("--raw", is_flag=True, help="Write excerpts unchanged. By default control characters are escaped.")
@options.limit()
@options.lake
@options.originals_of_a_flow
def command(regex: str | None, lake: Path, out: Path | None, **chosen: Any) -> None:
    """Find REGEX, a regular expression of RE2, in the payload of the original captures.

    Streams of TCP are searched as they were reassembled, so that a match may begin in one segment and end in another;
    of UDP the payload of each datagram, of other packets the whole frame. Each byte is a character.

    A row has the capture, packet, flow and direction of the first byte of the match, its offset in the stream, datagram
    or frame, and an excerpt with the bytes around it.

    Exit codes: 0 success, also without a match; 1 failure, such as an original that is gone; 2 wrong usage.
    """
    if (regex is None) == (chosen["sought"] is None):
        raise click.UsageError("Give either a REGEX or --hex.")
    if regex == "":
        raise click.UsageError("REGEX is empty.")
    form = rows.form(chosen["format"], out)
    terminal = rows.check_terminal(form, out)
    most = chosen["rows"] if chosen["rows"] is not None else rows.MOST if terminal else 0

    from netlake.originals.searched import compiled
    from netlake.query import carve, output, search

    pattern = re.escape(chosen["sought"]) if regex is None else regex.encode()
    expression = compiled(pattern, ignore_case=chosen["ignore_case"])
    snapshot = carve.opened(lake, chosen["at"], chosen["captures"])
    originals = carve.Originals(chosen["folder"], chosen["verify"])
    with rows.target(out, lake) as file:
        width = shutil.get_terminal_size().columns if terminal else 0
        writer = output.writer(form, file, search.SCHEMA, output.Style(chosen["raw"], width))
        left = most
        for batch in search.rows(expression, snapshot, originals, chosen["flow"]):
            writer.write(batch.slice(0, left) if most else batch)
            if most and batch.num_rows > left:
                say(f"showing the first {most:,} matches; --limit 0 for all.")
                break
            left -= batch.num_rows
        writer.close()
        file.flush()
