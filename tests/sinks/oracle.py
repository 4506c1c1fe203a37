"""Random rows of every kind, and the same rows encoded by Protobuf's own classes."""

from __future__ import annotations

from functools import cache
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from netlake.schema import SCALARS, Column, Kind, List, Struct, Table, arrow, proto

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
SETTINGS = settings(deadline=None, max_examples=15, suppress_health_check=SLOW)


def bits(size: int) -> st.SearchStrategy[int]:
    """Integers of `size` bits; limits and small numbers are frequent."""
    low, high = -(1 << size - 1), (1 << size - 1) - 1
    return st.sampled_from([low, -1, 0, 1, 127, 128, high]).filter(lambda x: low <= x <= high) | st.integers(low, high)


# times are drawn as microseconds, days as days
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int16": bits(16),
    "int32": bits(32),
    "int64": bits(64),
    "float64": st.floats(allow_nan=False),
    "timestamp": bits(64),
    "date32": bits(32),
    "string": st.text(max_size=12) | st.sampled_from(["", "\0", "ü€𝄞", "a" * 200]),
    "binary": st.binary(max_size=12) | st.sampled_from([b"", b"\0\xff" * 100]),
}


def column(name: str, kind: Kind) -> Column:
    return Column(name, kind, f"The {name}.", why="a test")


def sample(kind: str) -> Table:
    """A table with `kind` as a column, in a list and in structs."""
    inner = (column("one", kind), column("many", List(kind)))
    deep = Struct((*inner, column("deep", Struct(inner)), column("deeps", List(Struct(inner)))))
    own = (*inner, column("ts_nanos", "i16"), column("pair", deep), column("pairs", List(deep)))
    return Table(f"sample_{kind}", "One row.", "none", (), own, context="record")


def value(kind: Kind, name: str = "") -> st.SearchStrategy[Any]:
    """A random value of `kind`, not null."""
    if name == "ts_nanos":
        return st.integers(0, 999)
    if isinstance(kind, List):
        return st.lists(value(kind.element), max_size=3)
    if isinstance(kind, Struct):
        return st.fixed_dictionaries({c.name: maybe(c) for c in kind.columns})
    return VALUES[SCALARS[kind].arrow]


def maybe(column: Column) -> st.SearchStrategy[Any]:
    found = value(column.kind, column.name)
    return found if isinstance(column.kind, List) or not column.null else st.none() | found


def row(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({c.name: maybe(c) for c in table.all_columns})


@cache
def numbered(kind: pa.DataType) -> pa.DataType:
    """`kind` with times and days as integers, like the random values."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_date(kind):
        return pa.int32()
    if pa.types.is_list(kind):
        return pa.list_(numbered(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, numbered(field.type)) for field in kind])
    return kind


def stored(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """`values` of type `numbered(kind)` as `kind`; Arrow does not cast numbers inside lists."""
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(values.offsets, stored(values.values, kind.value_type), type=kind)
    if pa.types.is_struct(kind):
        children = [stored(values.field(index), kind.field(index).type) for index in range(kind.num_fields)]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=values.is_null())
    return values.view(kind) if pa.types.is_temporal(kind) else values


def batch(table: Table, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    schema = arrow.schema(table)
    arrays = [stored(pa.array([r[f.name] for r in rows], numbered(f.type)), f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def message(table: Table, values: dict[str, Any]) -> Any:
    """The message of a row, set field by field with Protobuf's class."""
    made = proto.message(table)()
    fill(made, table.all_columns, values, values.get("ts_nanos") or 0)
    return made


def fill(made: Any, columns: tuple[Column, ...], values: dict[str, Any], nanos: int = 0) -> None:
    for c in columns:
        found = values[c.name]
        if isinstance(c.kind, List):
            for item in found:
                put(getattr(made, c.name), c.kind.element, item, None)
        elif found is not None:
            put(made, c.kind, found, c.name, nanos if c.name == "ts" else 0)


def put(target: Any, kind: Kind, found: Any, name: str | None, nanos: int = 0) -> None:
    """Set field `name` of `target`; None: `target` is a repeated field, append to it."""
    if isinstance(kind, Struct):
        inner = target.add() if name is None else getattr(target, name)
        inner.SetInParent()
        fill(inner, kind.columns, found)
    elif SCALARS[str(kind)].arrow == "timestamp":
        inner = target.add() if name is None else getattr(target, name)
        inner.SetInParent()
        inner.seconds, inner.nanos = found // 1_000_000, found % 1_000_000 * 1000 + nanos
    elif name is None:
        target.append(found)
    else:
        setattr(target, name, found)


def split(data: bytes) -> list[bytes]:
    """The messages in `data`."""
    found, at = [], 0
    while at < len(data):
        size = shift = 0
        while True:
            byte, at = data[at], at + 1
            size, shift = size | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        found.append(data[at : at + size])
        at += size
    return found


def non_default(kind: Kind, name: str = "") -> Any:
    """A value that differs from the default of an unset field."""
    if isinstance(kind, List):
        return [non_default(kind.element), non_default(kind.element)]
    if isinstance(kind, Struct):
        return {c.name: non_default(c.kind, c.name) for c in kind.columns}
    known = {
        "bool": True,
        "float64": 2.5,
        "timestamp": 1_700_000_000_123_456,
        "string": f"ü {name}",
        "binary": b"\0\xff",
    }
    return known.get(SCALARS[kind].arrow, 1 + sum(map(ord, name)) % 900)


def complete(table: Table) -> dict[str, Any]:
    return {c.name: non_default(c.kind, c.name) for c in table.all_columns}


TABLE = sample("text")
ROW = complete(TABLE)


def rows_of(count: int) -> pa.RecordBatch:
    return batch(TABLE, [ROW | {"packet": number, "one": f"text {number % 3}"} for number in range(count)])
