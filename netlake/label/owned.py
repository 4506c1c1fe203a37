"""Write all rows of an owner in a derived table, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa

from netlake.lake import Catalog, Outcome
from netlake.schema import Table
from netlake.sinks.parquet import ParquetSink


def replace(
    catalog: Catalog, table: Table, owner: str, version: str | Callable[[], str], rows: Iterable[pa.RecordBatch]
) -> Outcome:
    """Replace the rows of `owner` in `table` by `rows`, batches with the columns of `schema.arrow.schema(table)`.

    `version` may be a function that is called after the last batch, for a version that depends on the rows. Nothing
    changes if writing fails. LakeError for an owner's name that a lake does not accept.
    """
    sink = ParquetSink(catalog.data, f"{table.name}-{''.join(c if c.isalnum() else '_' for c in owner)}")
    try:
        for batch in rows:
            sink.write(table, batch)
        sink.close()
    except BaseException:
        sink.abort()
        raise
    return catalog.replace_table(table, sink.files, owner, version if isinstance(version, str) else version())
