"""Stage the rows of a feature set on disk, and give each a number and a key.

A data set numbers its rows from 0 in the order of their first packet (then capture, packet and flow). The order in
which a source computes them has no influence, so that two runs number them alike.

Working tables: `work.raw` has the columns of the source and `_row`; `work.key` has one row for each row, with the
columns of KEY, whatever the kind of the set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from netlake.errors import QueryError
from netlake.label.dataset.source import LEAKS, Definition, Plain, Source
from netlake.label.dataset.work import Work, even, literal, quoted

FLOW_SET = ("capture", "flow", "first_packet", "last_packet", "first_ts", "last_ts")
PACKET_SET = ("capture", "packet", "ts")
KEY = ("id", "_row", "capture", "flow", "first_packet", "last_packet", "first_ts", "last_ts", "host_a", "host_b")
# columns that the data set adds
ADDED = ("id", "target", "state", "label", "labels", "attempted", "label_fraction")


def stage(work: Work, source: Source) -> tuple[Definition, ...]:
    """Write the rows of `source` to the working folder, number them, and return the definitions of their columns.

    QueryError for a set without rows, without key columns, or with columns of names that the data set uses.
    """
    path = work.folder / "raw.parquet"
    names = _write(path, source)
    _refuse(names, source.name)
    work.run(f"CREATE VIEW work.raw AS SELECT * FROM read_parquet({literal(str(path))})")
    known = {definition.name: definition for definition in source.definitions}
    keys = PACKET_SET if "packet" in names else FLOW_SET
    found = tuple(known.get(name) or Plain(name, "identity" if name in keys else "none") for name in names)
    for definition in found:
        if definition.leak not in LEAKS:
            raise QueryError(
                f"Column {definition.name} of {source.name} has the class of leak {definition.leak!r};"
                f" it must be one of {', '.join(LEAKS)}."
            )
    _key(work, names)
    return found


def _write(path: Path, source: Source) -> list[str]:
    """Write all batches to one Parquet file; return the names of the columns."""
    writer: pq.ParquetWriter | None = None
    count = 0
    names: list[str] = []
    try:
        for batch in even(source.batches()):
            plain = pa.RecordBatch.from_arrays([_decoded(column) for column in batch.columns], names=batch.schema.names)
            plain = plain.append_column("_row", pa.array(range(count, count + plain.num_rows), pa.int64()))
            if writer is None:
                names = list(batch.schema.names)
                writer = pq.ParquetWriter(path, plain.schema, compression="lz4")
            writer.write_table(pa.Table.from_batches([plain]).cast(writer.schema))
            count += plain.num_rows
    finally:
        if writer is not None:
            writer.close()
    if not count:
        raise QueryError(
            f"The feature set {source.name} has no rows: the lake has no packets of flows; add a capture first."
        )
    return names


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _refuse(names: Sequence[str], source: str) -> None:
    """QueryError for names that the data set cannot have, and for a set without keys."""
    lower = [name.lower() for name in names]
    if len(set(lower)) < len(lower):
        twice = sorted({name for name in lower if lower.count(name) > 1})
        raise QueryError(f"The feature set {source} has several columns named {', '.join(twice)}: rename them.")
    if taken := [name for name in names if name.lower() in ADDED or name.startswith("_")]:
        raise QueryError(f"The feature set {source} has columns that the data set adds: rename {', '.join(taken)}.")
    if not (set(FLOW_SET) <= set(names) or set(PACKET_SET) <= set(names)):
        raise QueryError(
            f"The feature set {source} does not name its rows: it needs the columns {', '.join(FLOW_SET)}, or"
            f" {', '.join(PACKET_SET)}."
        )


def _key(work: Work, names: Sequence[str]) -> None:
    """Create `work.key`: rows in the order of their numbers."""
    packets = "packet" in names
    flow = "flow" if "flow" in names else "NULL::BIGINT"
    first, last, begin, end = ("packet", "packet", "ts", "ts") if packets else FLOW_SET[2:]
    order = f"{begin} NULLS FIRST, capture, {first}, {flow} NULLS FIRST, _row"
    hosts = ("orig_ip", "resp_ip") if "orig_ip" in names and "resp_ip" in names else None
    select = (
        f"SELECT row_number() OVER (ORDER BY {order}) - 1 AS id, _row, capture, {flow} AS flow,"
        f" {first} AS first_packet, {last} AS last_packet, {begin} AS first_ts, {end} AS last_ts"
    )
    if hosts:
        work.run(
            f"CREATE TABLE work.key AS {select}, {quoted(hosts[0])} AS host_a, {quoted(hosts[1])} AS host_b FROM"
            " work.raw"
        )
    else:
        work.run(
            f"CREATE TABLE work.key AS SELECT k.*, c.orig_ip AS host_a, c.resp_ip AS host_b FROM ({select} FROM"
            " work.raw) k"
            " LEFT JOIN connection c USING (capture, flow)"
        )
