"""Table -> pyarrow.Schema; field ids and descriptions are metadata, which the Parquet footer contains."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from netlake.schema import Column, Kind, List, Struct, Table
from netlake.schema.contract import ids
from netlake.schema.kinds import SCALARS

TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date32": pa.date32(),
    "string": pa.string(),
    "binary": pa.binary(),
}


def data_type(kind: Kind, path: str, numbers: dict[str, int]) -> pa.DataType:
    """The Arrow type of `kind`; `numbers` contains the ids of its children, by paths below `path`."""
    if isinstance(kind, List):
        child = f"{path}.element"
        return pa.list_(_field("element", kind.element, "", child, numbers, null=False))
    if isinstance(kind, Struct):
        return pa.struct([field(column, numbers, path + ".") for column in kind.columns])
    return TYPES[SCALARS[kind].arrow]


def _field(  # noqa: PLR0913 - one argument for each part of a field
    name: str, kind: Kind, doc: str, path: str, numbers: dict[str, int], *, null: bool
) -> pa.Field:
    metadata = {"PARQUET:field_id": str(numbers[path])}
    if doc:
        metadata["doc"] = doc
    return pa.field(name, data_type(kind, path, numbers), nullable=null, metadata=metadata)


def field(column: Column, numbers: dict[str, int], prefix: str = "") -> pa.Field:
    """The Arrow field of `column`; lists are never null."""
    null = column.null and not isinstance(column.kind, List)
    return _field(column.name, column.kind, column.doc, prefix + column.name, numbers, null=null)


@cache
def schema(table: Table) -> pa.Schema:
    """The Arrow schema of `table`, context columns first; its metadata has the table's name, doc and specification."""
    numbers = ids(table)
    fields = [field(column, numbers) for column in table.all_columns]
    return pa.schema(
        fields, metadata={"netlake.table": table.name, "netlake.doc": table.doc, "netlake.spec": table.spec}
    )
