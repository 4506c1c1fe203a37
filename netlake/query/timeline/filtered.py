"""The display filter of a timeline, compiled to a condition for each of its kinds.

It is compiled where the originals of captures can be read, for filters that need their bytes: not in the child process
of `netlake.query.guard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netlake.query.connection import Connection
from netlake.query.filter.applied import conditions, snapshot_of
from netlake.query.timeline.kinds import chosen


def of_path(lake: Path, text: str, at: str | None, captures: Sequence[str], kinds: Sequence[str]) -> dict[str, str]:
    """For each kind whose rows have a packet or flow, the condition that its packet matches the filter `text`.

    The other arguments are options as the user writes them. FilterError if the filter is invalid.
    """
    snapshot = snapshot_of(lake, at, captures)
    connection = Connection()
    try:
        return conditions(text, [kind.name for kind in chosen(kinds, snapshot)], snapshot, connection)
    finally:
        connection.close()
