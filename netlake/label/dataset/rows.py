"""Stage the rows of a feature set on disk, and give each a number and a key.

A data set numbers its rows from 0 in the order of their first packet (then capture, packet and flow). The order in
which a source computes them has no influence, so that two runs number them alike.

Working tables
- `work.raw`: the columns of the source, and `_row`, its number in the order of the source.
- `work.owner` (capture, flow, key, hosts, packets): the key of a flow is the flow itself, or the first flow with its
  endpoints if the set joins flows of the same endpoints, as exporters do. A row has packets of one key.
- `work.key`: for each row, whatever the kind of the set: id, _row, capture, flow, last_flow, first_packet, last_packet,
  first_ts, last_ts, host_a (originator), host_b, key, chain. Rows of one key that share flows have the same chain, the
  number of its first flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from netlake.errors import QueryError
from netlake.label.dataset.options import KEPT_APART
from netlake.label.dataset.source import LEAKS, Definition, Plain, Source
from netlake.label.dataset.work import Work, even, literal

FLOW_SET = ("capture", "flow", "first_packet", "last_packet", "first_ts", "last_ts")
PACKET_SET = ("capture", "packet", "ts")
# columns that the data set adds
ADDED = ("row_id", "target", "label_state", "label", "labels", "attempted", "label_fraction")


def stage(work: Work, source: Source) -> tuple[Definition, ...]:
    """Write the rows of `source` to the working folder, number them, and return the definitions of their columns.

    Of two columns whose names differ in case only, which SQL does not distinguish, the one that is kept apart gets the
    suffix `_identity`. QueryError for a set without rows or key columns, or with names of columns of the data set.
    """
    path = work.folder / "raw.parquet"
    known = {definition.name: definition for definition in source.definitions}
    names, found = _write(path, source, known)
    _refuse(names, source.name)
    work.run(f"CREATE VIEW work.raw AS SELECT * FROM read_parquet({literal(str(path))})")
    for definition in found:
        if definition.leak not in LEAKS:
            raise QueryError(
                f"Column {definition.name} of {source.name} has the class of leak {definition.leak!r};"
                f" it must be one of {', '.join(LEAKS)}."
            )
    _key(work, names, joined=source.joined)
    return found


def _write(path: Path, source: Source, known: Mapping[str, Definition]) -> tuple[list[str], tuple[Definition, ...]]:
    """Write all batches to one Parquet file; return names and definitions of the columns."""
    writer: pq.ParquetWriter | None = None
    count = 0
    found: tuple[Definition, ...] = ()
    try:
        for batch in even(source.batches()):
            if writer is None:
                found = _distinct([known.get(name) or Plain(name, _leak(name)) for name in batch.schema.names])
            columns = [_decoded(column) for column in batch.columns]
            plain = pa.RecordBatch.from_arrays(columns, names=[one.name for one in found])
            plain = plain.append_column("_row", pa.array(range(count, count + plain.num_rows), pa.int64()))
            if writer is None:
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
    return [one.name for one in found], found


def _leak(name: str) -> str:
    """The class of a column without a definition."""
    return "identity" if name in FLOW_SET or name in PACKET_SET else "none"


def _distinct(columns: Sequence[Definition]) -> tuple[Definition, ...]:
    """The definitions, with other names for columns kept apart that have the name of another column in another case."""
    keeper: dict[str, Definition] = {}
    for one in columns:
        held = keeper.get(one.name.lower())
        if held is None or held.leak in KEPT_APART:
            keeper[one.name.lower()] = one
    return tuple(
        Plain(f"{one.name}_identity", one.leak, one.unit, one.description, one.null_when)
        if keeper[one.name.lower()] is not one and one.leak in KEPT_APART
        else one
        for one in columns
    )


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


def _key(work: Work, names: Sequence[str], *, joined: bool) -> None:
    """Create `work.owner` and `work.key`: rows in the order of their numbers."""
    _owner(work, joined=joined)
    packets = "packet" in names
    flow = "flow" if "flow" in names else "NULL::BIGINT"
    last_flow = "last_flow" if "last_flow" in names else flow
    first, last, begin, end = ("packet", "packet", "ts", "ts") if packets else FLOW_SET[2:]
    order = f"{begin} NULLS FIRST, capture, {first}, {flow} NULLS FIRST, _row"
    own = {"orig_ip", "resp_ip"} <= set(names)
    hosts = "orig_ip AS host_a, resp_ip AS host_b" if own else "NULL::VARCHAR AS host_a, NULL::VARCHAR AS host_b"
    work.run(
        "CREATE TABLE work.key AS WITH numbered AS ("
        f"SELECT row_number() OVER (ORDER BY {order}) - 1 AS id, _row, capture, {flow} AS flow, {last_flow} AS"
        f" last_flow, {first} AS first_packet, {last} AS last_packet, {begin} AS first_ts, {end} AS last_ts, {hosts}"
        " FROM work.raw),"
        " owned AS (SELECT n.* REPLACE (coalesce(n.host_a, o.orig_ip) AS host_a, coalesce(n.host_b, o.resp_ip)"
        " AS host_b), o.key FROM numbered n LEFT JOIN work.owner o USING (capture, flow)),"
        # a chain begins at a row whose flow no earlier row of its key has
        " begun AS (SELECT *, CASE WHEN flow > coalesce(max(last_flow) OVER (PARTITION BY capture, key ORDER BY"
        " first_packet, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), -1) THEN flow END AS begin FROM owned)"
        " SELECT * EXCLUDE (begin), CASE WHEN flow IS NOT NULL THEN coalesce(last_value(begin IGNORE NULLS) OVER"
        " (PARTITION BY capture, key ORDER BY first_packet, id ROWS UNBOUNDED PRECEDING), flow) END AS chain FROM begun"
    )


def _owner(work: Work, *, joined: bool) -> None:
    """`work.owner`: key and hosts of each flow; the key is the first flow with its endpoints, or the flow itself."""
    swap = "(orig_ip, coalesce(orig_port, 0)) > (resp_ip, coalesce(resp_port, 0))"
    ends = (
        f"protocol, tunnel_key, if({swap}, resp_ip, orig_ip), if({swap}, orig_ip, resp_ip),"
        f" if({swap}, resp_port, orig_port), if({swap}, orig_port, resp_port)"
    )
    key = f"min(flow) OVER (PARTITION BY capture, {ends})" if joined else "flow"
    work.run(
        f"CREATE TABLE work.owner AS SELECT capture, flow, {key} AS key, orig_ip, resp_ip, first_packet, last_packet"
        " FROM connection"
    )
