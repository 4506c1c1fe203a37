"""Casts columns of a result to types that every output format can represent.

Rules:
- A type without a faithful counterpart in Arrow or Parquet becomes text as DuckDB prints it (VARCHAR). DuckDB's export
  to Arrow gives BIT and BIGNUM as internal bytes, drops the offset of TIMETZ, and gives values of UHUGEINT above 38
  digits wrong; Parquet has no INTERVAL (as Arrow writes it) and no UNION.
- Nested types are cast by their parts: a list of INTERVAL becomes a list of VARCHAR.
- Columns are cast by position, because names may repeat. A result without such columns is not changed.
"""

from __future__ import annotations

import duckdb
from duckdb.sqltypes import DuckDBPyType

from netlake.schema.sql import name as quoted

# ids of types that become text
_TEXT = {"interval", "time with time zone", "bit", "bignum", "varint", "uhugeint", "variant", "geometry", "union"}


def portable(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """`relation`, with the columns cast whose type has no counterpart in some format."""
    kinds = [_kind(kind) for kind in relation.types]
    if not any(kinds):
        return relation
    columns = [
        f"#{place}{f'::{kind}' if kind else ''} AS {quoted(name)}"
        for place, (kind, name) in enumerate(zip(kinds, relation.columns, strict=True), 1)
    ]
    return relation.project(", ".join(columns))


def _kind(kind: DuckDBPyType) -> str | None:
    """The SQL type to which values of `kind` are cast; None if they stay."""
    name = kind.id
    if name in _TEXT:
        return "VARCHAR"
    if name not in {"list", "array", "struct", "map", "tuple"}:
        return None
    parts = [(label, part, _kind(part)) for label, part in kind.children if isinstance(part, DuckDBPyType)]
    if not any(cast for _, _, cast in parts):
        return None
    return _nested(name, kind, [(label, cast or str(part)) for label, part, cast in parts])


def _nested(name: str, kind: DuckDBPyType, inner: list[tuple[str, str]]) -> str:
    """The SQL type of the nested type `kind` with other parts: (label, SQL type) each."""
    kinds = [cast for _, cast in inner]
    if name == "list":
        return f"{kinds[0]}[]"
    if name == "array":
        size = next(part for label, part in kind.children if label == "size")
        return f"{kinds[0]}[{size}]"
    if name == "struct":
        return f"STRUCT({', '.join(f'{quoted(label)} {cast}' for label, cast in inner)})"
    return f"{name.upper()}({', '.join(kinds)})"
