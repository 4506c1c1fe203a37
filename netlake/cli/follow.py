"""`netlake follow`: the content of a flow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from netlake.cli import options, rows
from netlake.query.output.visible import say

EXAMPLES = """\b
netlake follow --flow 17
netlake follow --flow 17 --hex --direction responder
netlake follow --flow 17 --raw --direction responder -o answer.bin
"""


@click.command("follow", cls=options.Command, short_help="Write the content of a flow.", epilog=EXAMPLES)
@click.option("--flow", metavar="N", required=True, type=click.IntRange(1, (1 << 63) - 1),
              help="Number of the flow, the column flow of `connection`.")  # fmt: skip
@click.option("--direction", type=click.Choice(["both", "originator", "responder"]), default="both", show_default=True,
              help="Only what this side sent.")  # fmt: skip
@click.option("--raw", is_flag=True, help="Write the bytes as they are, without missing ones.")
@click.option("--hex", "digits", is_flag=True, help="Write hexadecimal digits, with offsets in the direction.")
@click.option("-o", "--output", "out", metavar="FILE", type=options.NamedPath(dir_okay=False, path_type=Path),
              help="Write to this file; it is created only after all is written.")  # fmt: skip
@options.lake
@options.originals_of_a_flow
def command(flow: int, lake: Path, out: Path | None, **chosen: Any) -> None:
    """Write the content of a TCP or UDP flow, both directions in the order in which they were received.

    Lines of the originator begin with >, those of the responder with <. Text is safe for a terminal: control characters
    are escaped. Bytes that the capture does not have are a line such as [1,234 bytes missing]. The content is
    reassembled from the packets of the flow in the original capture, as when it was decoded.

    Exit codes: 0 success; 1 failure, such as an original that is gone; 2 wrong usage.
    """
    from netlake.query import carve, follow
    from netlake.query.connection import Connection
    from netlake.query.output import content

    if chosen["raw"] and chosen["digits"]:
        raise click.UsageError("Give either --raw or --hex, not both.")
    if chosen["raw"] and out is None and sys.stdout.isatty():
        raise click.UsageError("--raw writes the bytes of the flow: write them to a file with -o, or pipe them.")
    form = content.Raw() if chosen["raw"] else content.Digits() if chosen["digits"] else content.Text()
    with rows.target(out, lake) as file:
        snapshot, connection = carve.opened(lake, chosen["at"], chosen["captures"]), Connection()
        found = follow.found(snapshot, connection, flow)
        pieces = follow.pieces(found, snapshot, connection, carve.Originals(chosen["folder"], chosen["verify"]))
        if chosen["direction"] != "both":
            mine = chosen["direction"] == "originator"
            pieces = (piece for piece in pieces if piece.from_originator == mine)
        lost = content.write(pieces, form, file)
        file.flush()
    if lost and chosen["raw"]:
        say(f"{lost:,} bytes of flow {flow} are missing in the capture.")
