"""Values and conditions of a plan as expressions of Polars over the columns v0, v1 ..."""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.filter import plan
from netlake.query.filter.plan import Condition, Const, Value
from netlake.query.filter.sql import is_float

COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


def condition(of: Condition) -> pl.Expr:
    """Whether the values fulfil a condition; null without a value."""
    return _holds(of, _names(of))


def value(of: Value) -> pl.Expr:
    """A value; null where there is none."""
    return _value(of, _names(of))


def _names(of: Value | Condition) -> list[str]:
    return [f"v{number}" for number, _ in enumerate(plan.leaves(of))]


def _holds(of: Condition, names: Sequence[str]) -> pl.Expr:  # noqa: PLR0911 - a return for each kind
    if isinstance(of, plan.No):
        return ~_holds(of.of, names)
    if isinstance(of, plan.AnyOf):
        return reduce(operator.or_, (_holds(one, names) for one in of.of))
    if isinstance(of, plan.AllOf):
        return reduce(operator.and_, (_holds(one, names) for one in of.of))
    if isinstance(of, plan.InNetwork):
        first, last, _ = of.network.network
        digits = _digits(_value(of.of, names), of.of.type)
        return (digits.str.len_bytes() == len(first)) & (digits >= first) & (digits <= last)
    split = sum(1 for _ in plan.leaves(of.left))
    if of.operator == "contains" and (found := _among_bytes(of, names)) is not None:
        return found
    left, right = _value(of.left, names[:split]), _value(of.right, names[split:])
    if of.operator == "contains":
        return _contains(left, right, whole_bytes=of.left.type == "hex")
    if of.operator == "matches":
        return _matches(of, left)
    return COMPARED[of.operator](left, right)  # type: ignore[no-any-return]


def _among_bytes(of: plan.Relation, names: Sequence[str]) -> pl.Expr | None:
    """Whether bytes contain a constant, compared as bytes; None for other values."""
    if isinstance(of.left, plan.Hex) and isinstance(of.left.of, plan.Bytes) and isinstance(of.right, Const):
        return pl.col(names[0]).bin.contains(bytes.fromhex(str(of.right.value)))
    return None


def _contains(left: pl.Expr, right: pl.Expr, *, whole_bytes: bool) -> pl.Expr:
    """Whether a text is in another; of hexadecimal digits only at whole bytes."""
    if not whole_bytes:
        return left.str.contains(right, literal=True)
    return left.str.contains(pl.concat_str([pl.lit("^(?:..)*"), right]))


def _matches(of: plan.Relation, left: pl.Expr) -> pl.Expr:
    """Whether RE2 finds the pattern, as in DuckDB; in bytes each byte is a character."""
    pattern = str(of.right.value) if isinstance(of.right, Const) else ""

    def found(series: pl.Series) -> pl.Series:
        values = series.to_arrow()
        if of.left.type == "hex":
            values = pa.array([None if one is None else bytes.fromhex(one) for one in series], pa.binary())
        elif of.left.type == "bytes":
            values = values.cast(pa.binary())
        else:
            values = values.cast(pa.string())
        return pl.Series(series.name, pc.match_substring_regex(values, pattern, ignore_case=True))

    return left.map_batches(found, return_dtype=pl.Boolean)


def _value(of: Value, names: Sequence[str]) -> pl.Expr:
    if isinstance(of, Const):
        return pl.lit(of.value, dtype=pl.Int128) if of.type == "time" else pl.lit(of.value)
    if isinstance(of, (plan.Field, plan.Group, plan.Bytes)):
        return pl.col(names[0])
    if isinstance(of, plan.Hex):
        return _digits(_value(of.of, names), of.of.type)
    if isinstance(of, plan.Cut):
        return _cut(of, _value(of.of, names))
    if isinstance(of, plan.Apply):
        return _applied(of, _value(of.of, names))
    split = sum(1 for _ in plan.leaves(of.left))
    return _math(of, _value(of.left, names[:split]), _value(of.right, names[split:]))


def _digits(of: pl.Expr, kind: str) -> pl.Expr:
    """The bytes of an address or of bytes in hexadecimal digits."""
    if kind == "hex":
        return of
    if kind == "bytes":
        return of.bin.encode("hex")
    if kind == "mac":
        return of.str.replace_all(":", "", literal=True)
    return of.map_batches(_packed, return_dtype=pl.String)


def _packed(series: pl.Series) -> pl.Series:
    different = series.drop_nulls().unique().to_list()
    return series.replace_strict(
        different, [ipaddress.ip_address(one).packed.hex() for one in different], default=None, return_dtype=pl.String
    )


def _cut(of: plan.Cut, inner: pl.Expr) -> pl.Expr:
    """The slice of a text, or of bytes in hexadecimal, which have two characters each."""
    width = 2 if of.type == "hex" else 1
    size = inner.str.len_chars().cast(pl.Int64) // width
    parts, within = [], []
    for span in of.spans:
        first = pl.lit(span.first) if span.first >= 0 else size + span.first
        if span.mode == "":
            count = pl.lit(1)
        elif span.second is None:
            count = size - first
        elif span.mode == ":":
            count = pl.lit(span.second)
        else:
            count = (pl.lit(span.second) if span.second >= 0 else size + span.second) - first + 1
        inside = (first >= 0) & (count > 0) & (first + count <= size)
        within.append(inside)
        # a slice that is not inside has no value: its offsets only have to be valid
        begin, length = (pl.when(inside).then(width * one).otherwise(0) for one in (first, count))
        parts.append(inner.str.slice(begin, length))
    return pl.when(reduce(operator.and_, within)).then(pl.concat_str(parts))


def _applied(of: plan.Apply, inner: pl.Expr) -> pl.Expr:
    if of.name == "len":
        return inner.str.len_bytes().cast(pl.Int64) // (2 if of.of.type == "hex" else 1)
    if of.name == "string":
        if of.of.type == "bool":
            return pl.when(inner).then(pl.lit("True")).when(~inner).then(pl.lit("False"))
        return inner.cast(pl.String)
    if of.name == "number":
        return inner.cast(pl.Int64)
    if of.name in ("abs", "minus"):
        number = inner.cast(pl.Float64 if is_float(of) else pl.Int128)
        return _size(number) if of.name == "abs" else 0 - number
    return inner.str.to_uppercase() if of.name == "upper" else inner.str.to_lowercase()


def _size(number: pl.Expr) -> pl.Expr:
    """The absolute value; Polars has none for integers of 128 bits."""
    return pl.when(number < 0).then(0 - number).otherwise(number)


def _math(of: plan.Math, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    if of.sign == "&":
        return left.cast(pl.Int64) & right.cast(pl.Int64)
    kind = pl.Float64 if is_float(of) else pl.Int128
    left, right = left.cast(kind), right.cast(kind)
    if of.sign in ("/", "%"):
        right = pl.when(right != 0).then(right)
        # towards zero, as in C and in SQL
        if kind is pl.Float64:
            whole = (left / right).truncate()
            return left / right if of.sign == "/" else left - whole * right
        size = _size(left) // _size(right)
        quotient = pl.when((left < 0) == (right < 0)).then(size).otherwise(0 - size)
        return quotient if of.sign == "/" else left - quotient * right
    return {"+": operator.add, "-": operator.sub, "*": operator.mul}[of.sign](left, right)  # type: ignore[no-any-return]
