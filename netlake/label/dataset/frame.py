"""The finished rows of a data set, which checks and formats read.

`work.final` has all columns of the source, those of ADDED, and `_split`, `_group`, `_reason`, `_host_a`, `_host_b`,
`_first`, `_last` (microseconds since 1970), `_ambiguous`; its rows are in the order of `row_id`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from netlake.errors import OptionError
from netlake.label.dataset.options import KEPT_APART, Options
from netlake.label.dataset.source import LEAKS, Definition
from netlake.label.dataset.work import Work, literal, quoted
from netlake.query import names

# in --exclude: the features that the check `constants` finds
CONSTANTS = "check:constants"
LABEL_COLUMNS = ("target", "label_state", "label", "labels", "attempted", "label_fraction")


@dataclass(slots=True)
class Frame:
    """A relation with the rows, and what its columns are.

    `features` are the columns of X, `apart` the other columns of the source; `classes` are the names of the classes
    by their number; `splits` the names of the splits that a model uses, in order; `others` those written beside them.
    """

    work: Work
    features: tuple[Definition, ...]
    apart: tuple[Definition, ...]
    classes: tuple[str, ...]
    splits: tuple[str, ...]
    options: Options
    others: tuple[str, ...] = ()
    relation: str = "work.final"
    types: dict[str, pa.DataType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.types:
            schema = self.work.table(f"SELECT * FROM {self.relation} LIMIT 0").schema
            self.types = {name: schema.field(name).type for name in schema.names}

    @property
    def used(self) -> str:
        """SQL condition: rows of a split that a model uses."""
        return f"_split IN ({', '.join(map(literal, self.splits))})"

    @property
    def fitted(self) -> str:
        """SQL condition: rows from which models and checks of columns learn: the training split, or all folds."""
        return "_split = 'train'" if "train" in self.splits else self.used

    @property
    def numeric(self) -> list[str]:
        """Names of the features that are numbers or truth values."""
        return [one.name for one in self.features if is_number(self.types[one.name])]

    def rows(self, split: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of one split, in the order of `row_id`; `columns` are names."""
        chosen = ", ".join(map(quoted, columns))
        return self.work.batches(f"SELECT {chosen} FROM {self.relation} WHERE _split = {literal(split)}")

    def count(self, split: str) -> int:
        """The number of rows of a split."""
        return int(self.work.value(f"SELECT count(*) FROM {self.relation} WHERE _split = ?", (split,)))


def is_number(kind: pa.DataType) -> bool:
    """Whether a feature of this type is a number or a truth value."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def select(
    definitions: Sequence[Definition], options: Options
) -> tuple[tuple[Definition, ...], tuple[Definition, ...]]:
    """(features, columns kept apart), by class of leak and --exclude, --include; OptionError for unknown names."""
    known = {definition.name for definition in definitions}
    chosen: dict[str, set[str]] = {}
    for option, given in (("exclude", options.exclude), ("include", options.include)):
        chosen[option] = set()
        for name in given:
            if name == CONSTANTS and option == "exclude":
                continue  # they are known when the rows are split
            if name.startswith("leak:") and name[5:] in LEAKS:
                chosen[option] |= {one.name for one in definitions if one.leak == name[5:]}
            elif name in known:
                chosen[option].add(name)
            elif name.startswith("leak:"):
                raise OptionError(f"--{option}: {name[5:]!r} is no class of leak; classes are {', '.join(LEAKS)}.")
            else:
                raise OptionError(
                    f"--{option}: {names.unknown('column', name, sorted(known), ' in ' + options.features)}"
                )
    if both := chosen["exclude"] & chosen["include"]:
        raise OptionError(f"--exclude and --include both name {', '.join(sorted(both))}.")
    features = tuple(
        one
        for one in definitions
        if one.name in chosen["include"] or (one.leak not in KEPT_APART and one.name not in chosen["exclude"])
    )
    if not features:
        raise OptionError("--exclude leaves no feature: name fewer columns.")
    return features, tuple(one for one in definitions if one not in features)


def finish(work: Work, classes: Sequence[str]) -> None:
    """Write the final rows to the working folder, in the order of their numbers, and create `work.final`."""
    path = literal(str(work.folder / "final.parquet"))
    numbers = " ".join(f"WHEN {literal(name)} THEN {number}" for number, name in enumerate(classes))
    work.run(
        "COPY (SELECT r.* EXCLUDE (_row), m.* EXCLUDE (_row) FROM work.raw r JOIN (SELECT k._row, k.id AS row_id,"
        f" (CASE c.class {numbers} ELSE -1 END)::BIGINT AS target, c.state AS label_state, c.label,"
        " coalesce(c.labels, []) AS labels, c.attempted, c.label_fraction, a.split AS _split, g.grp AS _group,"
        " a.reason AS _reason, k.host_a AS _host_a, k.host_b AS _host_b, epoch_us(k.first_ts) AS _first,"
        " epoch_us(k.last_ts) AS _last, c.ambiguous AS _ambiguous FROM work.key k JOIN work.classed c USING (id)"
        " JOIN work.assigned a USING (id) JOIN work.grouped g USING (id)) m USING (_row) ORDER BY m.row_id)"
        f" TO {path} (FORMAT parquet, COMPRESSION lz4)"
    )
    work.run(f"CREATE VIEW work.final AS SELECT * FROM read_parquet({path})")
