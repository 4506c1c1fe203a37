"""Rows of synthetic lakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from netlake.schema import Column, List, Table, arrow


def _filled(column: Column, kind: pa.DataType, rows: int) -> pa.Array:
    """A column without information: null where allowed."""
    if isinstance(column.kind, List):
        return pa.array([[]] * rows, kind)
    if column.null:
        return pa.nulls(rows, kind)
    if pa.types.is_string(kind):
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["x"]))
    return pa.array(np.zeros(rows, np.int64)).cast(kind)


def batch_of(made: Table, values: dict[str, Any], rows: int) -> pa.RecordBatch:
    """`rows` rows of a table with these columns, text as (codes, words); other columns are empty."""
    schema = arrow.schema(made)
    arrays = []
    for column in made.all_columns:
        kind = schema.field(column.name).type
        given = values.get(column.name)
        if given is None:
            arrays.append(_filled(column, kind, rows))
        elif isinstance(given, tuple):
            arrays.append(pa.DictionaryArray.from_arrays(pa.array(given[0].astype(np.int32)), given[1]))
        else:
            arrays.append(pa.array(given).cast(kind))
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)
