"""The class of each row: what becomes of attempts and of rows without a label.

Working table: `work.classed` (id, state, label, labels, attempted, ambiguous, label_fraction, class, part). `class` is
the name of its class, null for rows without one; `part` is null for rows that are split, else why they are not:
`attempted` and `unknown` rows are written apart, `dropped` rows are not written.
"""

from __future__ import annotations

from netlake.errors import QueryError
from netlake.label.dataset.options import Options
from netlake.label.dataset.work import Work

BENIGN = "benign"


def classify(work: Work, options: Options) -> tuple[str, ...]:
    """Create `work.classed`; return the names of the classes, benign first, then sorted.

    QueryError if fewer than two classes remain.
    """
    attempt = {
        "separate": ("NULL", "'attempted'"), "attack": ("m.label", "NULL"), "benign": (f"'{BENIGN}'", "NULL"),
        "drop": ("NULL", "'dropped'"),
    }[options.attempted]  # fmt: skip
    unknown = {"drop": ("NULL", "'dropped'"), "benign": (f"'{BENIGN}'", "NULL"), "keep": ("NULL", "'unknown'")}[
        options.unknown
    ]
    tried, none = "m.state = 'attack' AND m.attempted IS NOT NULL", "m.state IS NULL"
    work.run(
        "CREATE TABLE work.classed AS SELECT k.id, coalesce(m.state, 'unknown') AS state, m.label, m.labels,"
        " m.attempted,"
        " m.ambiguous, m.label_fraction,"
        f" CASE WHEN {none} THEN {unknown[0]} WHEN {tried} THEN {attempt[0]} WHEN m.state = 'benign' THEN '{BENIGN}'"
        " ELSE m.label END AS class,"
        f" CASE WHEN {none} THEN {unknown[1]} WHEN {tried} THEN {attempt[1]} END AS part"
        " FROM work.key k LEFT JOIN work.mark m USING (id)"
    )
    names = [
        name for (name,) in work.rows("SELECT DISTINCT class FROM work.classed WHERE class IS NOT NULL ORDER BY 1")
    ]
    _refuse(work, names, options)
    return tuple(sorted(names, key=lambda name: (name != BENIGN, name)))


def _refuse(work: Work, names: list[str], options: Options) -> None:
    if len(names) > 1:
        return
    rows, unlabelled, attempts = work.row(
        "SELECT count(*), count(*) FILTER (state = 'unknown'), count(*) FILTER (attempted IS NOT NULL) FROM"
        " work.classed"
    )
    if unlabelled == rows:
        raise QueryError(
            f"No label of version {options.version} applies to any of the {rows:,} rows of {options.features}:"
            " see `netlake label coverage`."
        )
    only = f"only of the class {names[0]}" if names else "of no class"
    hints = [
        f"{unlabelled:,} rows have no label; if everything that no rule names is benign, give --unknown benign"
        for _ in range(1)
        if unlabelled and options.unknown != "benign"
    ]
    hints += [f"{attempts:,} rows are attempts (--attempted)"] if attempts and options.attempted != "attack" else []
    raise QueryError(
        f"The rows are {only}, and training needs two classes: {'; '.join(hints) or 'label more of them'}."
    )
