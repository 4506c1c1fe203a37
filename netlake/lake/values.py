"""Least and greatest values as text of the catalog, and back, by DuckLake's name of the type.

A value that cannot be converted exactly is None, "not known": a wrong bound would make readers skip rows.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

INTEGERS = {"int8", "int16", "int32", "int64", "int128", "uint8", "uint16", "uint32", "uint64", "uint128"}
REALS = {"float32", "float64"}
# types with statistics over a whole table: every file has a range of them, and ranges can be compared
RANGED = {"int16", "int32", "int64", "timestamptz", "date"}


def encode(value: Any) -> str | None:
    """The text that DuckLake writes for a value; None for None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(" ").replace("+00:00", "+00")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    return str(value)


def decode(text: str | None, kind: str) -> Any:
    """The value of a text; None for unknown types and for times outside Python's range."""
    reader = _READERS.get(kind)
    if text is None or reader is None:
        return None
    try:
        return reader(text)
    except ValueError:
        return None


def _real(text: str) -> float | None:
    number = float(text)
    return None if math.isnan(number) else number


def _moment(text: str) -> dt.datetime | None:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else None


_READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(INTEGERS, int),
    **dict.fromkeys(REALS, _real),
    "varchar": str,
    "date": dt.date.fromisoformat,
    "timestamptz": _moment,
    "boolean": {"0": False, "1": True, "false": False, "true": True}.get,
}
