"""`netlake label pcap`: writes a capture with its labels as packet comments."""

from __future__ import annotations

import os
from pathlib import Path

import click

from netlake.cli import options, rows, steps
from netlake.errors import OptionError
from netlake.query.output.visible import say
from netlake.spelling import spelled

EXAMPLES = """\b
netlake label pcap trace.pcap labelled.pcapng
netlake label pcap 3f2a9c labelled.pcapng --version strict
tshark -r labelled.pcapng -Y 'frame.comment contains "state=attack"'
"""


@click.command("pcap", cls=options.Command, short_help="Write a capture with labels as comments.", epilog=EXAMPLES)
@click.argument("capture")
@click.argument("out", metavar="OUT", type=options.NamedPath(dir_okay=False, path_type=Path))
@click.option("--version", metavar="NAME", default="default", show_default=True, callback=options.filled,
              help="Version of the labels, see `netlake label versions`.")  # fmt: skip
@options.lake
def command(capture: str, out: Path, version: str, lake: Path) -> None:
    """Write CAPTURE, a file or its id in the lake, to OUT: pcapng whose packets have their labels as comments.

    All packets are written as they are, with their own comments. A packet gets a comment for each rule:
    s=FLOW,label=LABEL,state=STATE,rule=SOURCE:RULE. Readers of pcapML read the first one, the class of the packet.

    Exit codes: 0 OUT is written; 1 failure, such as a capture without labels, and it is not; 2 wrong usage.
    """
    from netlake.label import labelled_capture

    if os.path.lexists(out):
        raise OptionError(f"{spelled(out)} exists: remove it, or choose another file.")
    with rows.target(out, lake) as file, steps.shown("writing") as draw:
        done = labelled_capture.write(
            lake, capture, file, version, lambda packets, every: draw("packets", packets / max(1, every))
        )
    click.echo(
        f"{spelled(out)}: {done.packets:,} packets, {done.labelled:,} of them with {done.labels:,} labels of version"
        f" {version}."
    )
    if done.untimed:
        say(f"{done.untimed:,} packets have no time that pcapng can express; theirs is 1970-01-01.")
