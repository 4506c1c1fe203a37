"""Read packets from captures: files, folders, pipes and standard input, compressed or not.

with open_capture("trace.pcapng.gz") as source:
    for batch in source.batches():
        ...
source.problems    # what could not be read, with the byte offset
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from netlake.sources.facts import Comment, Interface, Name, PacketOptions, Part, Problem, Section
from netlake.sources.file import FileSource
from netlake.sources.inputs import expand
from netlake.sources.joined import JoinedSource
from netlake.sources.source import Source

__all__ = [
    "Comment",
    "Interface",
    "Name",
    "PacketOptions",
    "Part",
    "Problem",
    "Section",
    "Source",
    "as_one",
    "expand",
    "open_capture",
]


def open_capture(
    spec: str | os.PathLike[str],
    *,
    salvage: bool = False,
    sha256: bool = True,
    first_number: int = 1,
    first_interface: int = 0,
) -> Source:
    """Open a file, a named pipe, or standard input (`-`); InputError if it cannot be opened or is not a capture."""
    return FileSource(spec, salvage=salvage, sha256=sha256, first_number=first_number, first_interface=first_interface)


def as_one(
    specs: Sequence[str | os.PathLike[str]],
    *,
    salvage: bool = False,
    sha256: bool = True,
    first_number: int = 1,
    first_interface: int = 0,
) -> Source:
    """Open several files as one capture, in the order of their first packets; InputError if none can be read."""
    return JoinedSource(
        specs, salvage=salvage, sha256=sha256, first_number=first_number, first_interface=first_interface
    )
