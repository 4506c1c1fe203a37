"""`netlake carve`: writes packets of the lake to a capture, from the originals."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from netlake.cli import options, rows, steps
from netlake.errors import OptionError
from netlake.query.output.visible import say
from netlake.spelling import spelled

EXAMPLES = """\b
netlake carve --flow 17 -w flow.pcapng
netlake carve --packet 100-120 --packet 5 -w some.pcap
netlake carve --where "SELECT capture, packet FROM dns WHERE rcode = 3" -w nxdomain.pcapng
netlake carve --filter "tls && ip.addr == 10.0.0.7" -w - | tshark -r -
"""


def ranges(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Callback: (first, last) of each number or range N-M."""
    found = []
    for text in value:
        first, dash, last = text.partition("-")
        numbers = (first, last if dash else first)
        if not all(one.isascii() and one.isdigit() and len(one) <= options.MOST_DIGITS for one in numbers):
            raise click.BadParameter(f"{text!r} is not a number of a packet, or a range such as 10-20.", ctx, param)
        found.append((int(numbers[0]), int(numbers[1])))
    return tuple(found)


@click.command("carve", cls=options.Command, short_help="Write packets to a capture.", epilog=EXAMPLES)
@click.option("--flow", "flows", metavar="N", multiple=True, type=click.IntRange(1, (1 << 63) - 1),
              help="Packets of this flow, the column flow of `connection`; may be repeated.")  # fmt: skip
@click.option("--packet", "packets", metavar="N", multiple=True, callback=ranges,
              help="The packet with this number, or those of a range such as 10-20; may be repeated.")  # fmt: skip
@click.option("--where", metavar="SQL", callback=options.filled,
              help="Packets that match this SQL condition on table packet, or those in the columns capture and packet"
              " of a statement.")  # fmt: skip
@click.option("--filter", "display_filter", metavar="FILTER", callback=options.filled,
              help="Packets that match this display filter of Wireshark; see docs/filters.md.")  # fmt: skip
@click.option("-w", "--write", "out", metavar="FILE", required=True,
              type=options.NamedPath(dir_okay=False, allow_dash=True, path_type=Path),
              help="Write this capture: .pcapng, or .pcap without comments; - for pcapng on stdout.")  # fmt: skip
@click.option("--replace", is_flag=True, help="Replace FILE if it exists.")
@click.option("--labels", metavar="NAME", callback=options.filled,
              help="Version of the labels in comments (default: `default`, if the lake has it).")  # fmt: skip
@click.option("--limit", "limit", metavar="N", type=click.IntRange(1, (1 << 63) - 1),
              help="Write the first N packets only.")  # fmt: skip
@options.lake
@options.originals
def command(out: Path, lake: Path, folder: Path | None, **chosen: Any) -> None:
    """Write packets to FILE as they are in the original captures, which may be compressed.

    Packets of several captures are in one file, with interfaces of their own. Options combine: a packet must match all
    that are given. Its comments and options are kept, and its labels are comments as of `netlake label pcap`.

    FILE is created after all packets are written. An original that is gone or was changed since it was decoded is an
    error.

    Exit codes: 0 FILE is written; 1 failure, such as an original that is gone or no packet that matches; 2 wrong usage.
    """
    from netlake.query import carve

    wanted = {name: chosen.pop(name) for name in ("flows", "packets", "where", "limit")}
    wanted["filter"] = chosen.pop("display_filter")
    if not any(wanted[name] for name in ("flows", "packets", "where", "filter")):
        raise click.UsageError("Give --flow, --packet, --where or --filter; --where true selects all packets.")
    replace, timeout = chosen.pop("replace"), chosen.pop("timeout")
    place = None if str(out) == "-" else out
    if place is None and sys.stdout.isatty():
        raise click.UsageError("pcapng is a binary format: write it to a file with -w, or pipe it.")
    if place is not None and os.path.lexists(place) and not replace:
        raise OptionError(f"-w: {spelled(place)} exists: add --replace to replace it, or choose another file.")
    originals = carve.Originals(folder, verified=chosen.pop("verify"))
    with rows.reported(), steps.shown("carving") as draw:
        done = carve.guarded(lake, place, wanted, originals, timeout=timeout, progress=draw, **chosen)
    captures = f" of {len(done.captures)} captures" if len(done.captures) > 1 else ""
    labels = f", {done.labels:,} labels" if done.labels else ""
    sentence = f"{done.packets:,} packets{captures}, {done.bytes:,} bytes{labels}."
    if place is None:
        say(sentence)
    else:
        click.echo(f"{spelled(place)}: {sentence}")
    if done.untimed:
        say(f"{done.untimed:,} packets have no time that the format can express; theirs is 1970-01-01.")
