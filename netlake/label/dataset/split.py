"""Assign rows to splits.

- `time`: rows are in the order of their first packet. A boundary is the time of the first row of the later split. Rows
  that are still running at a boundary, that begin within the purge after it, or that continue a flow of an earlier
  split are left out (`purged`), so that nothing in the training split is from after its end.
- `host`, `attack`, `kfold`: groups are assigned whole, the largest first. Each goes to the split whose share of the
  group's classes is furthest below its target, so that classes are spread as the shares ask, as far as groups permit.
- `random`: rows are assigned alone, by a hash of the seed and their number, within each class.

Working table: `work.assigned` (id, split, reason), for all rows; `split` is also attempted, unknown, purged or dropped.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netlake.errors import OptionError, QueryError
from netlake.label.dataset.checks.verdict import some
from netlake.label.dataset.options import Options
from netlake.label.dataset.work import Work

PURGED, DROPPED, ATTEMPTED, UNKNOWN = "purged", "dropped", "attempted", "unknown"


@dataclass(frozen=True, slots=True)
class Boundary:
    """Begin of a split in time: microseconds since 1970."""

    split: str
    begin: int


def assign(work: Work, options: Options) -> tuple[Boundary, ...]:
    """Create `work.assigned`; return the boundaries of a time split. QueryError if a split would have no row."""
    boundaries: tuple[Boundary, ...] = ()
    if options.split == "time":
        boundaries = _by_time(work, options)
    elif options.split == "random":
        _by_row(work, options)
    else:
        _by_group(work, options)
    work.run(
        "CREATE TABLE work.assigned AS SELECT c.id, coalesce(c.part, s.split) AS split,"
        " CASE c.part WHEN 'attempted' THEN 'an attempt' WHEN 'unknown' THEN 'no label'"
        " WHEN 'dropped' THEN CASE WHEN c.state = 'unknown' THEN 'no label' ELSE 'an attempt' END"
        " ELSE s.reason END AS reason FROM work.classed c LEFT JOIN work.sorted s USING (id)"
    )
    _refuse_empty(work, options)
    return boundaries


def _refuse_empty(work: Work, options: Options) -> None:
    found = dict(work.rows("SELECT split, count(*) FROM work.assigned GROUP BY split"))
    empty = [name for name in options.shares if not found.get(name)]
    if empty:
        groups = work.value(
            "SELECT count(DISTINCT grp) FROM work.grouped JOIN work.classed USING (id) WHERE part IS NULL"
        )
        hint = (
            f"{found.get(PURGED, 0):,} rows were purged at the boundaries"
            if options.split == "time"
            else f"there are {groups:,} groups ({options.unit}); choose other shares, --folds or --group"
        )
        raise QueryError(f"No row is left for {some(empty)} of --split {options.split}: {hint}.")


def _by_time(work: Work, options: Options) -> tuple[Boundary, ...]:
    rows = work.value("SELECT count(*) FROM work.classed WHERE part IS NULL")
    work.run(
        "CREATE TABLE work.timed AS SELECT k.id, epoch_us(k.first_ts) AS first, epoch_us(k.last_ts) AS last, k.capture,"
        " k.chain, row_number() OVER (ORDER BY k.id) - 1 AS place FROM work.key k JOIN work.classed c USING (id)"
        " WHERE c.part IS NULL"
    )
    if work.value("SELECT count(*) FROM work.timed WHERE first IS NULL"):
        raise OptionError("--split time: some packets have no time; choose another split.")
    boundaries, done = [], 0.0
    for name, share in options.shares.items():
        place = min(rows - 1, round(done * rows))
        done += share
        boundaries.append(Boundary(name, work.value("SELECT first FROM work.timed WHERE place = ?", (place,))))
    cases, running, purged = "", "", ""
    for boundary in reversed(boundaries[1:]):
        cases += f" WHEN first >= {boundary.begin} THEN '{boundary.split}'"
    for boundary in boundaries[1:]:
        running += f" OR (first < {boundary.begin} AND last >= {boundary.begin})"
        purged += f" OR (first >= {boundary.begin} AND first < {boundary.begin + round(options.purge * 1e6)})"
    work.run(
        "CREATE TABLE work.sorted AS WITH sided AS (SELECT *, CASE"
        + cases
        + f" ELSE '{boundaries[0].split}' END AS side"
        " FROM work.timed), earliest AS (SELECT *, first_value(side) OVER (PARTITION BY capture, coalesce(chain,"
        " -1 - id)"
        " ORDER BY id) AS begun FROM sided)"
        f" SELECT id, CASE WHEN false{running}{purged} OR side <> begun THEN '{PURGED}' ELSE side END AS split,"
        f" CASE WHEN false{running} THEN 'running at a boundary' WHEN false{purged} THEN 'in the gap after a boundary'"
        " WHEN side <> begun THEN 'continues a flow of an earlier split' ELSE 'time' END AS reason FROM earliest"
    )
    return tuple(boundaries)


def _by_row(work: Work, options: Options) -> None:
    """A random order within each class, cut by the shares."""
    cases, done = "", 0.0
    for name, share in options.shares.items():
        done += share
        cases += f" WHEN (place - 0.5) / rows <= {done!r} THEN '{name}'"
    work.run(
        "CREATE TABLE work.sorted AS SELECT id, CASE" + cases + " ELSE 'test' END AS split, 'random' AS reason FROM"
        " (SELECT id, row_number() OVER (PARTITION BY class ORDER BY md5(? || ' ' || id), id) AS place,"
        " count(*) OVER (PARTITION BY class) AS rows FROM work.classed WHERE part IS NULL)",
        (str(options.seed),),
    )


def _by_group(work: Work, options: Options) -> None:
    counted = work.rows(
        "SELECT grp, class, count(*) FROM work.classed JOIN work.grouped USING (id) WHERE part IS NULL"
        " GROUP BY grp, class ORDER BY grp, class"
    )
    classes = {name: number for number, name in enumerate(sorted({row[1] for row in counted}))}
    groups = {name: number for number, name in enumerate(dict.fromkeys(row[0] for row in counted))}
    counts = np.zeros((len(groups), len(classes)), np.int64)
    for name, label, rows in counted:
        counts[groups[name], classes[label]] = rows
    chosen = spread(list(groups), counts, options.shares, options.seed)
    work.run("CREATE TABLE work.chosen (grp VARCHAR, split VARCHAR)")
    work.run("INSERT INTO work.chosen SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[])", (list(groups), list(chosen)))
    work.run(
        "CREATE TABLE work.sorted AS SELECT g.id, s.split, 'group' AS reason FROM work.grouped g JOIN"
        " work.chosen s USING (grp)"
        " JOIN work.classed c ON c.id = g.id WHERE c.part IS NULL"
    )


def spread(names: Sequence[str], counts: npt.NDArray[np.int64], shares: Mapping[str, float], seed: int) -> list[str]:
    """The split of each group; `counts` has its rows by class (groups x classes), `shares` the target of each split.

    Groups are taken by size (in powers of two), then by a hash of the seed and their name. A group goes to the split
    that has most room for its classes, of equal ones to the emptiest.
    """
    splits, target = list(shares), list(shares.values())
    sizes, totals = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    salt = [hashlib.sha256(f"{seed} {name}".encode()).digest() for name in names]
    order = sorted(range(len(names)), key=lambda group: (-sizes[group].bit_length(), salt[group]))
    have = [[0] * len(totals) for _ in splits]
    filled = [0] * len(splits)
    result = [""] * len(names)
    held = _held(counts)
    # plain numbers: the pairs of hosts of a large lake are hundreds of thousands of groups of one or two classes
    for group in order:
        size, rows = sizes[group], held[group]
        best, most = 0, -math.inf
        for split, full in enumerate(have):
            room = 0.0
            for label, part in rows:
                room += part / size * (target[split] - full[label] / totals[label])
            room = round(room, 12)
            if room > most or (room == most and filled[split] < filled[best]):
                best, most = split, room
        for label, part in rows:
            have[best][label] += part
        filled[best] += size
        result[group] = splits[best]
    return result


def _held(counts: npt.NDArray[np.int64]) -> list[list[tuple[int, int]]]:
    """The classes of each group, with their rows."""
    held: list[list[tuple[int, int]]] = [[] for _ in range(len(counts))]
    groups, labels = np.nonzero(counts)
    for group, label, rows in zip(groups.tolist(), labels.tolist(), counts[groups, labels].tolist(), strict=True):
        held[group].append((label, rows))
    return held
