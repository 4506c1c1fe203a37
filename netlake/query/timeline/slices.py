"""Splits the time of a lake into periods of about as many rows, by the statistics of its files.

The rows of a file are taken as spread evenly over its time. The first periods are small, so that the first rows are
there soon; each is twice the one before, up to SLICE rows. Bounds are whole milliseconds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np

# rows of the first period and of the largest
FIRST, SLICE = 250_000, 2_000_000
Period = tuple[dt.datetime | None, dt.datetime | None]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_UNIT = dt.timedelta(milliseconds=1)


def periods(
    files: Sequence[tuple[Any, Any, int]], since: dt.datetime | None, until: dt.datetime | None
) -> list[Period]:
    """The periods, in order, of files given as (least time, greatest time, rows); one if there are few rows."""
    known = [
        (_number(least), _number(greatest) + 1, rows)
        for least, greatest, rows in files
        if isinstance(least, dt.datetime) and isinstance(greatest, dt.datetime)
    ]
    cuts = _cuts(known)
    bounds = [_EPOCH + cut * _UNIT for cut in cuts]
    inside = [time for time in bounds if (since is None or time > since) and (until is None or time < until)]
    return list(zip([since, *inside], [*inside, until], strict=True))


def _number(time: dt.datetime) -> int:
    return (time - _EPOCH) // _UNIT


def _cuts(files: Sequence[tuple[int, int, int]]) -> list[int]:
    """The times at which periods end, but the last one."""
    total = sum(rows for _, _, rows in files)
    if total <= FIRST:
        return []
    edges = np.unique([edge for begin, end, _ in files for edge in (begin, end)])
    begins, ends, rows = (np.array(column) for column in zip(*files, strict=True))
    rates = rows / (ends - begins)
    change = np.zeros(len(edges))
    np.add.at(change, np.searchsorted(edges, begins), rates)
    np.subtract.at(change, np.searchsorted(edges, ends), rates)
    # rows before each edge: those of a file grow evenly from its begin to its end
    before = np.concatenate([[0.0], np.cumsum(np.cumsum(change)[:-1] * np.diff(edges))])
    wanted, size, at = [], FIRST, FIRST
    while at < total:
        wanted.append(at)
        size = min(2 * size, SLICE)
        at += size
    return sorted({int(cut) for cut in np.interp(wanted, before, edges)} - {int(edges[0])})
