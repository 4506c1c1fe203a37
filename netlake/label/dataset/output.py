"""What is written of the finished rows: finite values only, imputed if asked, lists as columns where a format needs it.

- `work.out`: the rows as they are written. NaN and infinities are null; with `--missing impute`, nulls of features are
  the median (of text the most frequent value) of the training split.
- `flat` columns: each list of the features as columns NAME_0, NAME_1, ... up to its longest; CSV and npz have no lists.
  Behind the end of a list they are null; imputed, 0 or `(none)`.
- `masks`: for imputed sets, whether a flat column was null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from netlake.errors import OptionError
from netlake.label.dataset.frame import Frame, is_number
from netlake.label.dataset.work import literal, quoted

LONGEST_LIST = 4096
# imputed text without any value to take; an empty field of a CSV file would be read as missing
NOTHING = "(none)"


@dataclass(frozen=True, slots=True)
class Output:
    """The rows that are written.

    `frame` reads them from `work.out`; `flat` has name -> SQL of the columns without lists, `masks` name -> SQL of the
    columns that were imputed somewhere, `imputed` the value of each imputed feature.
    """

    frame: Frame
    flat: Mapping[str, str]
    numeric: tuple[str, ...]
    masks: Mapping[str, str] = field(default_factory=dict)
    imputed: Mapping[str, Any] = field(default_factory=dict)


def prepare(frame: Frame) -> Output:
    """Create `work.out`. OptionError if lists are too long for columns."""
    work = frame.work
    impute = frame.options.missing == "impute"
    finite = {one.name: _finite(one.name, frame.types[one.name]) for one in frame.features}
    values: dict[str, Any] = {}
    replaced = {name: sql for name, sql in finite.items() if sql != quoted(name)}
    if impute:
        for one in frame.features:
            if not _is_list(frame.types[one.name]):
                values[one.name], filler = _filler(frame, one.name, finite[one.name])
                replaced[one.name] = f"coalesce({finite[one.name]}, {filler})"
    replacing = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in replaced.items())
    work.run(
        f"CREATE OR REPLACE VIEW work.out AS SELECT *{f' REPLACE ({replacing})' if replacing else ''} FROM"
        f" {frame.relation}"
    )
    flat, numeric, masks = _flat(frame, finite, impute=impute)
    if impute:
        masks = _present(frame, masks)
    out = replace(frame, relation="work.out")
    return Output(out, flat, numeric, masks if impute else {}, values)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _finite(name: str, kind: pa.DataType) -> str:
    """SQL of a column in which values that are not finite are null."""
    column = quoted(name)
    return f"CASE WHEN isfinite({column}) THEN {column} END" if pa.types.is_floating(kind) else column


def _filler(frame: Frame, name: str, column: str) -> tuple[Any, str]:
    """(value for nulls of a feature, its SQL): of the rows that the frame is fitted on."""
    text = pa.types.is_string(frame.types[name]) or pa.types.is_large_string(frame.types[name])
    source = f"FROM {frame.relation} WHERE {frame.fitted}"
    if text:
        found = frame.work.rows(
            f"SELECT {column} AS value, count(*) {source} AND {column} IS NOT NULL GROUP BY value ORDER BY 2"
            " DESC, 1 LIMIT 1"
        )
        value = found[0][0] if found else NOTHING
        return value, literal(value)
    kind = frame.work.value(f"SELECT typeof({column}) FROM {frame.relation} LIMIT 1")
    value = frame.work.value(f"SELECT quantile_disc({column}, 0.5) {source}")
    if value is None:
        return (0, f"CAST(0 AS {kind})") if is_number(frame.types[name]) else (None, "NULL")
    return value, f"CAST({literal(str(value))} AS {kind})"


def _flat(
    frame: Frame, finite: Mapping[str, str], *, impute: bool
) -> tuple[dict[str, str], tuple[str, ...], dict[str, str]]:
    """(flat columns, names of those that are numbers, SQL of their masks)."""
    flat: dict[str, str] = {}
    masks: dict[str, str] = {}
    numeric: list[str] = []
    for one in frame.features:
        column, kind = quoted(one.name), frame.types[one.name]
        if not _is_list(kind):
            flat[one.name], masks[one.name] = column, f"{finite[one.name]} IS NULL"
            if is_number(kind):
                numeric.append(one.name)
            continue
        longest = frame.work.value(f"SELECT coalesce(max(len({column})), 0) FROM {frame.relation}")
        if longest > LONGEST_LIST:
            raise OptionError(
                f"Lists of {one.name} have up to {longest:,} values: --exclude {one.name}, at most {LONGEST_LIST:,}."
            )
        number = is_number(kind.value_type)
        for place in range(longest):
            name = f"{one.name}_{place}"
            item = _finite_item(f"list_extract({column}, {place + 1})", kind.value_type)
            flat[name] = f"coalesce({item}, {0 if number else literal(NOTHING)})" if impute else item
            masks[name] = f"{item} IS NULL"
            if number:
                numeric.append(name)
    if twice := flat.keys() & {"label"} or len({name.lower() for name in flat}) < len(flat):
        raise OptionError(f"Columns for lists have names that exist already ({twice}): rename the lists.")
    return flat, tuple(numeric), masks


def _finite_item(item: str, kind: pa.DataType) -> str:
    return f"CASE WHEN isfinite({item}) THEN {item} END" if pa.types.is_floating(kind) else item


def _present(frame: Frame, masks: Mapping[str, str]) -> dict[str, str]:
    """The masks that are true in some row."""
    parts = ", ".join(f"bool_or({sql})" for sql in masks.values())
    found = frame.work.row(f"SELECT {parts} FROM {frame.relation}")
    return {name: sql for (name, sql), flag in zip(masks.items(), found, strict=True) if flag}
