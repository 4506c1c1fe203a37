"""The networks of `is_local`: of the option --local, else of the file networks.txt in the lake, else private ones.

The file has one network in each line; what follows the network is a comment, and so is a line that begins with #.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from netlake.errors import QueryError
from netlake.query.functions.addresses import network

FILE = "networks.txt"


def checked(given: Iterable[str]) -> tuple[str, ...]:
    """The networks as they are given; QueryError for one that is none."""
    networks = tuple(given)
    for text in networks:
        if network(text) is None:
            raise QueryError(f"{text!r} is not a network; write 192.0.2.0/24 or 2001:db8::/32.")
    return networks


def of_lake(lake: Path) -> tuple[str, ...]:
    """The networks of the lake's file; none without it. QueryError for a line that is no network."""
    try:
        lines = (lake / FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise QueryError(f"{FILE} in the lake cannot be read: {error.strerror}.") from error
    words = [line.split(maxsplit=1)[0] for line in lines if line.strip() and not line.lstrip().startswith("#")]
    try:
        return checked(words)
    except QueryError as error:
        raise QueryError(f"{FILE} in the lake: {error}") from error
